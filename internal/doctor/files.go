package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/vault"
)

// keyChecks are about where the vault's key is.
func keyChecks() []Check {
	return []Check{{
		ID:       "key-in-clear",
		Title:    "the vault's key lies in clear",
		Why:      "Whoever gets both files, from a backup, say, has every token and the sign-ins.",
		Remedy:   "patrol setup --key SOURCE, with one that is not insecure: patrol setup --help lists them",
		Severity: High,
		Find:     findClearKey,
	}, {
		ID:       "key-shared",
		Title:    "other containers can read the vault's key",
		Why:      "The kernel keyring goes by user id: without a user namespace, a process of the same id in any container on this kernel can read the key.",
		Remedy:   "patrol lock when you are done, or give the container a user namespace",
		Severity: Medium,
		Find:     findSharedKey,
	}}
}

func findClearKey(_ context.Context, m *Machine) ([]Finding, error) {
	f, err := m.Vault.Load()
	if err != nil {
		return nil, nil // other checks say what is wrong with it
	}
	kind, err := keys.Find(f.Source)
	if err != nil || !kind.Insecure {
		return nil, err
	}
	return []Finding{{Where: m.Short(m.Vault.Dir()), What: "the key source is " + f.Source}}, nil
}

func findSharedKey(_ context.Context, m *Machine) ([]Finding, error) {
	f, err := m.Vault.Load()
	if err != nil || !m.KeyShared(f.ID) {
		return nil, nil
	}
	return []Finding{{Where: "the kernel keyring", What: "it holds the key of vault " + f.ID + ", and this is a container that shares it"}}, nil
}

// fileChecks are about who may read and write what Git and patrol trust.
func fileChecks() []Check {
	return []Check{{
		ID:       "vault-unsafe",
		Title:    "the vault is open to others, or not yours",
		Why:      "patrol refuses it: others may have read its key, or put another in its place.",
		Remedy:   "see who has it: ls -la DIR; then chmod 700 the directory and 600 the files",
		Severity: High,
		Find:     findUnsafeVault,
	}, {
		ID:       "unsafe-permissions",
		Title:    "others can write what decides which programs Git runs",
		Why:      "Whoever can write your Git configuration, or your home directory, can name a credential helper of their own, and gets the next token.",
		Severity: High,
		Find:     findPermissions,
	}}
}

func findUnsafeVault(_ context.Context, m *Machine) ([]Finding, error) {
	if _, err := m.Vault.Load(); errors.Is(err, vault.ErrUnsafe) {
		f := Finding{Where: m.Short(m.Vault.Dir()), What: err.Error()}
		if own(m.Vault.Dir()) == nil && own(m.Vault.Path()) == nil {
			f.Fix = m.closeFix(m.Vault.Dir(), 0o700, m.Vault.Path(), 0o600)
		}
		return []Finding{f}, nil
	}
	entries, err := os.ReadDir(m.Vault.Dir())
	if err != nil {
		return nil, nil // there is none yet
	}
	var found []Finding
	for _, e := range entries {
		path := filepath.Join(m.Vault.Dir(), e.Name())
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && private() && info.Mode().Perm()&0o077 != 0 {
			found = append(found, Finding{
				Where: m.Short(path), What: fmt.Sprintf("its mode is %04o", info.Mode().Perm()), Fix: m.closeFix("", 0, path, 0o600),
			})
		}
	}
	return found, nil
}

// closeFix offers to set modes. An empty path is left out.
func (m *Machine) closeFix(dir string, dirMode fs.FileMode, file string, fileMode fs.FileMode) *Fix {
	says := fmt.Sprintf("chmod %04o %s", fileMode, m.Short(file))
	if dir != "" {
		says = fmt.Sprintf("chmod %04o %s\n", dirMode, m.Short(dir)) + says
	}
	return &Fix{Says: says, Do: func(context.Context) (*Fix, error) {
		if dir != "" {
			if err := os.Chmod(dir, dirMode); err != nil {
				return nil, err
			}
		}
		info, err := os.Lstat(file)
		if err != nil || !info.Mode().IsRegular() {
			return nil, cmp.Or(err, fmt.Errorf("%s is no regular file", file))
		}
		return nil, os.Chmod(file, fileMode)
	}}
}

func findPermissions(_ context.Context, m *Machine) ([]Finding, error) {
	paths := []string{}
	if m.Home != "" {
		paths = append(paths, m.Home)
	}
	for _, e := range m.Config.Entries() {
		if file := e.File(); file != "" && !slices.Contains(paths, file) {
			paths = append(paths, file, filepath.Dir(file))
		}
	}
	slices.Sort(paths)
	var found []Finding
	for _, path := range slices.Compact(paths) {
		why, group := writable(path)
		if why == "" {
			continue
		}
		f := Finding{Where: m.Short(path), What: why, Severity: writeSeverity(group), Remedy: "chmod go-w " + path}
		if info, err := os.Stat(path); err == nil && own(path) == nil {
			mode := info.Mode().Perm() &^ 0o022
			f.Fix = &Fix{Says: fmt.Sprintf("chmod %04o %s", mode, m.Short(path)), Do: func(context.Context) (*Fix, error) {
				return nil, os.Chmod(path, mode)
			}}
		}
		found = append(found, f)
	}
	return found, nil
}
