package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/foreign"
	"github.com/gitpatrol/patrol/internal/secretservice"
)

// listSecrets lists the items of a Secret Service that a helper made: of those
// whose attribute key has one of the values, the ones that read makes an entry of.
func listSecrets(key string, values []string, read func(secretservice.Item, cred.Secret) (foreign.Entry, bool)) func(context.Context, *importer) ([]*importItem, error) {
	return func(ctx context.Context, i *importer) (found []*importItem, err error) {
		service, err := secretservice.Dial(ctx, secretservice.Options{
			Getenv: i.getenv, Ask: i.personThere() && !i.flags.yes,
			Asking: func() { i.note("waiting for the desktop's question to unlock the keyring") },
		})
		if errors.Is(err, secretservice.ErrNoService) {
			return nil, errNotThere
		}
		if err != nil {
			return nil, err
		}
		i.closers = append(i.closers, service.Close)
		var items []secretservice.Item
		for _, value := range values {
			some, err := service.Search(ctx, map[string]string{key: value})
			if err != nil {
				return nil, err
			}
			items = append(items, some...)
		}
		for _, item := range items {
			if _, ok := read(item, cred.Secret{}); !ok {
				continue // of another program: its secret is not asked for
			}
			secret, err := service.Secret(ctx, item)
			if err != nil {
				return found, failed("unlock the keyring at the desktop, and type the command again", "%v", err)
			}
			e, _ := read(item, secret)
			found = append(found, &importItem{
				Place: item.Label, entry: e,
				remove: func(ctx context.Context) error { return service.Delete(ctx, item) },
			})
		}
		if len(found) == 0 {
			return nil, errNotThere
		}
		return found, nil
	}
}

// The schemas of git-credential-libsecret, before and since Git 2.42.
// See https://github.com/git/git/blob/master/contrib/credential/libsecret/git-credential-libsecret.c.
const (
	schemaGit     = "org.git.Password"
	schemaNetwork = "org.gnome.keyring.NetworkPassword"
)

// fromLibsecret reads an item of git-credential-libsecret. Other programs have
// items of the older schema, too; Git's begin their label with its name.
func fromLibsecret(item secretservice.Item, secret cred.Secret) (foreign.Entry, bool) {
	a := item.Attributes
	switch a["xdg:schema"] {
	case schemaGit:
	case schemaNetwork, "":
		if !strings.HasPrefix(item.Label, "Git: ") {
			return foreign.Entry{}, false
		}
	default:
		return foreign.Entry{}, false
	}
	e := foreign.Entry{Protocol: a["protocol"], Host: a["server"], Path: a["object"], User: a["user"], Secret: foreign.FirstLine(secret)}
	_, e.HasUser = a["user"]
	if port := a["port"]; port != "" && port != "0" {
		e.Host += ":" + port
	}
	return e, a["server"] != ""
}

// The schema of Git Credential Manager.
// See https://github.com/git-ecosystem/git-credential-manager/blob/main/src/shared/Core/Interop/Linux/SecretServiceCollection.cs.
const schemaGCM = "com.microsoft.GitCredentialManager"

func fromGCM(item secretservice.Item, secret cred.Secret) (foreign.Entry, bool) {
	if item.Attributes["xdg:schema"] != schemaGCM {
		return foreign.Entry{}, false
	}
	return foreign.GCMService(item.Attributes["service"], item.Attributes["account"], secret)
}
