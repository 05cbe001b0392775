package emulator

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
)

// deployment holds the ids by which the service names its own machines.
type deployment struct{ deploymentID, senderID, processID string }

// newDeployment makes one deployment; the process differs at each start, as
// it does between the service's machines.
func newDeployment() deployment {
	return deployment{
		deploymentID: derivedGUID("azdo-emulator", "deployment"),
		senderID:     derivedGUID("azdo-emulator", "sender"),
		processID:    newGUID(),
	}
}

// anonymousID is the user of a request without accepted credentials, as in
// recorded error messages: https://github.com/Azure/azure-cli/issues/24108
const anonymousID = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"

// banner heads every page, so that nobody takes one for the real thing.
const banner = "Emulator: never type a real password here"

// setCommonHeaders sets what recorded replies of the service always carry.
// Source: the recordings in https://github.com/Azure/azure-devops-cli-extension
// (azure-devops/azext_devops/tests/latest/integrationtests/recordings).
func (e *Emulator) setCommonHeaders(w http.ResponseWriter, r *http.Request) {
	activity := newGUID()
	session := r.Header.Get("X-TFS-Session")
	if !isGUID(session) {
		session = activity
	}
	h := w.Header()
	h.Set("ActivityId", activity)
	h.Set("X-TFS-ProcessId", e.deployment.processID)
	h.Set("X-TFS-Session", session)
	h.Set("X-VSS-E2EID", activity)
	h.Set("X-VSS-SenderDeploymentId", e.deployment.senderID)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	h.Set("P3P", `CP="CAO DSP COR ADMa DEV CONo TELo CUR PSA PSD TAI IVDo OUR SAMi BUS DEM NAV STA UNI COM INT PHY ONL FIN PUR LOC CNT"`)
	h.Set("Cache-Control", "no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "-1")
}

// setUserData names the signed-in user, as the service does.
func setUserData(w http.ResponseWriter, u *user) {
	if u != nil {
		w.Header().Set("X-VSS-UserData", u.vsid+":"+u.upn)
	}
}

// writeJSON answers with JSON; version, if not empty, is the api-version.
func writeJSON(w http.ResponseWriter, status int, version string, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "azdo-emulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	contentType := "application/json; charset=utf-8"
	if version != "" {
		contentType += "; api-version=" + version
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(data) // a client that has gone is no concern of ours
}

// exception is a .NET exception as the service names them in error bodies.
type exception struct{ namespace, key, assembly string }

// exceptionIn is an exception whose assembly has the name of its namespace,
// which is the rule.
func exceptionIn(namespace, key string) exception { return exception{namespace, key, namespace} }

// webAPI is the namespace of the errors of the REST framework itself.
const webAPI = "Microsoft.VisualStudio.Services.WebApi"

// errorBody is the service's error body, as it stands in recordings of
// https://github.com/Azure/azure-devops-cli-extension, in that order.
type errorBody struct {
	ID               string         `json:"$id"`
	CustomProperties map[string]any `json:"customProperties,omitempty"`
	InnerException   *errorBody     `json:"innerException"`
	Message          string         `json:"message"`
	TypeName         string         `json:"typeName"`
	TypeKey          string         `json:"typeKey"`
	ErrorCode        int            `json:"errorCode"`
	EventID          int            `json:"eventId"`
}

// body is the error body of an exception.
func (x exception) body(message string) errorBody {
	return errorBody{
		ID:       "1",
		Message:  message,
		TypeName: x.namespace + "." + x.key + ", " + x.assembly,
		TypeKey:  x.key,
		EventID:  3000,
	}
}

// writeException answers with the service's error body.
func writeException(w http.ResponseWriter, status int, x exception, message string) {
	writeJSON(w, status, "", x.body(message))
}

// writePage answers with an HTML page under the banner.
func writePage(w http.ResponseWriter, status int, title, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, page(title, text))
}

// page is an HTML page with nothing to fill in.
func page(title, text string) string {
	return fmt.Sprintf("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%[1]s</title></head>\n"+
		"<body><p><strong>%[2]s</strong></p>\n<h1>%[1]s</h1>\n<p>%[3]s</p></body></html>\n",
		html.EscapeString(title), banner, html.EscapeString(text))
}
