//go:build unix

package vault

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
)

// C13 and C15: a hundred processes at once, with different ideas of where
// run-time files go, or none, lose nothing.
func TestC13HundredProcessesStore(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	var children []*exec.Cmd
	for n := range 100 {
		cmd := start(t, "store", v.Dir(), key, fmt.Sprintf("host%d.example", n))
		switch n % 3 {
		case 0:
			cmd.Env = append(cmd.Env, fmt.Sprintf("XDG_RUNTIME_DIR=%s/%d", t.TempDir(), n), fmt.Sprintf("TMPDIR=/nowhere/%d", n))
		case 1: // as under cron
			cmd.Env = []string{childVariable + "=store"}
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, cmd)
	}
	for _, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	r := openVault(t, v, key)
	seen := map[string]bool{}
	for i := range r.List {
		if got := secretOf(t, r, &r.List[i]); got != "secret of "+r.List[i].Host {
			t.Errorf("%s has %q", r.List[i].Host, got)
		}
		seen[r.List[i].Host] = true
	}
	if len(seen) != 100 || len(r.List) != 100 || r.Generation != 101 {
		t.Errorf("%d of 100 are there, in generation %d", len(seen), r.Generation)
	}
}

// Of many that create the vault at once one does, and all use its key.
func TestCreateRace(t *testing.T) {
	t.Parallel()
	v := In(filepath.Join(t.TempDir(), "data", "patrol"))
	var children []*exec.Cmd
	var outputs []*strings.Builder
	for range 20 {
		cmd := start(t, "create", v.Dir(), NewKey())
		out := &strings.Builder{}
		cmd.Stdout, cmd.Stderr = out, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children, outputs = append(children, cmd), append(outputs, out)
	}
	var keys []string
	for i, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if out := outputs[i].String(); out != "exists" {
			keys = append(keys, out)
		}
	}
	if len(keys) != 1 {
		t.Fatalf("%d processes made a vault", len(keys))
	}
	b, err := hex.DecodeString(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := KeyFromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	if r := openVault(t, v, key); r.Generation != 1 {
		t.Errorf("generation %d", r.Generation)
	}
}

// An operation on one identity, as C14 records it. Operations overlap where
// one began before the other ended.
type operation struct {
	kind       string // get, store, erase; compare: erase what equals value
	value      string // given to store and compare
	result     string // of get: what was there; of compare: whether it was
	begin, end int    // places in the log
}

// after applies o to the secret of one identity. ok is false where o cannot
// have had the result it had.
func (o operation) after(state string) (next string, ok bool) {
	switch o.kind {
	case "store":
		return o.value, true
	case "erase":
		return "", true
	case "compare":
		equal := state != "" && state == o.value
		if equal {
			return "", o.result == "true"
		}
		return state, o.result == "false"
	default:
		return state, state == o.result
	}
}

// linearizable reports whether the operations have an order that respects time
// and in which each has the result it had. See Wing and Gong, "Testing and
// Verifying Concurrent Objects", 1993.
func linearizable(ops []operation) bool {
	type position struct {
		done  string
		state string
	}
	seen := map[position]bool{}
	done := make([]byte, len(ops))
	var search func(left int, state string) bool
	search = func(left int, state string) bool {
		at := position{string(done), state}
		if left == 0 {
			return true
		}
		if seen[at] {
			return false
		}
		seen[at] = true
		firstEnd := int(^uint(0) >> 1)
		for i, o := range ops {
			if done[i] == 0 {
				firstEnd = min(firstEnd, o.end)
			}
		}
		for i, o := range ops {
			if done[i] == 1 || o.begin > firstEnd {
				continue
			}
			if next, ok := o.after(state); ok {
				done[i] = 1
				if search(left-1, next) {
					return true
				}
				done[i] = 0
			}
		}
		return false
	}
	return search(len(ops), "")
}

// The checker itself must see what is wrong.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	store, get := func(value string, begin, end int) operation { return operation{"store", value, "", begin, end} },
		func(result string, begin, end int) operation { return operation{"get", "", result, begin, end} }
	for _, test := range []struct {
		name string
		ops  []operation
		want bool
	}{
		{"nothing", nil, true},
		{"read what was written", []operation{store("a", 1, 2), get("a", 3, 4)}, true},
		{"lost write", []operation{store("a", 1, 2), get("", 3, 4)}, false},
		{"read from the future", []operation{get("a", 1, 2), store("a", 3, 4)}, false},
		{"overlap, either way", []operation{store("a", 1, 4), get("", 2, 3)}, true},
		{"overlap, either way", []operation{store("a", 1, 4), get("a", 2, 3)}, true},
		{"two readers see it come and go", []operation{store("a", 1, 10), get("a", 2, 3), get("", 4, 5)}, false},
		{"erased and back", []operation{store("a", 1, 2), {"erase", "", "", 3, 4}, get("a", 5, 6)}, false},
		{"compared with what is there", []operation{store("a", 1, 2), {"compare", "a", "true", 3, 4}, get("", 5, 6)}, true},
		{"compared with something else", []operation{store("a", 1, 2), {"compare", "b", "true", 3, 4}}, false},
		{"an update was lost", []operation{store("a", 1, 4), store("b", 2, 3), get("a", 5, 6), get("b", 7, 8)}, false},
	} {
		if linearizable(test.ops) != test.want {
			t.Errorf("%s: not %v", test.name, test.want)
		}
	}
}

const (
	workers    = 8
	operations = 40
	identities = 4
)

// C14: gets, stores and erases of many processes at once are, for each
// identity, as if they had happened one after the other.
func TestC14Linearizable(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	log := filepath.Join(t.TempDir(), "log")
	var children []*exec.Cmd
	for n := range workers {
		cmd := start(t, "work", v.Dir(), key, log, strconv.Itoa(n))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, cmd)
	}
	for _, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	for host, ops := range readLog(t, log) {
		if !linearizable(ops) {
			t.Errorf("%s: %+v", host, ops)
		}
	}
	if got := openVault(t, v, key).Generation; got < workers*operations/4 {
		t.Errorf("only %d writes were made", got)
	}
}

// readLog gathers the operations on each identity. The log is opened for
// appending, so its order is the order of time.
func readLog(t *testing.T, path string) map[string][]operation {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	begun := map[string][]string{} // worker: kind host value place
	all := map[string][]operation{}
	count := 0
	lines := bufio.NewScanner(f)
	for at := 1; lines.Scan(); at++ {
		words := strings.Split(lines.Text(), " ")
		worker := words[1]
		if words[0] == "begin" {
			begun[worker] = append(slices.Clone(words[2:]), strconv.Itoa(at))
			continue
		}
		b := begun[worker]
		begin, err := strconv.Atoi(b[3])
		if err != nil {
			t.Fatal(err)
		}
		all[b[1]] = append(all[b[1]], operation{kind: b[0], value: b[2], result: words[2], begin: begin, end: at})
		count++
	}
	if count != workers*operations || len(all) != identities {
		t.Fatalf("%d operations on %d identities", count, len(all))
	}
	return all
}

// childWork does operations in an order of its own and logs when each began
// and ended.
func childWork(c child) error {
	seed, err := strconv.ParseUint(c[3], 10, 64)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(c[2], os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(seed, 7))
	last := map[string]string{} // what this worker saw of an identity
	for n := range operations {
		host := fmt.Sprintf("host%d.example", random.IntN(identities))
		kind := []string{"get", "get", "store", "store", "erase", "compare"}[random.IntN(6)]
		value := ""
		switch kind {
		case "store":
			value = fmt.Sprintf("%s-%d", c[3], n)
		case "compare":
			if value = last[host]; value == "" {
				value = "none"
			}
		}
		if _, err := fmt.Fprintf(log, "begin %s %s %s %s\n", c[3], kind, host, value); err != nil {
			return err
		}
		result, err := work(c.vault(), c.key(), kind, host, value)
		if err != nil {
			return err
		}
		if kind == "get" {
			last[host] = result
		}
		if _, err := fmt.Fprintf(log, "end %s %s\n", c[3], result); err != nil {
			return err
		}
	}
	return nil
}

func work(v *Vault, key Key, kind, host, value string) (result string, err error) {
	if kind == "store" {
		return "", change(v, key, host, value)
	}
	if kind == "get" {
		f, err := v.Load()
		if err != nil {
			return "", err
		}
		r, err := f.Open(key)
		if err != nil {
			return "", err
		}
		for i := range r.List {
			if r.List[i].Host == host {
				s, err := r.Secrets(&r.List[i])
				return s.Secret.Reveal(), err
			}
		}
		return "", nil
	}
	ctx, cancel := background()
	defer cancel()
	deleted := 0
	err = v.Update(ctx, key, func(r *Records) error {
		var broken error
		deleted = r.Delete(func(rec *Record) bool {
			s, err := r.Secrets(rec)
			broken = errors.Join(broken, err)
			return rec.Host == host && (kind == "erase" || s.Secret.Equal(cred.NewSecret(value)))
		})
		if broken == nil && deleted == 0 {
			return ErrUnchanged
		}
		return broken
	})
	if kind == "compare" {
		result = strconv.FormatBool(deleted > 0)
	}
	return result, err
}
