package emulator

import (
	"encoding/json"
	"net/http"
)

// writeJSONWithBOM answers with JSON behind a UTF-8 byte order mark and
// without a charset: the front door of the service, unlike its
// applications, does so in recorded traffic.
func writeJSONWithBOM(w http.ResponseWriter, status int, body any) {
	data, _ := json.Marshal(body) // of strings and numbers: cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte("\xef\xbb\xbf"), data...))
}
