package cred

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// Reply is a helper's answer to get.
type Reply struct {
	Username    string
	HasUsername bool
	Password    Secret
	Expiry      time.Time // password_expiry_utc; zero: none
	Refresh     Secret    // oauth_refresh_token

	AuthType   string // only for callers that announced the capability authtype
	Credential Secret
	Ephemeral  bool

	Quit bool // stop Git: no other helper, no prompt
}

// errUnsayable is returned for a value that the line format cannot carry.
var errUnsayable = errors.New("the credential holds a byte that Git's protocol cannot carry")

// sayable reports whether every value fits on one line for every reader.
func sayable(values ...string) bool {
	for _, v := range values {
		if strings.ContainsAny(v, "\x00\r\n") {
			return false
		}
	}
	return true
}

// Write sends the reply in one call of w.Write, so that a helper that dies
// never leaves Git with half a password. An empty Reply writes nothing.
func (r Reply) Write(w io.Writer) error {
	var b strings.Builder
	line := func(key, value string) {
		b.WriteString(key)
		b.WriteByte('=')
		b.WriteString(value)
		b.WriteByte('\n')
	}
	values := []string{r.Username, r.Password.Reveal(), r.Refresh.Reveal(), r.AuthType, r.Credential.Reveal()}
	if !sayable(values...) {
		return errUnsayable
	}
	if r.Credential.IsSet() {
		line("capability[]", "authtype")
		line("authtype", r.AuthType)
		line("credential", r.Credential.Reveal())
		if r.Ephemeral {
			line("ephemeral", "1")
		}
	}
	if r.HasUsername {
		line("username", r.Username)
	}
	if r.Password.IsSet() {
		line("password", r.Password.Reveal())
	}
	if !r.Expiry.IsZero() {
		// Git takes zero and what is below for "never expires".
		line("password_expiry_utc", strconv.FormatInt(max(r.Expiry.Unix(), 1), 10))
	}
	if r.Refresh.IsSet() {
		line("oauth_refresh_token", r.Refresh.Reveal())
	}
	if r.Quit {
		line("quit", "1")
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Capabilities is the answer to the operation "capability".
// See https://git-scm.com/docs/git-credential#_description.
const Capabilities = "version 0\ncapability authtype\ncapability state\n"
