package term

import (
	"errors"
	"os"
	"os/signal"

	"golang.org/x/sys/windows"
)

// open opens the console's two ends by their reserved names. See
// https://learn.microsoft.com/windows/console/console-handles
func open() (*Terminal, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		_ = in.Close()
		return nil, err
	}
	return &Terminal{in: in, out: out}, nil
}

func (t *Terminal) control(f func(windows.Handle) error) error {
	conn, err := t.in.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = conn.Control(func(fd uintptr) { inner = f(windows.Handle(fd)) })
	return errors.Join(err, inner)
}

// hide turns echo off and returns what puts the console back.
func (t *Terminal) hide() (restore func() error, err error) {
	var before uint32
	err = t.control(func(h windows.Handle) error {
		if err := windows.GetConsoleMode(h, &before); err != nil {
			return err
		}
		hidden := before&^windows.ENABLE_ECHO_INPUT | windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT
		return windows.SetConsoleMode(h, hidden)
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		t.flush()
		return t.control(func(h windows.Handle) error { return windows.SetConsoleMode(h, before) })
	}, nil
}

// flush drops what was typed and not read.
func (t *Terminal) flush() {
	_ = t.control(windows.FlushConsoleInputBuffer)
}

// catch delivers Ctrl-C and Ctrl-Break.
func catch() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 4)
	signal.Notify(c, os.Interrupt)
	return c, func() { signal.Stop(c) }
}

// resumes is false: Windows has no job control.
func resumes(os.Signal) bool { return false }
