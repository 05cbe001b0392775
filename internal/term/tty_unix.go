//go:build unix

package term

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

func open() (*Terminal, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t := &Terminal{in: tty, out: tty}
	var group int
	err = t.control(func(fd int) error {
		group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	if err == nil && group != unix.Getpgrp() {
		err = errors.New("running in the background")
	}
	if err != nil {
		_ = tty.Close()
		return nil, err
	}
	return t, nil
}

// control runs f on the descriptor. Fd would make the file's reads block, and
// deadlines end.
func (t *Terminal) control(f func(fd int) error) error {
	conn, err := t.in.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = conn.Control(func(fd uintptr) { inner = f(int(fd)) })
	return errors.Join(err, inner)
}

// hide turns echo off and returns what puts the terminal back, which also drops
// unread input: the rest of a paste must not land in the shell.
func (t *Terminal) hide() (restore func() error, err error) {
	var before *unix.Termios
	err = t.control(func(fd int) error {
		before, err = unix.IoctlGetTermios(fd, getTermios)
		if err != nil {
			return err
		}
		hidden := *before
		hidden.Lflag &^= unix.ECHO | unix.ECHONL
		hidden.Lflag |= unix.ICANON | unix.ISIG
		hidden.Iflag |= unix.ICRNL
		return unix.IoctlSetTermios(fd, setTermios, &hidden)
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		return t.control(func(fd int) error { return unix.IoctlSetTermios(fd, setTermiosFlush, before) })
	}, nil
}

// flush drops what was typed and not read.
func (t *Terminal) flush() {
	_ = t.control(flushInput)
}

// catch delivers the signals that would end the process with echo off, and the
// one that brings it back to the foreground. An ignored signal stays ignored.
func catch() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 4)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGCONT} {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
	return c, func() { signal.Stop(c) }
}

func resumes(s os.Signal) bool { return s == syscall.SIGCONT }
