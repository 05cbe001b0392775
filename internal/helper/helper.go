package helper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Exit codes, the same in both programs. Git ignores them; people and scripts
// do not.
const (
	Done   = 0
	Failed = 1
	Usage  = 2
	SignIn = 4
)

// Program is one run of git-credential-patrol with all it may touch.
type Program struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Dir            func() (string, error) // of the vault
	Now            func() time.Time
	Key            func(vaultID string) (vault.Key, error) // the cheap key source
	Heard          func()                                  // called when the request has been read

	// Become runs patrol in our place, which can unlock, ask and say more. It
	// returns only where it cannot replace this process.
	Become func(operation string, req *cred.Request) int

	// Detach starts patrol in the background, after the answer.
	Detach Detach
}

// lockWait bounds how long store and erase wait for another writer.
const lockWait = 10 * time.Second

// Run does one operation and returns the exit code. An operation it does not
// know is none of its business, as Git's documentation asks.
func (p Program) Run(args []string) int {
	if len(args) != 1 {
		return Done
	}
	operation := args[0]
	switch operation {
	case "capability":
		_, _ = io.WriteString(p.Stdout, cred.Capabilities)
		return Done
	case "get", "store", "erase":
	default:
		return Done
	}
	req, err := cred.Read(p.Stdin)
	p.Heard()
	if err != nil {
		Say(p.Stderr, err, Target{})
		return Failed
	}
	t, err := Identify(&req)
	switch {
	case errors.Is(err, ErrNotMine):
		return Done
	case err != nil && operation == "get":
		return Refuse(p.Stdout, p.Stderr, err, t)
	case err != nil:
		return Failed
	case operation == "get":
		return p.get(&req, t)
	default:
		return p.change(operation, &req, t)
	}
}

// Refuse tells Git to stop instead of asking for a password, which people
// would type, and says why. It returns the exit code.
func Refuse(stdout, stderr io.Writer, err error, t Target) int {
	Say(stderr, err, t)
	_ = cred.Reply{Quit: true}.Write(stdout)
	return Code(err)
}

// ErrNoPatrol wraps what kept git-credential-patrol from becoming patrol.
var ErrNoPatrol = errors.New("run patrol")

// Alone ends a run that needed patrol and could not become it. It returns the
// exit code.
func Alone(stdout, stderr io.Writer, err error, operation string, req *cred.Request) int {
	t, _ := Identify(req)
	if operation == "get" && t.Azure {
		return Refuse(stdout, stderr, err, t)
	}
	Say(stderr, err, t)
	return Failed
}

// Code is the exit code for an error: whether signing in would help.
func Code(err error) int {
	for _, e := range []error{ErrNoRecord, ErrAccount, ErrExpired, ErrSuspect, vault.ErrLocked} {
		if errors.Is(err, e) {
			return SignIn
		}
	}
	return Failed
}

func (p Program) get(req *cred.Request, t Target) int {
	v, err := p.vault()
	if err != nil {
		if t.Azure {
			return Refuse(p.Stdout, p.Stderr, err, t)
		}
		Say(p.Stderr, err, t)
		return Failed
	}
	r, _, err := v.Find(t.Host, p.Key)
	if errors.Is(err, vault.ErrNone) && !t.Azure {
		return Done
	}
	if err != nil {
		return p.Become("get", req)
	}
	now := p.Now()
	rec, err := Pick(r, t, now)
	if err != nil {
		return p.Become("get", req)
	}
	if rec == nil {
		return Done
	}
	reply, err := Answer(r, rec, t, req)
	if err != nil {
		return p.Become("get", req)
	}
	err = reply.Write(p.Stdout)
	if t.Azure {
		Upkeep(v, r, rec, now, p.Detach)
	}
	switch {
	case err == nil:
		return Done
	case t.Azure:
		return Refuse(p.Stdout, p.Stderr, err, t)
	}
	Say(p.Stderr, err, t)
	return Failed
}

// change does store and erase. Whether there is anything to change is tried out
// without the lock; only then is the change made under it.
func (p Program) change(operation string, req *cred.Request, t Target) int {
	now := p.Now()
	if operation == "store" && !Storable(req, t, now) {
		return Done
	}
	v, err := p.vault()
	if err != nil {
		Say(p.Stderr, err, t)
		return Failed
	}
	r, key, err := v.Find(t.Host, p.Key)
	if errors.Is(err, vault.ErrNone) && operation == "erase" {
		return Done
	}
	if err != nil {
		return p.Become(operation, req)
	}
	if errors.Is(Change(operation, r, t, req, now), vault.ErrUnchanged) {
		return Done
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	var doubt error
	err = v.Update(ctx, key, func(r *vault.Records) error {
		err := Change(operation, r, t, req, now)
		if err == nil {
			doubt = Doubt(operation, r, t, now)
		}
		return err
	})
	if err == nil {
		err = doubt
	}
	if err != nil {
		Say(p.Stderr, err, t)
		return Failed
	}
	return Done
}

// errRenewable: patrol can make another in the place of a suspect one.
var errRenewable = errors.New("it can be made anew")

// Doubt returns ErrSuspect after an erase that left a token of patrol's own
// suspect: Git will only say that authentication failed.
func Doubt(operation string, r *vault.Records, t Target, now time.Time) error {
	if operation == "erase" && t.Azure {
		rec, err := Pick(r, t, now)
		if errors.Is(err, ErrSuspect) && !rec.Until.IsZero() {
			return fmt.Errorf("%w: %w", errRenewable, err)
		}
		if errors.Is(err, ErrSuspect) {
			return err
		}
	}
	return nil
}

// Change applies store or erase to opened records.
func Change(operation string, r *vault.Records, t Target, req *cred.Request, now time.Time) error {
	if operation == "store" {
		return Store(r, t, req, now)
	}
	return Erase(r, t, req, now)
}

func (p Program) vault() (*vault.Vault, error) {
	dir, err := p.Dir()
	return vault.In(dir), err
}
