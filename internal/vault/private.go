package vault

import "path/filepath"

// ReadPrivate reads a small file that a key source keeps beside the vault,
// under the same rules as the vault itself.
func (v *Vault) ReadPrivate(name string) ([]byte, error) {
	if err := checkDir(v.dir); err != nil {
		return nil, err
	}
	return readFile(filepath.Join(v.dir, name), 1<<20)
}

// WritePrivate replaces such a file. The caller holds the writer lock: it is in
// the save function of Create, or in Update.
func (v *Vault) WritePrivate(name string, data []byte) error {
	if err := makeDir(v.dir); err != nil {
		return err
	}
	return replaceFile(v.dir, name+".new", name, data)
}
