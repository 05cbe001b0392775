//go:build linux

package bustest

import (
	"fmt"
	"maps"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Manner is how a Fake behaves.
type Manner struct {
	Delay  time.Duration // before the answer of the method Slow
	Slow   string
	Locked bool   // the collection is locked, until a question is answered
	Hides  bool   // what is in it is not found meanwhile
	Any    bool   // whatever is looked for, all is found
	Answer string // to a question: "yes", "no", or "" for none ever
	Dies   string // the method at which it goes away, once
	Public []byte // its public key; nil: it offers plain sessions only
	Empty  bool   // there is no collection
	Other  bool   // the collection has another name
	Secret func([]byte) []byte
}

// Fake is a Secret Service that misbehaves as told. It speaks only in plain.
type Fake struct {
	bus  *Bus
	conn *dbus.Conn

	mu     sync.Mutex
	manner Manner
	items  map[dbus.ObjectPath]fakeItem
	next   int
	asked  int
	open   bool // a question is on the screen
}

type fakeItem struct {
	label      string
	attributes map[string]string
	secret     wire
}

// wire is a secret on the bus.
type wire struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

// Fake puts such a service on the bus.
func (b *Bus) Fake(t testing.TB, m Manner) *Fake {
	t.Helper()
	f := FakeOn(b, m)
	t.Cleanup(f.Stop)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	return f
}

// FakeOn is a Fake that Start starts and Stop ends.
func FakeOn(b *Bus, m Manner) *Fake {
	return &Fake{bus: b, manner: m, items: map[dbus.ObjectPath]fakeItem{}}
}

// Start puts it on the bus, or back.
func (f *Fake) Start() error {
	conn, err := dbus.Connect(f.bus.Address)
	if err != nil {
		return err
	}
	for name, part := range map[string]any{
		serviceName: fakeService{f}, "org.freedesktop.Secret.Collection": fakeCollection{f}, "org.freedesktop.Secret.Item": fakeItems{f},
		"org.freedesktop.Secret.Prompt": fakePrompt{f}, "org.freedesktop.DBus.Properties": fakeProperties{f},
	} {
		if err := conn.ExportSubtree(part, servicePath, name); err != nil {
			return err
		}
	}
	reply, err := conn.RequestName(busName, dbus.NameFlagDoNotQueue|dbus.NameFlagAllowReplacement|dbus.NameFlagReplaceExisting)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		return fmt.Errorf("the name is taken: %v %v", reply, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conn = conn
	return nil
}

// Stop takes it off the bus. What it keeps stays.
func (f *Fake) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		_ = f.conn.Close()
		f.conn = nil
	}
}

// Set changes how it behaves.
func (f *Fake) Set(m Manner) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.manner = m
}

// Asked is how often a person was asked.
func (f *Fake) Asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// Open reports whether a question is on the screen.
func (f *Fake) Open() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// Items is how many items it keeps.
func (f *Fake) Items() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.items)
}

// Runs reports whether it is on the bus.
func (f *Fake) Runs() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conn != nil
}

// Forget deletes all items.
func (f *Fake) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.items)
}

// enter begins every answer.
func (f *Fake) enter(method string) {
	f.mu.Lock()
	delay, dies := f.manner.Delay, f.manner.Dies == method
	if f.manner.Slow != method {
		delay = 0
	}
	if dies {
		f.manner.Dies = ""
	}
	f.mu.Unlock()
	time.Sleep(delay)
	if dies {
		f.Stop()
	}
}

func (f *Fake) collection() dbus.ObjectPath {
	if f.manner.Other {
		return servicePath + "/collection/other"
	}
	return servicePath + "/collection/login"
}

type fakeService struct{ f *Fake }

// OpenSession implements the method of the specification, as do all below.
func (s fakeService) OpenSession(algorithm string, _ dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	s.f.enter("OpenSession")
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	session := servicePath + "/session/s1"
	switch {
	case algorithm == "plain":
		return dbus.MakeVariant(""), session, nil
	case s.f.manner.Public != nil:
		return dbus.MakeVariant(s.f.manner.Public), session, nil
	}
	return dbus.MakeVariant(""), "/", dbus.NewError("org.freedesktop.DBus.Error.NotSupported", nil)
}

// ReadAlias knows the default collection.
func (s fakeService) ReadAlias(string) (dbus.ObjectPath, *dbus.Error) {
	s.f.enter("ReadAlias")
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if s.f.manner.Empty {
		return "/", nil
	}
	return s.f.collection(), nil
}

// SearchItems finds items by all attributes.
func (s fakeService) SearchItems(attributes map[string]string) (unlocked, locked []dbus.ObjectPath, _ *dbus.Error) {
	s.f.enter("SearchItems")
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	unlocked, locked = []dbus.ObjectPath{}, []dbus.ObjectPath{}
	for at, item := range s.f.items {
		has := 0
		for name, value := range attributes {
			if item.attributes[name] == value {
				has++
			}
		}
		switch {
		case has < len(attributes) && !s.f.manner.Any, s.f.manner.Locked && s.f.manner.Hides, !strings.HasPrefix(string(at), string(s.f.collection())):
		case s.f.manner.Locked:
			locked = append(locked, at)
		default:
			unlocked = append(unlocked, at)
		}
	}
	return unlocked, locked, nil
}

// Unlock asks first.
func (s fakeService) Unlock(what []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	s.f.enter("Unlock")
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if !s.f.manner.Locked {
		return what, "/", nil
	}
	return []dbus.ObjectPath{}, servicePath + "/prompt/p1", nil
}

type fakePrompt struct{ f *Fake }

// Prompt shows the question.
func (p fakePrompt) Prompt(msg dbus.Message, _ string) *dbus.Error {
	p.f.enter("Prompt")
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.f.asked++
	p.f.open = true
	if answer := p.f.manner.Answer; answer != "" {
		go p.f.complete(answer == "yes")
	}
	return nil
}

// Dismiss takes the question away.
func (p fakePrompt) Dismiss() *dbus.Error {
	p.f.complete(false)
	return nil
}

// Say answers the question that is on the screen.
func (f *Fake) Say(yes bool) { f.complete(yes) }

func (f *Fake) complete(yes bool) {
	f.mu.Lock()
	f.open = false
	if yes {
		f.manner.Locked = false
	}
	conn, unlocked := f.conn, []dbus.ObjectPath{}
	if yes {
		unlocked = append(unlocked, f.collection())
	}
	f.mu.Unlock()
	if conn != nil {
		_ = conn.Emit(servicePath+"/prompt/p1", "org.freedesktop.Secret.Prompt.Completed", !yes, dbus.MakeVariant(unlocked))
	}
}

type fakeCollection struct{ f *Fake }

// CreateItem keeps an item in place of one with the same attributes.
func (c fakeCollection) CreateItem(about map[string]dbus.Variant, secret wire, replace bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	c.f.enter("CreateItem")
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	if c.f.manner.Locked {
		return "/", "/", dbus.NewError("org.freedesktop.Secret.Error.IsLocked", nil)
	}
	var item fakeItem
	_ = about["org.freedesktop.Secret.Item.Label"].Store(&item.label)
	_ = about["org.freedesktop.Secret.Item.Attributes"].Store(&item.attributes)
	item.secret = secret
	c.f.next++
	at := c.f.collection() + dbus.ObjectPath(fmt.Sprintf("/%d", c.f.next))
	for old, other := range c.f.items {
		if replace && path.Dir(string(old)) == string(c.f.collection()) && maps.Equal(other.attributes, item.attributes) {
			at = old
		}
	}
	c.f.items[at] = item
	return at, "/", nil
}

type fakeItems struct{ f *Fake }

// GetSecret hands the secret out, or what it makes of it.
func (i fakeItems) GetSecret(msg dbus.Message, session dbus.ObjectPath) (wire, *dbus.Error) {
	i.f.enter("GetSecret")
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	at, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	item, ok := i.f.items[at]
	switch {
	case !ok:
		return wire{Session: "/"}, dbus.NewError("org.freedesktop.Secret.Error.NoSuchObject", nil)
	case i.f.manner.Locked:
		return wire{Session: "/"}, dbus.NewError("org.freedesktop.Secret.Error.IsLocked", nil)
	}
	w := item.secret
	w.Session, w.Parameters = session, []byte{}
	if i.f.manner.Secret != nil {
		w.Value = i.f.manner.Secret(w.Value)
	}
	return w, nil
}

// Delete forgets an item.
func (i fakeItems) Delete(msg dbus.Message) (dbus.ObjectPath, *dbus.Error) {
	i.f.enter("Delete")
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	at, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	if i.f.manner.Locked {
		return servicePath + "/prompt/p1", nil
	}
	delete(i.f.items, at)
	return "/", nil
}

type fakeProperties struct{ f *Fake }

// Get knows the properties Collections and Locked.
func (p fakeProperties) Get(_ dbus.Message, _, name string) (dbus.Variant, *dbus.Error) {
	p.f.enter("Get")
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	switch {
	case name == "Collections" && p.f.manner.Empty:
		return dbus.MakeVariant([]dbus.ObjectPath{}), nil
	case name == "Collections":
		return dbus.MakeVariant([]dbus.ObjectPath{p.f.collection()}), nil
	}
	return dbus.MakeVariant(p.f.manner.Locked), nil
}

// GetAll knows those of an item.
func (p fakeProperties) GetAll(msg dbus.Message, _ string) (map[string]dbus.Variant, *dbus.Error) {
	p.f.enter("GetAll")
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	at, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	item, ok := p.f.items[at]
	if !ok {
		return nil, dbus.NewError("org.freedesktop.Secret.Error.NoSuchObject", nil)
	}
	return map[string]dbus.Variant{
		"Label": dbus.MakeVariant(item.label), "Attributes": dbus.MakeVariant(item.attributes),
		"Locked": dbus.MakeVariant(p.f.manner.Locked), "Modified": dbus.MakeVariant(uint64(1)),
	}, nil
}
