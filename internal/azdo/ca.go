package azdo

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitpatrol/patrol/internal/harden"
)

// maxCA bounds what is read of one certificate file, in bytes. Mozilla's whole
// bundle is 0.2 MB.
const maxCA = 8 << 20

// roots returns the certificates to trust: those of CAFile in place of the
// system's, as curl's CURLOPT_CAINFO, and those of the directory CAPath in
// addition, as CURLOPT_CAPATH. nil means the system's.
func roots(s Settings) (*x509.CertPool, error) {
	if s.CAFile == "" && s.CAPath == "" {
		return nil, nil
	}
	for _, path := range []string{s.CAFile, s.CAPath} {
		if err := harden.OnShare(path); err != nil {
			return nil, fmt.Errorf("%q: %w", path, err)
		}
	}
	pool := x509.NewCertPool()
	if s.CAFile == "" {
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil, err
		}
		pool = system
	} else if err := addFile(pool, s.CAFile); err != nil {
		return nil, err
	}
	if s.CAPath == "" {
		return pool, nil
	}
	entries, err := os.ReadDir(s.CAPath)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		// A directory of certificates also holds keys, lists and README files,
		// which curl passes over as well.
		_ = addFile(pool, filepath.Join(s.CAPath, e.Name()))
	}
	return pool, nil
}

func addFile(pool *x509.CertPool, name string) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() || st.Size() > maxCA {
		return fmt.Errorf("%q is not a file of certificates", name)
	}
	pem, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%q holds no certificate", name)
	}
	return nil
}
