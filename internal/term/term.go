// Package term talks to the person at the terminal: it asks, asks secretly and
// confirms. stdin and stdout belong to Git's protocol, so it opens the terminal
// itself (/dev/tty, on Windows CONIN$ and CONOUT$) and nothing else.
package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

var (
	// ErrNoTerminal says that nobody can be asked: the process has no
	// terminal, or runs in its background, where reading would stop it.
	ErrNoTerminal = errors.New("no terminal to ask at")
	// ErrCanceled says that the person declined to answer: end of input
	// (Ctrl-D, on Windows Ctrl-Z) or a signal such as Ctrl-C.
	ErrCanceled = errors.New("cancelled at the terminal")
	// ErrNotOpen says that this program was not given a descriptor.
	ErrNotOpen = errors.New("no file was opened for patrol")
	// ErrTooLong says that the answer was longer than MaxLine bytes.
	ErrTooLong = fmt.Errorf("the answer is longer than %d bytes", MaxLine)
)

// MaxLine is the longest answer, in bytes without its line end. It lies below
// what every system's line editing passes on (1024 on macOS, 4096 on Linux, see
// termios(4)), so that a longer one is refused instead of silently cut.
const MaxLine = 1000

// Terminal is the terminal of the process. It is not for concurrent use: two
// questions at once would be unanswerable anyway.
type Terminal struct {
	in, out *os.File
	// stuck is set when an abandoned read could not be ended. It will take
	// the next line, so nothing more can be asked.
	stuck bool
}

// Open opens the terminal. The error wraps ErrNoTerminal.
func Open() (*Terminal, error) {
	t, err := open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTerminal, err)
	}
	return t, nil
}

// Close closes the terminal.
func (t *Terminal) Close() error {
	if t.in == t.out {
		return t.in.Close()
	}
	return errors.Join(t.in.Close(), t.out.Close())
}

// Ask shows prompt, escaped, and returns one line without its end. It returns
// ErrCanceled, ErrTooLong, or the context's error.
func (t *Terminal) Ask(ctx context.Context, prompt string) (string, error) {
	if err := t.begin(prompt); err != nil {
		return "", err
	}
	line, err := t.readLine(ctx, nil, nil)
	if err != nil {
		_, _ = io.WriteString(t.out, "\n")
	}
	return string(line), err
}

// AskSecret is Ask without echo. The terminal is put back as it was on every
// way out, signals included: those end the question with ErrCanceled, and it is
// the caller who ends the process.
func (t *Terminal) AskSecret(ctx context.Context, prompt string) (secret cred.Secret, err error) {
	signals, stop := catch()
	defer stop()
	restore, err := t.hide()
	if err != nil {
		return cred.Secret{}, err
	}
	defer func() { err = errors.Join(err, restore()) }()
	if err := t.begin(prompt); err != nil {
		return cred.Secret{}, err
	}
	// A shell that brings us back to the foreground leaves echo on.
	resumed := func() error {
		if _, err := t.hide(); err != nil {
			return err
		}
		return t.begin(prompt)
	}
	line, err := t.readLine(ctx, signals, resumed)
	_, _ = io.WriteString(t.out, "\n") // the person's own was not echoed
	if err != nil {
		return cred.Secret{}, err
	}
	defer clear(line)
	return cred.NewSecret(string(line)), nil
}

// Confirm asks a question that only y or yes answers with true.
func (t *Terminal) Confirm(ctx context.Context, question string) (bool, error) {
	line, err := t.Ask(ctx, question+" [y/N] ")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// Show puts a line on the terminal, escaped: for what must not go to a file.
func (t *Terminal) Show(line string) error {
	_, err := io.WriteString(t.out, cred.Escape(line)+"\n")
	return err
}

// begin drops what was typed before the question, because it was not meant as
// an answer to it, and shows the prompt.
func (t *Terminal) begin(prompt string) error {
	if t.stuck {
		return ErrNoTerminal
	}
	t.flush()
	_, err := io.WriteString(t.out, cred.Escape(prompt))
	return err
}
