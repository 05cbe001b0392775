package emulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// apiVersion is a version as clients ask for it, such as 7.2-preview.1:
// https://learn.microsoft.com/en-us/azure/devops/integrate/concepts/rest-api-versioning
type apiVersion struct {
	number   string // 7.2
	preview  bool
	revision string // 1, or empty
}

// parseVersion reads an api-version.
func parseVersion(s string) (apiVersion, bool) {
	number, rest, preview := strings.Cut(strings.ToLower(s), "-preview")
	v := apiVersion{number: number, preview: preview, revision: strings.TrimPrefix(rest, ".")}
	if _, ok := versionOrder(number); !ok || rest != "" && rest[0] != '.' {
		return v, false
	}
	if v.revision != "" {
		if _, err := strconv.ParseUint(v.revision, 10, 8); err != nil {
			return v, false
		}
	}
	return v, true
}

// versionOrder makes versions such as "7.2" comparable.
func versionOrder(number string) (int, bool) {
	major, minor, _ := strings.Cut(number, ".")
	if minor == "" {
		minor = "0"
	}
	a, err1 := strconv.ParseUint(major, 10, 8)
	b, err2 := strconv.ParseUint(minor, 10, 8)
	return int(a)*1000 + int(b), err1 == nil && err2 == nil
}

// requestedVersion is the api-version of the query, or of the Accept header.
func requestedVersion(r *http.Request) string {
	if v := r.URL.Query().Get("api-version"); v != "" {
		return v
	}
	for _, part := range strings.FieldsFunc(r.Header.Get("Accept"), func(c rune) bool { return c == ';' || c == ',' }) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(part), "api-version="); ok {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}

// checkVersion checks the asked version against a resource, and returns the
// one to name in the reply. Without one, reading gets the newest: released if
// there is one, else preview; writing is refused.
// Texts: https://github.com/dotnet/arcade-services/pull/1141 (preview),
// https://github.com/microsoft/azure-devops-extension-sample/issues/161 (range).
func checkVersion(w http.ResponseWriter, r *http.Request, res resource) (string, bool) {
	asked := requestedVersion(r)
	preview := "-preview." + strconv.Itoa(res.ResourceVersion)
	if asked == "" {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions {
			return "", badVersion(w, "VssVersionNotSpecifiedException", fmt.Sprintf("No api-version was supplied for the \"%s\" request. The version must be supplied either as part of the Accept header (e.g. \"application/json; api-version=1.0\") or as a query parameter (e.g. \"?api-version=1.0\").", r.Method))
		}
		if res.ReleasedVersion == "0.0" {
			return res.MaxVersion + preview, true
		}
		return res.ReleasedVersion, true
	}
	v, ok := parseVersion(asked)
	if !ok {
		return "", badVersion(w, "VssInvalidApiVersionException", fmt.Sprintf("The requested api-version %q is not well formed.", asked))
	}
	number, _ := versionOrder(v.number)
	highest, _ := versionOrder(res.MaxVersion)
	lowest, _ := versionOrder(res.MinVersion)
	released, _ := versionOrder(res.ReleasedVersion)
	revision, _ := strconv.Atoi(v.revision)
	switch {
	case number > highest, number < lowest, revision > res.ResourceVersion:
		return "", badVersion(w, "VssVersionOutOfRangeException", fmt.Sprintf("The requested REST API version of %s is out of range for this server. The latest REST API version this server supports is %s.", asked, res.MaxVersion))
	case !v.preview && number > released:
		return "", badVersion(w, "VssInvalidPreviewVersionException", fmt.Sprintf("The requested version %q of the resource is under preview. The -preview flag must be supplied in the api-version for such requests. For example: \"%s-preview\"", asked, v.number))
	case !v.preview:
		return v.number, true
	case v.revision != "":
		return v.number + "-preview." + v.revision, true
	}
	return v.number + preview, true
}

// badVersion refuses a version. It returns false, for its caller to return.
func badVersion(w http.ResponseWriter, key, text string) bool {
	writeException(w, http.StatusBadRequest, exceptionIn(webAPI, key), text)
	return false
}
