package vault

import (
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// Kind says what a record's secret is.
type Kind string

// The kinds of record. A Password is what Git handed over; the others patrol
// made or verified, and erase never deletes them. The first three answer Git.
const (
	Password Kind = "password" // a password or typed credential Git stored
	PAT      Kind = "pat"      // an Azure DevOps personal access token
	Entra    Kind = "entra"    // a Microsoft Entra access token, where PATs are refused

	Refresh Kind = "refresh" // the refresh token of a sign-in; never leaves the vault
	Intent  Kind = "intent"  // a token that is being made; Name is what the server calls it
	Policy  Kind = "policy"  // what is known of an organisation; it has no secret
	SSH     Kind = "ssh"     // an SSH key; the secret is the passphrase of its file, which is Path
)

// Record is one credential and what is known of it. Times are UTC, to the
// second; a zero time means unknown.
type Record struct {
	ID   string // random, never reused
	Kind Kind

	Host       string // canonical, see cred.Canonical
	Org        string // Azure DevOps organisation in lower case, else empty
	Path       string // of a generic host, when Git sent one
	HasPath    bool
	Account    string // who signs in with it
	HasAccount bool   // an empty user name differs from none
	AuthType   string // the word before the credential of the Authorization header

	ServerID    string // authorizationId of a PAT
	Name        string // display name on the server
	Scopes      string // space-separated, as the server answered
	Created     time.Time
	Expires     time.Time // as the server or the person said
	Verified    time.Time // last time a server accepted it
	Suspect     time.Time // Git reported it refused; ask before using it again
	Predecessor string    // ID of the record this one replaced

	Tenant string    // Entra tenant of a Refresh or Policy record, a GUID
	Reason string    // why, in words: of a Policy, or of a revocation that failed
	Until  time.Time // end of what a Policy record says
	Due    time.Time // the token is to be revoked from then on, and answers no more
	Tries  int       // revocations that failed

	PublicKey string // of an SSH record, "ssh-rsa AAAA..."

	sealed sealedSecret
	fresh  *Secrets // set since the vault was read; sealed at the next write
	extra  string   // fields of a later version, kept as they are
}

// Secrets is what a record keeps sealed.
type Secrets struct {
	Secret     cred.Secret // password or token
	Refresh    cred.Secret // oauth_refresh_token that Git handed over
	Credential cred.Secret // what follows AuthType
}

// SetSecrets replaces the record's secrets.
func (r *Record) SetSecrets(s Secrets) { r.fresh = &s }

// Ours reports whether patrol made or verified the record, so that only patrol
// may delete it.
func (r *Record) Ours() bool { return r.Kind != Password }

// Answers reports whether the record is of a kind that Git may be given, and is
// not on its way out.
func (r *Record) Answers() bool {
	return (r.Kind == Password || r.Kind == PAT || r.Kind == Entra) && r.Due.IsZero()
}

// Dead reports whether the record's life is over at now.
func (r *Record) Dead(now time.Time) bool {
	return !r.Expires.IsZero() && !now.Before(r.Expires)
}

// Issued remembers, by keyed hash, a secret patrol handed out: Git's later
// store of it changes nothing, even after logout or rotation.
type Issued struct {
	Hash    string    // see Records.Hash
	Expires time.Time // when it may be forgotten
}

// Records is the opened index.
type Records struct {
	Header
	List     []Record // newest first
	Issued   []Issued
	AllowOrg []string // when set, only these organisations are answered

	extra string
	blobs []byte
	keys  func() *subkeys
}

// Find returns the record with the given ID, or nil.
func (r *Records) Find(id string) *Record {
	for i := range r.List {
		if r.List[i].ID == id {
			return &r.List[i]
		}
	}
	return nil
}

// Add puts a record first, giving it an ID when it has none.
func (r *Records) Add(rec Record) {
	if rec.ID == "" {
		rec.ID = randomHex(8)
	}
	r.List = append([]Record{rec}, r.List...)
}

// Delete removes every record for which f is true and says how many.
func (r *Records) Delete(f func(*Record) bool) int {
	kept := r.List[:0:0]
	for i := range r.List {
		if !f(&r.List[i]) {
			kept = append(kept, r.List[i])
		}
	}
	n := len(r.List) - len(kept)
	r.List = kept
	return n
}

// Secrets opens the secrets of rec. A secret that was changed, or moved here
// from another record or vault, fails with ErrCorrupt.
func (r *Records) Secrets(rec *Record) (Secrets, error) {
	if rec.fresh != nil {
		return *rec.fresh, nil
	}
	return r.open(rec)
}

// Hash returns the keyed hash under which a secret is remembered as issued.
func (r *Records) Hash(s cred.Secret) string {
	return string(mac(r.keys().issued, []byte(s.Reveal()))[:16])
}

// WasIssued reports whether patrol handed out s and still remembers it.
func (r *Records) WasIssued(s cred.Secret) bool {
	if !s.IsSet() || len(r.Issued) == 0 {
		return false
	}
	hash := r.Hash(s)
	for _, i := range r.Issued {
		if i.Hash == hash {
			return true
		}
	}
	return false
}

// Remember notes s as issued until expires; for a secret of unknown life, the
// caller passes the longest one its server grants. It also forgets what is over.
func (r *Records) Remember(s cred.Secret, expires, now time.Time) {
	hash := r.Hash(s)
	kept := r.Issued[:0:0]
	for _, i := range r.Issued {
		if i.Hash != hash && now.Before(i.Expires) {
			kept = append(kept, i)
		}
	}
	r.Issued = append(kept, Issued{hash, expires})
}
