//go:build linux

package patrol_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdMix lets several clients get, store and erase at random for a while, and
// checks that each answer is one that some order of the operations gives.
func cmdMix(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "mix TIME SEED")
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	seed := uint64(number(ts, args[1]))
	c := &crowd{s: of(ts), program: find(ts, "git-credential-patrol"), dir: ts.MkAbs("."), env: environ(ts)}
	const hosts, clients = 3, 2
	histories := make([]history, hosts)
	var all sync.WaitGroup
	for client := range hosts * clients {
		h := &histories[client%hosts]
		random := rand.New(rand.NewPCG(seed, uint64(client)))
		all.Go(func() {
			for n, end := 0, time.Now().Add(limit); n < 40 && time.Now().Before(end); n++ {
				h.step(c, fmt.Sprintf("host%d.example.com", client%hosts), fmt.Sprintf("value-%d-%d", client, n), random)
			}
		})
	}
	all.Wait()
	total := 0
	for i := range histories {
		total += len(histories[i].list)
		for _, complaint := range histories[i].judge() {
			ts.Fatalf("host%d: %s", i, complaint)
		}
	}
	fmt.Fprintf(ts.Stdout(), "%d operations\n", total)
}

// operation is one run of the helper.
type operation struct {
	begin, end time.Time
	what       string // get, store, erase
	value      string // that was stored or found; empty: nothing was found
	failed     string
}

func (o operation) before(other operation) bool { return o.end.Before(other.begin) }

// history is all that was done about one host.
type history struct {
	mu   sync.Mutex
	list []operation
}

// step does one operation at random and notes it.
func (h *history) step(c *crowd, host, value string, random *rand.Rand) {
	request := "protocol=https\nhost=" + host + "\n"
	o := operation{what: "get"}
	switch random.IntN(5) {
	case 0:
		o.what, request = "erase", request+"username=ada\n"
	case 1, 2:
		o.what, o.value, request = "store", value, request+"username=ada\npassword="+value+"\n"
	}
	o.begin = time.Now()
	ended, printed, _ := strings.Cut(c.one(request, []string{"git-credential-patrol", o.what}), "\n")
	o.end = time.Now()
	switch found, ok := strings.CutPrefix(printed, "username=ada\npassword="); {
	case ended != "exit 0", printed != "" && !(ok && o.what == "get"):
		o.failed = ended + " " + printed
	case o.what == "get":
		o.value = found
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, o)
}

// judge returns what no order of the operations explains. Values are unique,
// so an answer tells which store it comes from.
func (h *history) judge() (complaints []string) {
	for _, get := range h.list {
		switch {
		case get.failed != "":
			complaints = append(complaints, get.what+" failed: "+get.failed)
		case get.what == "get" && get.value == "":
			if !h.mayBeEmpty(get) {
				complaints = append(complaints, "get found nothing, though a store had ended and no erase began after it")
			}
		case get.what == "get":
			if why := h.mayBe(get); why != "" {
				complaints = append(complaints, "get found "+get.value+" "+why)
			}
		}
	}
	return complaints
}

// mayBeEmpty: each store that ended before has a later erase.
func (h *history) mayBeEmpty(get operation) bool {
	for _, store := range h.list {
		if store.what != "store" || !store.before(get) {
			continue
		}
		erased := false
		for _, erase := range h.list {
			erased = erased || erase.what == "erase" && !erase.before(store) && !get.before(erase)
		}
		if !erased {
			return false
		}
	}
	return true
}

// mayBe says why the value of get cannot be; "" if it can.
func (h *history) mayBe(get operation) string {
	for _, store := range h.list {
		if store.what != "store" || store.value != get.value {
			continue
		}
		if get.before(store) {
			return "before it was stored"
		}
		for _, change := range h.list {
			if change.what != "get" && store.before(change) && change.before(get) {
				return "though a later " + change.what + " had ended"
			}
		}
		return ""
	}
	return "which nobody stored"
}

// The judge must see what it is there to see.
func TestMixJudges(t *testing.T) {
	t.Parallel()
	at := func(what, value string, begin, end int) operation {
		return operation{begin: time.Unix(int64(begin), 0), end: time.Unix(int64(end), 0), what: what, value: value}
	}
	for name, test := range map[string]struct {
		list []operation
		bad  bool
	}{
		"found":               {[]operation{at("store", "a", 1, 2), at("get", "a", 3, 4)}, false},
		"found while storing": {[]operation{at("store", "a", 1, 4), at("get", "a", 2, 3)}, false},
		"not yet":             {[]operation{at("store", "a", 1, 4), at("get", "", 2, 3)}, false},
		"erased":              {[]operation{at("store", "a", 1, 2), at("erase", "", 3, 4), at("get", "", 5, 6)}, false},
		"erased meanwhile":    {[]operation{at("store", "a", 1, 3), at("erase", "", 2, 6), at("get", "a", 4, 5)}, false},
		"newer meanwhile":     {[]operation{at("store", "a", 1, 2), at("store", "b", 3, 6), at("get", "a", 4, 5)}, false},
		"lost":                {[]operation{at("store", "a", 1, 2), at("get", "", 3, 4)}, true},
		"lost after an erase": {[]operation{at("erase", "", 1, 2), at("store", "a", 3, 4), at("get", "", 5, 6)}, true},
		"older":               {[]operation{at("store", "a", 1, 2), at("store", "b", 3, 4), at("get", "a", 5, 6)}, true},
		"not erased":          {[]operation{at("store", "a", 1, 2), at("erase", "", 3, 4), at("get", "a", 5, 6)}, true},
		"from the future":     {[]operation{at("get", "a", 1, 2), at("store", "a", 3, 4)}, true},
		"out of nowhere":      {[]operation{at("get", "z", 1, 2)}, true},
		"failed":              {[]operation{{what: "store", failed: "exit 1"}}, true},
	} {
		h := history{list: test.list}
		if got := h.judge(); (len(got) > 0) != test.bad {
			t.Errorf("%s: %v", name, got)
		}
	}
}
