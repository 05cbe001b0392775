package emulator

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// DefaultPassword is the password of users whose seed has none.
const DefaultPassword = "not-a-real-password"

// The tenants in which personal Microsoft accounts live, and to which
// Microsoft's own applications bring them:
// https://github.com/git-ecosystem/git-credential-manager (Constants.cs)
const (
	consumerTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"
	transferTenant = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
)

// directory is what Entra knows: tenants, accounts and applications. The
// accounts change; entra's lock guards them.
type directory struct {
	tenants  []*tenant
	accounts map[string]*account // by lower-case sign-in name
	apps     map[string]*application
}

// tenant is a directory of an organization of people.
type tenant struct {
	id, name string
	domains  []string
}

// account is a person who can sign in.
type account struct {
	upn, displayName, oid string
	home                  string // tenant id
	guestOf               []string
	salt                  []byte
	password              [sha256.Size]byte
	totp                  []byte // nil: no second factor
	totpUsed              uint64 // counter of the last accepted code
	disabled              bool
	locked                bool      // by an administrator's word
	lockedUntil           time.Time // by wrong passwords
	wrong                 int       // wrong passwords in a row
	validFrom             uint64    // serial; what was issued before is revoked
	validFromTime         time.Time
	passwordChanged       bool            // that is why
	consents              map[string]bool // "client scope"
}

// newDirectory builds the directory of a seed.
func newDirectory(seed Seed, w *world) (*directory, error) {
	d := &directory{accounts: map[string]*account{}, apps: map[string]*application{}}
	for _, st := range seed.Tenants {
		t := &tenant{id: w.tenantIDs[st.Name], name: st.Name, domains: st.Domains}
		if len(t.domains) == 0 {
			t.domains = []string{strings.ToLower(st.Name) + ".com"}
		}
		d.tenants = append(d.tenants, t)
	}
	for _, su := range seed.Users {
		a, err := d.newAccount(su, w)
		if err != nil {
			return nil, fmt.Errorf("user %q: %w", su.UPN, err)
		}
		d.accounts[strings.ToLower(su.UPN)] = a
	}
	for _, app := range firstParty() {
		d.apps[app.id] = app
	}
	for _, sa := range seed.Applications {
		app, err := d.newApplication(sa)
		if err != nil {
			return nil, fmt.Errorf("application %q: %w", sa.Name, err)
		}
		d.apps[app.id] = app
	}
	return d, nil
}

func (d *directory) newAccount(su SeedUser, w *world) (*account, error) {
	oid, err := idOr(su.ID, "user", su.UPN)
	if err != nil {
		return nil, err
	}
	u := w.user(su.UPN)
	a := &account{upn: su.UPN, displayName: u.displayName, oid: oid, disabled: su.Disabled, locked: su.Locked, consents: map[string]bool{}}
	if a.home, err = d.homeOf(su); err != nil {
		return nil, err
	}
	for _, name := range su.GuestOf {
		t := d.tenant(name)
		if t == nil {
			return nil, fmt.Errorf("guestOf %q: no such tenant", name)
		}
		a.guestOf = append(a.guestOf, t.id)
	}
	for _, o := range w.orgs {
		if !o.msa() && belongs(u.grants, o.name) {
			a.guestOf = append(a.guestOf, o.tenant)
		}
	}
	a.setPassword(cmpOr(su.Password, DefaultPassword))
	switch su.TOTP {
	case "none":
	case "":
		a.totp = derivedTOTPSecret(su.UPN)
	default:
		if a.totp, err = parseTOTPSecret(su.TOTP); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// cmpOr is the first of two strings that is not empty.
func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// homeOf finds a user's home tenant.
func (d *directory) homeOf(su SeedUser) (string, error) {
	if su.Tenant != "" {
		if t := d.tenant(su.Tenant); t != nil {
			return t.id, nil
		}
		return "", fmt.Errorf("tenant %q is not in the seed", su.Tenant)
	}
	_, domain, _ := strings.Cut(strings.ToLower(su.UPN), "@")
	for _, t := range d.tenants {
		if slices.Contains(t.domains, domain) {
			return t.id, nil
		}
	}
	return consumerTenant, nil
}

// tenant finds a tenant by id, name or domain, as the path of a URL may have it.
func (d *directory) tenant(s string) *tenant {
	s = strings.ToLower(s)
	for _, t := range d.tenants {
		if t.id == s || strings.ToLower(t.name) == s || slices.Contains(t.domains, s) {
			return t
		}
	}
	return nil
}

// account finds an account by its sign-in name, in any case.
func (d *directory) account(upn string) *account {
	return d.accounts[strings.ToLower(strings.TrimSpace(upn))]
}

// personal reports whether it is a personal Microsoft account.
func (a *account) personal() bool { return a.home == consumerTenant }

// in reports whether the account exists in a tenant, as member or guest.
func (a *account) in(tenant string) bool {
	return a.home == tenant || slices.Contains(a.guestOf, tenant)
}

// oidIn is the object id in a tenant: a guest has another one there.
func (a *account) oidIn(tenant string) string {
	if a.home == tenant {
		return a.oid
	}
	return derivedGUID("guest", a.upn, tenant)
}

// setPassword keeps a hash only, so that no dump has a password.
func (a *account) setPassword(password string) {
	a.salt = make([]byte, 16)
	_, _ = rand.Read(a.salt) // never fails, by its documentation
	a.password = a.hash(password)
}

func (a *account) hash(password string) [sha256.Size]byte {
	return sha256.Sum256(append(slices.Clone(a.salt), password...))
}

// checkPassword compares in constant time.
func (a *account) checkPassword(password string) bool {
	hash := a.hash(password)
	return subtle.ConstantTimeCompare(hash[:], a.password[:]) == 1
}

// isLocked reports whether the account is locked at a moment.
func (a *account) isLocked(at time.Time) bool { return a.locked || at.Before(a.lockedUntil) }

// errNoUser says that the seed lacks a user.
func errNoUser(upn string) error { return fmt.Errorf("no user %q in the seed", upn) }

// errNoFactor says that there are no codes.
var errNoFactor = errors.New("no second factor is registered for this user")
