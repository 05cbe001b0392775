//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

func TestBoundedInput(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.WriteString("protocol=https\n"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got, err := io.ReadAll(&bounded{r, began.Add(200 * time.Millisecond)})
	if string(got) != "protocol=https\n" || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %q, %v", got, err)
	}
	if took := time.Since(began); took < 190*time.Millisecond {
		t.Errorf("gave up after %v", took)
	}
}

func TestBoundedInputEnds(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		_, _ = w.WriteString("protocol=https\n")
		time.Sleep(10 * time.Millisecond)
		_, _ = w.WriteString("host=h\n")
		_ = w.Close()
	}()
	got, err := io.ReadAll(&bounded{r, time.Now().Add(time.Minute)})
	if string(got) != "protocol=https\nhost=h\n" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}
