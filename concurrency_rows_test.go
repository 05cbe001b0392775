package patrol_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// concurrencyRows says where each scenario of concurrency and robustness is
// played: scripts that name it, and tests of packages with real processes, files
// or servers. What a row asks for is in its first script's or test's comment.
func concurrencyRows() map[string][]string {
	return map[string][]string{
		"C01": {"many-gets", "internal/helper TestC01ManyGets", "internal/vault TestC01ReadersTakeNoLock"}, // cached: no lock, no request
		"C02": {"signin-many"},                                                                             // expired: one refresh
		"C03": {"signin-many", "rotate-many"},                                                              // with single-use refresh tokens
		"C04": {"signin-many"},                                                                             // nothing stored: one browser
		"C05": {"signin-many-cancelled", "signin-cancelled"},                                               // cancelled: no second window
		"C06": {"signin-killed"},                                                                           // the holder is killed
		"C07": {"rotate-refresh-lost", "rotate-killed", "signin-rotated"},                                  // killed after the server rotated
		"C08": {"rotate-disk-full", "internal/vault TestC08DiskFull", "internal/vault TestC08ReadOnlyDirectory"},
		"C09": {"rotate-killed", "signin-killed", "signin-lost-reply"}, // killed in each gap
		"C10": {"rotate-late", "internal/helper TestC10LateErase"},
		"C11": {"rotate-late", "internal/helper TestC11LateStore"},
		"C12": {"rotate-late", "signin-logout", "internal/helper TestC12StoreAfterLogout"},
		"C13": {"many-stores", "internal/helper TestC13HundredStores", "internal/vault TestC13HundredProcessesStore"},
		"C14": {"many-mixed", "internal/vault TestC14Linearizable"},
		"C15": {"rotate-many"},                                                       // other runtime directories, cron
		"C16": {"bad-readonly"},                                                      // a directory that cannot be locked or written
		"C17": {"bad-stopped", "signin-stopped", "internal/vault TestC17LockHolder"}, // the holder is stopped
		"C18": {"signin-killed", "signin-git-killed"},                                // git is killed while a browser is open
		"C19": {"signin-pipes", "internal/helper TestC19ProcessWithoutReader"},
		"C20": {"signin-pipes", "internal/helper TestC20ProcessEndsAtTheEmptyLine"},
		"C21": {"rotate-detached", "signin-pipes", "internal/detach TestC21Start"}, // what runs in the background holds nothing open
		"C22": {"internal/helper TestC22SlowReader", "internal/helper TestC22OneWrite"},
		"C23": {"many-killed"}, // killed while it answers
		"C24": {"rotate-clock", "signin-clock"},
		"C25": {"bad-network", "bad-proxy", "signin-down"},
		"C26": {"rotate-fails"}, // 429 and 503 with Retry-After
		"C27": {"rotate-over"},  // what ends a sign-in, and what does not
		"C28": {"internal/keys TestC28SlowAndRestarting", "internal/keys TestC28Prompt"},
		"C29": {"many-versions", "internal/vault TestC29NewerFormatIsNotTouched", "internal/vault TestC29UnknownPartsSurvive"},
		"C30": {"bad-vault", "internal/vault TestC30EveryTruncationIsDetected", "internal/vault TestC30Garbage"},
		"C31": {"signin-accounts", "accounts", "internal/helper TestC31AccountsInParallel"},
		"C32": {"many-helpers"},
		"C33": {"signin-interrupt", "internal/term TestSignalsC33"},
		"C34": {"signin-nobody", "signin-renewal"},
	}
}

// Each scenario is played, and where the table says so: a script says which it
// plays, a test has it in its name.
func TestConcurrencyRows(t *testing.T) {
	t.Parallel()
	rows := concurrencyRows()
	for n := 1; n <= 34; n++ {
		if id := fmt.Sprintf("C%02d", n); len(rows[id]) == 0 {
			t.Errorf("%s is played nowhere", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		for _, where := range rows[id] {
			if dir, test, ok := strings.Cut(where, " "); ok {
				if !strings.Contains(test, id) || !hasTest(t, dir, test) {
					t.Errorf("%s: %s has no %s", id, dir, test)
				}
				continue
			}
			text, err := os.ReadFile(filepath.Join("testdata", "script", where+".txtar"))
			if err != nil || !strings.Contains(commentsOf(string(text)), id) {
				t.Errorf("%s: the script %s does not name it (%v)", id, where, err)
			}
		}
	}
}

// commentsOf keeps the lines of a script in which it explains itself.
func commentsOf(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// hasTest reports whether a package has a test of that name.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), "\nfunc "+name+"(t *testing.T)")
	})
}
