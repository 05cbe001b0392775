package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/term"
	"github.com/gitpatrol/patrol/internal/vault"
)

// noon is the time of these tests.
var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

func TestParseExpiry(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1d": "2027-03-02T12:00:00Z", "366d": "2028-03-01T12:00:00Z", "2027-03-01": "2027-03-01T23:59:59Z", "2028-02-29": "2028-02-29T23:59:59Z",
		"2027-03-01T12:00:01Z": "2027-03-01T12:00:01Z", "2027-03-02T01:00:00+02:00": "2027-03-01T23:00:00Z",
		"0d": "days", "367d": "days", "-1d": "days", "1.5d": "days", "d": "days", "1e9d": "days", "99999999999999999999d": "days",
		"2027-02-28": "past", "2027-03-01T12:00:00Z": "past", "0001-01-01": "past", "2028-03-03": "year", "9999-12-31": "year",
		"": "look like", "tomorrow": "look like", "30": "look like", "2027-02-30": "look like", "31.12.2027": "look like", "12/31/2027": "look like", "30d ": "look like",
	} {
		got, err := parseExpiry(text, noon)
		said := got.Format(time.RFC3339)
		if err != nil {
			said = err.Error()
		}
		if err == nil && said != want || err != nil && !strings.Contains(said, want) {
			t.Errorf("%q: %s, want %s", text, said, want)
		}
	}
}

func TestParseOnly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "[]", "contoso": "[contoso]", "Fabrikam, contoso,CONTOSO": "[contoso fabrikam]", "a-b c": "[a-b c]",
	} {
		if got, err := parseOnly(text); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%q: %v %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{" , ", "-a", "a/b", "https://dev.azure.com/a", "a,b%", strings.Repeat("x", 51), "ä"} {
		if got, err := parseOnly(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAzureTarget(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"Contoso":                                   "contoso ",
		"https://dev.azure.com/Contoso":             "contoso ",
		"https://dev.azure.com/contoso/p/_git/r":    "contoso ",
		"https://contoso@dev.azure.com/contoso":     "contoso ",
		"https://ada%40x.com@dev.azure.com/contoso": "contoso ada@x.com",
		"https://contoso.visualstudio.com":          "contoso ",
		"HTTPS://DEV.AZURE.COM:443/contoso/":        "contoso ",
	} {
		got, err := azureTarget(arg)
		if err != nil || got.Org+" "+got.Account != want || !got.Azure {
			t.Errorf("%q: %+v %v", arg, got, err)
		}
	}
	for _, arg := range []string{
		"", "a b", "dev.azure.com/contoso", "https://dev.azure.com", "https://github.com/contoso", "http://dev.azure.com/contoso", "ssh://git@ssh.dev.azure.com/v3/contoso",
		"https://ada:secret@dev.azure.com/contoso", "https://dev.azure.com.evil.example/contoso", "https://dev.azure.com@evil.example/contoso",
		"https://dev.azure.com/contoso%2f..%2fx", "https://dev.azure.com/contoso/../x", "https://dev.azure.com/\x1b[2J", "https://a.b.visualstudio.com",
	} {
		if got, err := azureTarget(arg); err == nil {
			t.Errorf("%q: %+v", arg, got)
		} else if p := explain(err); p.hint == "" || strings.Contains(p.what+p.hint, "secret") {
			t.Errorf("%q: %q, %q", arg, p.what, p.hint)
		}
	}
}

// Every error that can reach a person has a line that says what to do, and the
// code that scripts rely on.
func TestEveryErrorIsExplained(t *testing.T) {
	t.Parallel()
	codes := map[int][]error{
		helper.SignIn: {vault.ErrLocked, &azdo.Error{Op: "x", Kind: azdo.ErrExpired}, &azdo.Error{Op: "x", Kind: azdo.ErrRefused}},
		helper.Usage:  {cred.ErrMalformed, errors.New(`unknown command "x" for "patrol"`)},
		helper.Failed: {
			vault.ErrNone, vault.ErrExists, vault.ErrCorrupt, vault.ErrNewer, vault.ErrWrongKey, vault.ErrUnsafe, vault.ErrBusy, vault.ErrNoKey, vault.ErrNoSource, vault.ErrNoHome,
			term.ErrCanceled, term.ErrNoTerminal, term.ErrTooLong, helper.ErrPlain, helper.ErrNoOrg, helper.ErrBadPath,
			syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, fs.ErrPermission, io.ErrUnexpectedEOF,
			&azdo.Error{Op: "x", Kind: azdo.ErrForbidden}, &azdo.Error{Op: "x", Kind: azdo.ErrThrottled, RetryAfter: time.Minute}, &azdo.Error{Op: "x", Kind: azdo.ErrNoOrganization},
			&azdo.Error{Op: "x", Kind: azdo.ErrStopped}, &azdo.Error{Op: "x", Kind: azdo.ErrTLS}, &azdo.Error{Op: "x", Kind: azdo.ErrProxy}, &azdo.Error{Op: "x", Kind: azdo.ErrNetwork},
		},
	}
	for code, list := range codes {
		for _, err := range list {
			for _, err := range []error{err, fmt.Errorf("wrapped: %w", err)} {
				if code == helper.Usage && !errors.Is(err, cred.ErrMalformed) && strings.HasPrefix(err.Error(), "wrapped") {
					continue
				}
				p := explain(err)
				if p.what == "" || p.hint == "" || strings.ContainsAny(p.what+p.hint, "\n\r") || p.code != code {
					t.Errorf("%v: %q, %q, %d, want %d", err, p.what, p.hint, p.code, code)
				}
			}
		}
	}
}

func TestWordsForTimes(t *testing.T) {
	t.Parallel()
	for stays, want := range map[string]string{"perm": "good, until the next reboot", "8h": "8 hours", "59m": "59 minutes", "3s": "3 seconds", "2d": "2 days", "expd": "expd", "": "", "h": "h"} {
		if got := remainingWords(stays); got != want {
			t.Errorf("%q: %q, want %q", stays, got, want)
		}
	}
	for after, want := range map[time.Duration]string{
		-time.Second: "2027-03-01 11:59 UTC", time.Minute: "2027-03-01 12:01 UTC (1m0s)", 47 * time.Hour: "2027-03-03 11:00 UTC (47h0m0s)",
		7*24*time.Hour - time.Second: "2027-03-08 11:59 UTC (6 days)",
	} {
		if got := expiryWords(token{Expires: noon.Add(after)}, noon); got != want {
			t.Errorf("%v: %q, want %q", after, got, want)
		}
	}
	if got := expiryWords(token{}, noon); got != "unknown" {
		t.Error(got)
	}
}

// What comes from a server or a repository is shown, not obeyed.
func TestForeignTextIsEscaped(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	a := &app{Env: Env{Stdout: &out, Stderr: &errs}}
	evil := "a\x1b[2J\x07\u202eb\nc"
	a.table([]string{"FOR"}, [][]string{{evil}})
	a.note("%s", evil)
	a.fail(errors.New(evil))
	for _, text := range []string{out.String(), errs.String()} {
		if strings.ContainsAny(text, "\x1b\x07\u202e") || strings.Contains(text, "b\nc") {
			t.Errorf("%q", text)
		}
	}
}
