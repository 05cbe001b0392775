package git

import (
	"runtime"
	"slices"
	"strings"
)

// Environ returns env as a child process of ours may have it: without what
// looks like a secret, which the child does not need and anybody of the same
// user could read from it, and without what would make Git write a trace of
// its traffic or read another file than Git itself does. The order is kept.
func Environ(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		name = strings.ToUpper(name)
		return isTrace(name) || isSecret(name)
	})
}

// Withheld names the variables that Environ takes out. A program that unsets them
// keeps them from the children that libraries start, and from the libraries.
func Withheld(env []string) []string {
	var names []string
	for _, kv := range env {
		if name, _, _ := strings.Cut(kv, "="); len(Environ([]string{kv})) == 0 {
			names = append(names, name)
		}
	}
	return names
}

// isTrace says which variables make Git write down what it does, headers
// included. GIT_CONFIG is here because only `git config` obeys it, and it
// would then report that file in place of the configuration. AGEDEBUG makes the
// age library print what it says to a plugin, keys included.
func isTrace(name string) bool {
	return strings.HasPrefix(name, "GIT_TRACE") || name == "GIT_CURL_VERBOSE" || name == "GIT_CONFIG" || name == "AGEDEBUG"
}

// isSecret goes by the names in use: SYSTEM_ACCESSTOKEN, AZURE_DEVOPS_EXT_PAT,
// GITHUB_TOKEN, AZURE_CLIENT_SECRET, VSS_NUGET_EXTERNAL_FEED_ENDPOINTS and
// their like. Git's own GIT_CONFIG_* stay: they are configuration.
func isSecret(name string) bool {
	if strings.HasPrefix(name, "GIT_CONFIG") {
		return false
	}
	for _, word := range []string{"TOKEN", "SECRET", "PASSW", "CREDENTIALS", "APIKEY", "API_KEY", "ACCESS_KEY", "PRIVATE_KEY", "FEED_ENDPOINTS"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return strings.Contains("_"+name+"_", "_PAT_")
}

// lookupEnv is os.LookupEnv over a given environment.
func lookupEnv(env []string, name string) (string, bool) {
	for _, kv := range env {
		k, v, ok := strings.Cut(kv, "=")
		if ok && (k == name || runtime.GOOS == "windows" && strings.EqualFold(k, name)) {
			return v, true
		}
	}
	return "", false
}

// homeDir is where Git looks for ~: HOME, on Windows also USERPROFILE.
func homeDir(env []string) string {
	if home, _ := lookupEnv(env, "HOME"); home != "" {
		return home
	}
	if runtime.GOOS == "windows" {
		profile, _ := lookupEnv(env, "USERPROFILE")
		return profile
	}
	return ""
}
