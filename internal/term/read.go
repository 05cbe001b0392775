package term

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

type reading struct {
	line []byte
	err  error
}

// readLine reads one line. ctx and signals end it early; a signal that means
// "back in the foreground" runs resumed and goes on.
func (t *Terminal) readLine(ctx context.Context, signals <-chan os.Signal, resumed func() error) ([]byte, error) {
	done := make(chan reading, 1)
	go func() {
		line, err := scan(t.in)
		done <- reading{line, err}
	}()
	for {
		select {
		case r := <-done:
			return r.line, r.err
		case <-ctx.Done():
			return nil, t.abandon(done, ctx.Err())
		case sig := <-signals:
			if !resumes(sig) {
				return nil, t.abandon(done, fmt.Errorf("%w: %v", ErrCanceled, sig))
			}
			if err := resumed(); err != nil {
				return nil, t.abandon(done, err)
			}
		}
	}
}

// abandon ends the read under way, where the system lets us, and returns err.
func (t *Terminal) abandon(done <-chan reading, err error) error {
	if t.in.SetReadDeadline(time.Unix(1, 0)) != nil {
		t.stuck = true
		return err
	}
	clear((<-done).line)
	_ = t.in.SetReadDeadline(time.Time{})
	return err
}

// scan reads up to the end of a line, which is LF, CR LF or CR, and not beyond: the
// terminal hands out one line at a time. End of input before that is
// ErrCanceled, also in the middle of a line.
func scan(r io.Reader) ([]byte, error) {
	buf := make([]byte, 0, 2*MaxLine)
	chunk := make([]byte, MaxLine)
	defer clear(chunk)
	for tooLong := false; ; {
		n, err := r.Read(chunk)
		buf = append(buf, chunk[:n]...)
		line, _, ended := bytes.Cut(buf, []byte{'\n'})
		line = bytes.TrimRight(line, "\r")
		tooLong = tooLong || len(line) > MaxLine
		switch {
		case ended && tooLong:
			clear(buf)
			return nil, ErrTooLong
		case ended:
			return line, nil
		case err == io.EOF:
			clear(buf)
			return nil, ErrCanceled
		case err != nil:
			clear(buf)
			return nil, err
		case tooLong:
			clear(buf)
			buf = buf[:0] // keep reading to the end of the line, and nothing else
		}
	}
}
