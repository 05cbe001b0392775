//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// measureHelper runs what Git runs, with all answers in the vault.
func measureHelper(ctx context.Context, w *world, r *report) error {
	before, err := os.ReadFile(vaultIn(w.home(usual)))
	if err != nil {
		return err
	}
	commands := []command{w.nothing(azureGet)}
	for _, size := range sizes() {
		commands = append(commands, w.helper(fmt.Sprintf("get, %s", records(size)), size, "get", azureGet, "password="+w.token))
	}
	commands = append(
		commands,
		w.helper("get of a password of another host", usual, "get", "protocol=https\nhost="+otherHost(7)+"\n", "password=password 7"),
		w.helper("store of the token just handed out", usual, "store", azureGet+"password="+w.token+"\n", ""),
		w.helper("store of a password it has", usual, "store", login(7, "password 7"), ""),
		w.helper("erase with a password it has not", usual, "erase", login(7, "another"), ""),
	)
	rows, err := interleave(ctx, r.rounds, commands)
	if err != nil {
		return err
	}
	after, err := os.ReadFile(vaultIn(w.home(usual)))
	if err != nil || !bytes.Equal(before, after) {
		return cmp.Or(err, errors.New("store and erase changed the vault"))
	}
	r.add(table{
		title: "A cached get, store and erase",
		text: "git-credential-patrol run directly, the vault's key in the kernel keyring. Where no other number is given, the vault holds " +
			records(usual) + ": one token for Azure Repos, the others passwords of other hosts.",
		rounds: r.rounds, rows: rows,
	})
	get := map[int]row{}
	for i, size := range sizes() {
		get[size] = rows[1+i]
		r.atMost(fmt.Sprintf("cached get, %s: times the program that only reads and prints", records(size)), ratio(get[size], rows[0]), 1.25)
	}
	store := rows[len(sizes())+2]
	r.atMost("store of the token just handed out: times a get", ratio(store, get[usual]), 1.1)
	return nil
}

// measureStarts runs what does next to nothing, with and without what every start
// of ours does.
func measureStarts(ctx context.Context, w *world, r *report) error {
	rounds := max(r.rounds/5, 20)
	hardened := filepath.Join(w.dir, "hardened")
	if err := build(ctx, hardened, "./bench/testdata/hardened"); err != nil {
		return err
	}
	same := w.nothing(azureGet)
	same.name, same.argv = "the same, hardened as ours are", []string{hardened}
	rows, err := interleave(ctx, rounds, []command{
		w.nothing(azureGet),
		same,
		w.helper("git-credential-patrol capability", usual, "capability", "", "authtype"),
		{"patrol version", w.env(usual), []string{filepath.Join(w.bin, "patrol"), "version"}, "", "patrol "},
		{"patrol status --json", w.env(usual), []string{filepath.Join(w.bin, "patrol"), "status", "--json"}, "", "contoso"},
	})
	if err != nil {
		return err
	}
	r.add(table{
		title:  "What a start costs",
		text:   "Hardened: no other program of the user may attach to it or read its memory, and it leaves no core.",
		rounds: rounds, rows: rows,
	})
	return nil
}

// records is n records in words.
func records(n int) string {
	switch {
	case n == 1:
		return "1 record"
	case n >= 1000:
		return fmt.Sprintf("%d,%03d records", n/1000, n%1000)
	}
	return fmt.Sprintf("%d records", n)
}

// many is how many processes are started at once.
const many = 64

// measureParallel starts 64 programs before it waits for the first.
func measureParallel(ctx context.Context, w *world, r *report) error {
	const rounds = 20
	commands := []command{w.nothing(azureGet), w.helper("get", usual, "get", azureGet, "password="+w.token)}
	samples := make([][]time.Duration, len(commands))
	failed := 0
	for range rounds {
		for i, c := range commands {
			if err := ctx.Err(); err != nil {
				return err
			}
			began := time.Now()
			answered, err := together(c, many)
			if err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
			}
			failed += many - len(answered)
			samples[i] = append(samples[i], time.Since(began))
		}
	}
	rows := make([]row, len(commands))
	for i, s := range samples {
		rows[i] = row{name: fmt.Sprintf("%d x %s", many, commands[i].name), wall: median(s, func(d time.Duration) time.Duration { return d })}
	}
	r.add(table{
		title:  fmt.Sprintf("%d at once", many),
		text:   fmt.Sprintf("%d processes are started one after the other without waiting; the time is until the last has answered. Of %d gets, %d failed.", many, many*rounds, failed),
		rounds: rounds, rows: rows,
	})
	r.none(fmt.Sprintf("of %d gets, %d at a time, failed", many*rounds, many), failed)
	return nil
}

// together runs c n times at once and returns what came of those that did not
// fail, and why one of the others did.
func together(c command, n int) (answered []sample, failure error) {
	started := make([]running, 0, n)
	for range n {
		one, err := c.start()
		if err != nil {
			failure = err
			continue
		}
		started = append(started, one)
	}
	for _, one := range started {
		s, err := one.wait()
		if err != nil {
			failure = err
			continue
		}
		answered = append(answered, s)
	}
	return answered, failure
}
