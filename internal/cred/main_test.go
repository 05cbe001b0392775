package cred_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
)

// A test that needs a process of its own runs the test binary again with this
// variable naming what to do.
const childVariable = "PATROL_CRED_CHILD"

func TestMain(m *testing.M) {
	switch what := os.Getenv(childVariable); what {
	case "":
		os.Exit(m.Run())
	default:
		panicWith(what)
	}
}

// panicWith dies of a panic whose value holds a secret.
func panicWith(what string) {
	s := cred.NewSecret(canary)
	switch what {
	case "value":
		panic(s)
	case "pointer":
		panic(&s)
	case "field":
		panic(struct{ s cred.Secret }{s})
	case "error":
		panic(fmt.Errorf("refused %v", s))
	case "argument":
		deep(s, canary)
	}
}

//go:noinline
func deep(s cred.Secret, _ string) { panic(fmt.Sprint(s.IsSet())) }

func TestPanicTextHoldsNoSecret(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"value", "pointer", "field", "error", "argument"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), childVariable+"="+what, "GOTRACEBACK=all")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "panic: ") {
				t.Fatalf("the child did not panic: %v\n%s", err, out)
			}
			mustNotLeak(t, string(out))
		})
	}
}
