package keys

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age/plugin"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// checkPlugin sees to it that age, which looks its plugins up by PATH alone,
// will start the program that we would.
// See https://github.com/C2SP/C2SP/blob/main/age-plugin.md.
func (a ageFile) checkPlugin(name string) error {
	program := "age-plugin-" + name
	ours, err := a.place.find(program)
	if err != nil {
		return err
	}
	theirs, err := exec.LookPath(program)
	if err != nil || filepath.Clean(theirs) != filepath.Clean(ours) {
		return fmt.Errorf("%s: the first one in PATH is not one that may be run; put %s before it", program, cred.Escape(filepath.Dir(ours)))
	}
	return nil
}

// bounded runs what may start a plugin, for as long as a person may take. What
// comes after that is dropped.
func bounded[T any](ctx context.Context, limit time.Duration, run func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		value, err := run()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		endPlugins()
		var none T
		return none, fmt.Errorf("%w: it was not opened within %v", vault.ErrLocked, limit)
	}
}

// maxWords is how many messages and questions a plugin may have.
const maxWords = 50

// pluginUI lets a plugin ask the person, through us.
func (a ageFile) pluginUI(ctx context.Context) *plugin.ClientUI {
	words := 0
	enough := func() error { // it could go on for ever: age's library does
		if words++; words <= maxWords {
			return nil
		}
		endPlugins()
		return errors.New("it talks without end")
	}
	ask := func(name, question string, secret bool) (string, error) {
		if err := enough(); err != nil {
			return "", err
		}
		if a.place.Ask == nil {
			return "", vault.ErrLocked
		}
		answer, err := a.place.Ask(ctx, name+": "+question+" ", secret)
		return answer.Reveal(), err
	}
	return &plugin.ClientUI{
		DisplayMessage: func(name, message string) error {
			err := enough()
			if err == nil {
				a.place.say(name + ": " + message)
			}
			return err
		},
		RequestValue: ask,
		Confirm: func(name, prompt, yes, no string) (bool, error) {
			if no == "" {
				_, err := ask(name, prompt+" (Enter: "+yes+")", false)
				return err == nil, err
			}
			answer, err := ask(name, fmt.Sprintf("%s (1: %s, 2: %s)", prompt, yes, no), false)
			switch strings.TrimSpace(answer) {
			case "1":
				return true, err
			case "2":
				return false, err
			}
			return false, errors.Join(err, errors.New("neither 1 nor 2"))
		},
		WaitTimer: func(name string) { a.place.say("waiting for " + name + " ...") },
	}
}
