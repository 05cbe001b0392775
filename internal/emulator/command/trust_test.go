package command

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
)

// trust is a TLS configuration that knows one authority only.
func trust(t *testing.T, file string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", file)
	}
	return &tls.Config{RootCAs: roots}
}
