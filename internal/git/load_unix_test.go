//go:build unix

package git

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFakeGits runs programs that behave badly in git's place.
func TestFakeGits(t *testing.T) {
	t.Parallel()
	env, home := sandbox(t)
	script := func(name, body string) string {
		path := filepath.Join(home, name)
		write(t, path, "#!/bin/sh\n"+body+"\n")
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := load(context.Background(), script("old", "echo usage >&2; exit 129"), env, home); !errors.Is(err, ErrTooOld) {
		t.Errorf("old: %v", err)
	}
	if _, err := load(context.Background(), script("endless", "exec yes"), env, home); err == nil {
		t.Error("endless output: no error")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := load(ctx, script("slow", "exec sleep 60"), env, home); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slow: %v", err)
	}
	leaky := append(env[:len(env):len(env)], "SYSTEM_ACCESSTOKEN=s3cret", "GIT_TRACE_CURL=1", "AZURE_DEVOPS_EXT_PAT=s3cret")
	_, err := load(context.Background(), script("env", "env >&2; exit 1"), leaky, home)
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("environment: %v", err)
	}
}
