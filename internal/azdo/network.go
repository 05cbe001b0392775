package azdo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
)

// noAnswer is the error of a request without a whole answer. A change that may
// have arrived has an outcome nobody knows, whatever broke the connection.
func noAnswer(req call, sent bool, err error) *Error {
	e := transportError(req.op, err)
	if sent && req.changes() {
		e.Kind = ErrUnknownOutcome
	}
	return e
}

// transportError sorts what the transport reports when there is no answer.
func transportError(op string, err error) *Error {
	e := &Error{Kind: ErrNetwork, Op: op, Err: err}
	var proxy *proxyFailure
	var dial *net.OpError
	var ca *caFailure
	switch {
	case errors.As(err, &proxy):
		e.Kind, e.Status = ErrProxy, proxy.status
	case errors.As(err, &dial) && (dial.Op == "proxyconnect" || strings.HasPrefix(dial.Op, "socks")):
		e.Kind = ErrProxy
	case errors.As(err, &ca), isTLS(err):
		e.Kind = ErrTLS
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = fmt.Errorf("no answer in time: %w", err)
	}
	return e
}

// isTLS recognizes the errors of crypto/tls and crypto/x509, not all of which
// have a type.
func isTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	if errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &unknown) || errors.As(err, &name) {
		return true
	}
	var alert *net.OpError
	if errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error") {
		return true
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if s := err.Error(); strings.HasPrefix(s, "tls: ") || strings.HasPrefix(s, "x509: ") {
			return true
		}
	}
	return false
}
