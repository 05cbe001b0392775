package emulator

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// defaultLife is the life of a token whose end nobody chose.
const defaultLife = 7 * 24 * time.Hour

// PAT describes a personal access token without its secret, which the
// emulator keeps only as a hash.
type PAT struct {
	ID            string    `json:"id"` // the authorizationId of the service
	User          string    `json:"user"`
	Name          string    `json:"name"`
	Organizations []string  `json:"organizations"` // null: all of them
	Scope         string    `json:"scope"`
	Format        Format    `json:"format"`
	ValidFrom     time.Time `json:"validFrom"`
	ValidTo       time.Time `json:"validTo"`
	Revoked       time.Time `json:"revoked,omitzero"`
	Uses          int       `json:"uses"` // requests it was accepted for
}

// MintOptions says what token to make. User, Scope and, unless Global,
// Organization are needed.
type MintOptions struct {
	User         string   `json:"user"`
	Organization string   `json:"organization,omitempty"`
	Global       bool     `json:"global,omitempty"` // for all organizations of the user
	Scope        string   `json:"scope"`
	Name         string   `json:"name,omitempty"`
	Life         Duration `json:"life,omitzero"` // default 7 days, negative: expired already
	Format       Format   `json:"format,omitempty"`
}

// patStore holds the tokens by the hash of their secret.
type patStore struct {
	mu     sync.Mutex
	byHash map[[sha256.Size]byte]*PAT
	order  []*PAT
}

// add stores a token under its hash and gives it an id if it has none.
func (s *patStore) add(token string, p *PAT) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	hash := sha256.Sum256([]byte(token))
	if s.byHash == nil {
		s.byHash = map[[sha256.Size]byte]*PAT{}
	}
	if s.byHash[hash] != nil {
		return fmt.Errorf("token %q: the same secret twice", p.Name)
	}
	if p.ID == "" {
		p.ID = newGUID()
	}
	s.byHash[hash] = p
	s.order = append(s.order, p)
	return nil
}

// find looks a presented secret up. The copy it returns cannot change.
func (s *patStore) find(secret string) (PAT, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.byHash[sha256.Sum256([]byte(secret))]
	if p == nil {
		return PAT{}, false
	}
	return *p, true
}

// used counts an accepted request.
func (s *patStore) used(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.order {
		if p.ID == id {
			p.Uses++
		}
	}
}

// list copies all tokens, oldest first.
func (s *patStore) list() []PAT {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]PAT, len(s.order))
	for i, p := range s.order {
		out[i] = *p
		out[i].Organizations = slices.Clone(p.Organizations)
	}
	return out
}

// revoke marks the tokens that match as revoked and counts them.
func (s *patStore) revoke(at time.Time, match func(*PAT) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, p := range s.order {
		if p.Revoked.IsZero() && match(p) {
			p.Revoked = at
			n++
		}
	}
	return n
}

// Mint makes a personal access token and returns its secret, which cannot be
// had again. Its creation date is the emulator's clock.
func (e *Emulator) Mint(o MintOptions) (token string, pat PAT, err error) {
	seeded := SeedPAT{User: o.User, Name: o.Name, Scope: o.Scope, Format: o.Format, Life: o.Life}
	switch {
	case o.Global && o.Organization != "":
		return "", PAT{}, fmt.Errorf("a token is either global or for organization %q", o.Organization)
	case !o.Global && o.Organization == "":
		return "", PAT{}, fmt.Errorf("no organization for the token of %s", o.User)
	case !o.Global:
		seeded.Organizations = []string{o.Organization}
	}
	return e.addPAT(seeded)
}

// Revoke revokes one token by its id; a revoked one stays so without error.
func (e *Emulator) Revoke(id string) error {
	if !slices.ContainsFunc(e.pats.list(), func(p PAT) bool { return strings.EqualFold(p.ID, id) }) {
		return fmt.Errorf("no personal access token has the id %q", id)
	}
	e.pats.revoke(e.Now(), func(p *PAT) bool { return strings.EqualFold(p.ID, id) })
	return nil
}

// RevokeAll revokes every token and returns how many were not revoked before.
func (e *Emulator) RevokeAll() int {
	return e.pats.revoke(e.Now(), func(*PAT) bool { return true })
}

// PATs lists all tokens, also expired and revoked ones, oldest first.
func (e *Emulator) PATs() []PAT { return e.pats.list() }

// addPAT checks and stores one token.
func (e *Emulator) addPAT(s SeedPAT) (string, PAT, error) {
	p, err := e.newPAT(s)
	if err != nil {
		return "", PAT{}, err
	}
	token := s.Token
	if token == "" {
		if token, err = NewToken(rand.Reader, p.Format, p.ValidFrom); err != nil {
			return "", PAT{}, err
		}
	} else if !ValidToken(token) {
		return "", PAT{}, fmt.Errorf("token %q of %s: the secret has no valid checksum; leave it out, or make one with: azdo-emulator token", s.Name, s.User)
	}
	if err := e.pats.add(token, &p); err != nil {
		return "", PAT{}, err
	}
	return token, p, nil
}

// newPAT turns a seeded token into a stored one, names checked, times filled.
func (e *Emulator) newPAT(s SeedPAT) (PAT, error) {
	u := e.world.user(s.User)
	if u == nil {
		return PAT{}, fmt.Errorf("no user %q in the seed", s.User)
	}
	if !validScope(s.Scope) {
		return PAT{}, fmt.Errorf("scope %q: use %s or words such as %s", s.Scope, scopeFull, scopeCodeWrite)
	}
	id := ""
	if s.ID != "" {
		var err error
		if id, err = idOr(s.ID); err != nil {
			return PAT{}, err
		}
	}
	p := PAT{ID: id, User: u.upn, Name: s.Name, Scope: s.Scope, Format: s.Format, ValidFrom: s.ValidFrom, ValidTo: s.ValidTo}
	if p.Format == "" {
		p.Format = FormatNew
		if len(s.Token) == classicLength {
			p.Format = FormatClassic
		}
	}
	for _, name := range s.Organizations {
		o := e.world.org(name)
		if o == nil {
			return PAT{}, fmt.Errorf("no organization %q in the seed", name)
		}
		p.Organizations = append(p.Organizations, o.name)
	}
	e.fillTimes(&p, s)
	return p, nil
}

// fillTimes sets validity and revocation from what the seed left out.
func (e *Emulator) fillTimes(p *PAT, s SeedPAT) {
	if p.ValidFrom.IsZero() {
		p.ValidFrom = e.Now()
	}
	life := time.Duration(s.Life)
	if life == 0 {
		life = defaultLife
	}
	if p.ValidTo.IsZero() {
		p.ValidTo = p.ValidFrom.Add(life)
	}
	p.ValidFrom, p.ValidTo = p.ValidFrom.UTC(), p.ValidTo.UTC()
	if s.Revoked {
		p.Revoked = e.Now()
	}
}
