package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/foreign"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

// importState says what is to become of a credential, or has.
type importState string

const (
	stateValid      importState = "valid"          // the organisation accepts it
	stateUnverified importState = "not verifiable" // of a host that nobody can ask
	stateKept       importState = "kept already"
	stateOther      importState = "another is kept"
	stateDead       importState = "dead"
	stateRefused    importState = "refused"
	stateUnknown    importState = "not known"
	stateImported   importState = "imported"
)

// importItem is a credential that was found. Its fields are what --json prints.
type importItem struct {
	From     string      `json:"from"`
	Place    string      `json:"place"`
	For      string      `json:"for"` // organisation, or host
	Host     string      `json:"host"`
	Org      string      `json:"organization,omitempty"`
	User     string      `json:"user"`
	State    importState `json:"state"`
	Detail   string      `json:"detail,omitempty"`
	Error    string      `json:"error,omitempty"`
	Deleted  bool        `json:"deleted"`
	entry    foreign.Entry
	remove   func(context.Context) error
	request  cred.Request
	target   helper.Target
	verified bool
	account  string // whose it is, as the server says
	take     bool
}

func (item *importItem) fail(err error) { item.Error = explain(err).what }

func (item *importItem) is(state importState, detail string) { item.State, item.Detail = state, detail }

// importer is one run of import.
type importer struct {
	*session
	flags   importFlags
	items   []*importItem
	skipped []skipped
	known   map[string]verdictOf // of organisations that cannot be asked
	closers []func() error       // of connections that items are deleted through
}

// verdictOf is why an organisation could not be asked: it is asked once.
type verdictOf struct{ err error }

// skipped is a source that was not looked at.
type skipped struct {
	From   string `json:"from"`
	Reason string `json:"reason"`
}

// list looks into one source. Its trouble is an error only when it was named.
func (i *importer) list(ctx context.Context, source importSource, named bool) error {
	stop := i.progress("looking into " + source.name + " ...")
	found, err := source.list(ctx, i)
	stop()
	if err != nil {
		if named && !errors.Is(err, errNotThere) {
			i.code = helper.Failed
		}
		if named || !errors.Is(err, errNotThere) {
			i.skipped = append(i.skipped, skipped{source.name, explain(err).what})
		}
	}
	for _, item := range found {
		if len(i.flags.hosts) > 0 && !slices.ContainsFunc(i.flags.hosts, func(h string) bool { return cred.EqualFold(h, item.entry.Host) }) {
			continue
		}
		item.From, item.Host, item.For, item.User = source.name, item.entry.Host, item.entry.Host, item.entry.User
		i.items = append(i.items, item)
	}
	return nil
}

// judge decides what to do with a credential.
func (i *importer) judge(ctx context.Context, r *vault.Records, item *importItem) {
	if why := i.unusable(item); why != "" {
		item.is(stateRefused, why)
		return
	}
	t, err := helper.Identify(&item.request)
	if errors.Is(err, helper.ErrNoOrg) || item.onlyGuessed(t) {
		if i.flags.org == "" {
			item.is(stateUnknown, "it does not say which organisation it is for; --org ORG does")
			return
		}
		t, err = helper.Target{Azure: true, Host: helper.AzureHost, Org: cred.Lower(i.flags.org)}, nil
	}
	if err != nil {
		what, _ := helper.Explain(err, t)
		item.is(stateRefused, what)
		return
	}
	item.target = t
	if t.Azure {
		item.For, item.Org = t.Org, t.Org
	}
	switch {
	case r != nil && holds(r, item):
		item.is(stateKept, "")
	case r != nil && t.Azure && !helper.Allowed(r, t.Org):
		item.is(stateRefused, "it is not on the list of organisations that patrol may answer")
	case t.Azure:
		i.ask(ctx, r, item)
	default:
		i.compare(r, item)
	}
}

// onlyGuessed says that nothing but the user name could be the organisation,
// though it need not be.
func (item *importItem) onlyGuessed(t helper.Target) bool {
	return t.Azure && item.request.Host == helper.AzureHost && item.request.Path == "" && item.From == "netrc"
}

// unusable says why a credential is none for Git over https.
func (i *importer) unusable(item *importItem) string {
	e := item.entry
	switch {
	case e.Protocol != "https":
		return "it is for " + e.Protocol + ", where anyone on the way can read it"
	case e.Host == "":
		return "it does not say which host it is for"
	case e.IsRefresh():
		return "it is a refresh token of Git Credential Manager's own, and none for Git"
	case !e.Secret.IsSet() || e.Secret.Equal(cred.NewSecret("")):
		return "its password is empty"
	}
	host, err := cred.Canonical("https", e.Host)
	if err != nil {
		return "its host is none"
	}
	item.request = cred.Request{
		Protocol: "https", Host: host, Path: e.Path, HasPath: e.Path != "", Username: e.User, HasUsername: e.HasUser, Password: e.Secret,
	}
	return ""
}

// ask shows a token to the organisation it is for.
func (i *importer) ask(ctx context.Context, r *vault.Records, item *importItem) {
	org := item.target.Org
	if item.entry.IsJWT() {
		item.is(stateRefused, "it is an access token of Microsoft Entra, which ends within the hour; patrol makes its own")
		return
	}
	if was, ok := i.known[org]; ok {
		item.is(stateUnknown, "")
		item.fail(was.err)
		return
	}
	who, err := i.verify(ctx, org, item.entry.Secret)
	switch {
	case errors.Is(err, azdo.ErrExpired):
		item.is(stateDead, org+" says that it has expired")
	case errors.Is(err, azdo.ErrRefused):
		item.is(stateDead, org+" does not accept it: it was revoked, or is for another organisation")
	case errors.Is(err, azdo.ErrNoCredential):
		item.is(stateRefused, "it holds what no token does")
	case err != nil:
		i.known[org] = verdictOf{err}
		item.is(stateUnknown, "")
		item.fail(err)
	default:
		item.account, item.verified, item.User = who.Account, true, who.Account
		i.comparePAT(r, item)
	}
}

// comparePAT leaves a token of patrol's own that works in its place.
func (i *importer) comparePAT(r *vault.Records, item *importItem) {
	if r != nil && !i.flags.replace {
		for n := range r.List {
			rec := &r.List[n]
			if rec.Ours() && rec.Answers() && rec.Org == item.target.Org && cred.EqualFold(rec.Account, item.account) && !rec.Dead(i.Now()) && rec.Suspect.IsZero() {
				item.is(stateOther, "patrol has a token of "+item.account+" for it; --replace takes this one instead")
				return
			}
		}
	}
	same := func(o *importItem) bool {
		return o.target.Org == item.target.Org && cred.EqualFold(o.account, item.account)
	}
	if i.takenBefore(item, same) {
		item.is(stateOther, "one of "+item.account+" that was found before it is taken")
		return
	}
	item.is(stateValid, "")
	item.take = true
}

// takenBefore says that another credential takes the place that an item would
// have: the first that is found, as Git itself takes it.
func (i *importer) takenBefore(item *importItem, same func(*importItem) bool) bool {
	return slices.ContainsFunc(i.items, func(o *importItem) bool {
		return o != item && o.take && o.target.Host == item.target.Host && same(o) && !o.entry.Secret.Equal(item.entry.Secret)
	})
}

// sameIdentity says that a record is for the very place and user of t.
func sameIdentity(rec *vault.Record, t helper.Target) bool {
	return rec.Host == t.Host && rec.Path == t.Path && rec.HasPath == t.HasPath && rec.HasAccount == t.HasAccount && rec.Account == t.Account
}

// compare leaves another password for the same place where it is.
func (i *importer) compare(r *vault.Records, item *importItem) {
	if r != nil && !i.flags.replace {
		for n := range r.List {
			rec := &r.List[n]
			if rec.Answers() && sameIdentity(rec, item.target) {
				item.is(stateOther, "the vault has another password for it; --replace takes this one instead")
				return
			}
		}
	}
	if !helper.Storable(&item.request, item.target, i.Now()) {
		item.is(stateRefused, "it has no user name")
		return
	}
	if i.takenBefore(item, func(o *importItem) bool { return o.target == item.target }) {
		item.is(stateOther, "one that was found before it is taken")
		return
	}
	item.is(stateUnverified, "")
	item.take = true
}

// keepItem puts a credential into the vault.
func (i *importer) keepItem(ctx context.Context, item *importItem) error {
	now := i.Now()
	return i.update(ctx, func(r *vault.Records) error {
		if holds(r, item) {
			return vault.ErrUnchanged
		}
		if !item.verified {
			return helper.Store(r, item.target, &item.request, now)
		}
		rec := vault.Record{
			Kind: vault.PAT, Host: helper.AzureHost, Org: item.target.Org, Account: item.account, HasAccount: true, Created: now, Verified: now,
		}
		rec.SetSecrets(vault.Secrets{Secret: item.entry.Secret})
		return lifecycle.KeepPasted(r, rec, item.entry.Secret, now)
	})
}
