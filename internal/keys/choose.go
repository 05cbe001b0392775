package keys

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/vault"
)

// Machine is where patrol runs, as far as the choice of a place for the key
// looks at it.
type Machine struct {
	Place      Place  // of the vault, or of one still to be made; its ID is not used
	Root       string // where proc and run are: "/"
	Person     bool   // somebody is at a terminal and can choose a passphrase
	Passphrase bool   // a passphrase comes from a command or a descriptor
}

// Verdict is what was found out about one kind of place.
type Verdict struct {
	Kind   string `json:"kind"`
	Works  bool   `json:"works"`  // a throw-away value was written, read and deleted
	Locked bool   `json:"locked"` // it would, if somebody unlocked it
	Chosen bool   `json:"chosen"`
	Why    string `json:"why"` // why it was chosen, or was not
}

// Prober is a Source that can be tried: Probe writes, reads and deletes a
// throw-away value. It asks a person nothing but to unlock the Secret Service,
// and that only where Place.Desktop allows it. Its errors are those of Load.
type Prober interface{ Probe(context.Context) error }

// ErrNoneFits is returned where no place may be chosen without being asked for.
var ErrNoneFits = errors.New("no safe place for the vault's key was found here")

// Choose tries every kind of place and takes the first that works and that
// nothing on this machine speaks against. The verdicts are there also with an
// error: vault.ErrLocked where the best place only needs to be unlocked by a
// person who may not be asked now, ErrNoneFits, or that no vault can be written.
func Choose(ctx context.Context, m Machine) (Kind, []Verdict, error) {
	unwritable := m.Place.Vault.Try()
	var chosen Kind
	var failure error
	var verdicts []Verdict
	for _, kind := range Kinds() {
		v := try(ctx, kind, m, unwritable)
		objection := ""
		if kind.Unfit != nil {
			objection = kind.Unfit(m)
		}
		decided := chosen.Name != "" || failure != nil
		switch {
		case unwritable != nil:
		case v.Locked && !decided && objection == "" && m.desktop() && !m.Place.Desktop:
			failure = fmt.Errorf("%w: %s: %s", vault.ErrLocked, kind.Name, v.Why)
		case !v.Works || kind.Unfit == nil:
		case objection != "":
			v.Why = objection
		case chosen.Name != "":
			v.Why = "it works, but " + chosen.Name + " is preferred"
		case failure != nil:
			v.Why = "it works, but the place that is preferred only needs to be unlocked"
		default:
			chosen, v.Chosen, v.Why = kind, true, kind.Why
		}
		verdicts = append(verdicts, v)
	}
	switch {
	case unwritable != nil:
		return Kind{}, verdicts, unwritable
	case failure == nil && chosen.Name == "":
		never := func(v Verdict) bool { kind, err := Find(v.Kind); return err == nil && kind.Unfit == nil }
		failure = fmt.Errorf("%w: %s", ErrNoneFits, reasons(slices.DeleteFunc(slices.Clone(verdicts), never)))
	}
	return chosen, verdicts, failure
}

// try tries one kind.
func try(ctx context.Context, kind Kind, m Machine, unwritable error) Verdict {
	v := Verdict{Kind: kind.Name}
	if unwritable != nil {
		v.Why = fmt.Sprintf("no vault can be written: %v", unwritable)
		return v
	}
	place := m.Place
	place.ID = probeName()
	prober, ok := kind.Open(place).(Prober)
	if !ok {
		v.Why = "it is used only where it is asked for: --key " + kind.Name
		return v
	}
	err := prober.Probe(ctx)
	v.Works, v.Locked = err == nil, errors.Is(err, vault.ErrLocked)
	if err != nil {
		v.Why = err.Error()
	}
	return v
}

// Because says in one sentence why the chosen place was chosen, and what was
// against those that would have been preferred.
func Because(verdicts []Verdict) string {
	i := slices.IndexFunc(verdicts, func(v Verdict) bool { return v.Chosen })
	if i < 0 {
		return ""
	}
	words := []string{verdicts[i].Why}
	if i > 0 {
		words = append(words, reasons(verdicts[:i]))
	}
	return strings.Join(words, "; ")
}

func reasons(verdicts []Verdict) string {
	var words []string
	for _, v := range verdicts {
		words = append(words, v.Kind+": "+v.Why)
	}
	return strings.Join(words, "; ")
}

// probeName is the name of a throw-away value: no vault has it, and two that
// probe at once do not meet.
func probeName() string { return "probe-" + strings.ToLower(rand.Text()[:16]) }
