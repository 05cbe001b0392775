package secretservice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/gitpatrol/patrol/internal/cred"
)

// Item is an entry of the Secret Service. Any program on the session bus can
// read label and attributes, also while it is locked.
type Item struct {
	path       dbus.ObjectPath
	Label      string
	Attributes map[string]string
	Locked     bool
	Modified   time.Time
}

// Path names the item in this Secret Service.
func (i Item) Path() string { return string(i.path) }

// Collection names the collection of the item.
func (i Item) Collection() string { return string(parent(i.path)) }

// Search finds the items that have all these attributes, in every collection
// that can be searched; a locked one may or may not tell.
func (s *Service) Search(ctx context.Context, attributes map[string]string) ([]Item, error) {
	var unlocked, locked []dbus.ObjectPath
	if err := s.call(ctx, servicePath, serviceName+".SearchItems", []any{attributes}, &unlocked, &locked); err != nil {
		return nil, err
	}
	var items []Item
	for _, path := range append(unlocked, locked...) {
		item, err := s.item(ctx, path)
		if errors.Is(err, ErrNotFound) { // deleted meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

func (s *Service) item(ctx context.Context, path dbus.ObjectPath) (Item, error) {
	var all map[string]dbus.Variant
	if err := s.call(ctx, path, properties+".GetAll", []any{itemName}, &all); err != nil {
		return Item{}, err
	}
	item := Item{path: path}
	var modified uint64
	for name, to := range map[string]any{"Label": &item.Label, "Attributes": &item.Attributes, "Locked": &item.Locked, "Modified": &modified} {
		if v, ok := all[name]; ok {
			if err := v.Store(to); err != nil {
				return item, fmt.Errorf("%w: %s: %v", ErrBroken, name, err)
			}
		}
	}
	item.Modified = time.Unix(int64(modified), 0)
	return item, nil
}

// Secret returns the secret of an item. A locked one is unlocked first, which
// asks a person, or is ErrLocked where nobody may be asked.
func (s *Service) Secret(ctx context.Context, item Item) (cred.Secret, error) {
	if item.Locked {
		if err := s.unlock(ctx, item.path); err != nil {
			return cred.Secret{}, err
		}
	}
	if err := s.openSession(ctx); err != nil {
		return cred.Secret{}, err
	}
	var w wire
	if err := s.call(ctx, item.path, itemName+".GetSecret", []any{s.session.path}, &w); err != nil {
		return cred.Secret{}, err
	}
	return s.session.open(w)
}

// Default is the path of the default collection, ErrNotFound where there is
// none.
func (s *Service) Default(ctx context.Context) (string, error) {
	var path dbus.ObjectPath
	if err := s.call(ctx, servicePath, serviceName+".ReadAlias", []any{"default"}, &path); err != nil {
		return "", err
	}
	if path == "/" || !path.IsValid() {
		return "", fmt.Errorf("%w: no default collection", ErrNotFound)
	}
	return string(path), nil
}

// Collections lists the collections, by path, and says which are locked.
func (s *Service) Collections(ctx context.Context) (locked map[string]bool, err error) {
	var list dbus.Variant
	if err := s.call(ctx, servicePath, properties+".Get", []any{serviceName, "Collections"}, &list); err != nil {
		return nil, err
	}
	var paths []dbus.ObjectPath
	if err := list.Store(&paths); err != nil {
		return nil, fmt.Errorf("%w: Collections: %v", ErrBroken, err)
	}
	locked = map[string]bool{}
	for _, path := range paths {
		is, err := s.locked(ctx, path)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		locked[string(path)] = is
	}
	return locked, nil
}

func (s *Service) locked(ctx context.Context, path dbus.ObjectPath) (is bool, err error) {
	var v dbus.Variant
	if err := s.call(ctx, path, properties+".Get", []any{collection, "Locked"}, &v); err != nil {
		return false, err
	}
	if err := v.Store(&is); err != nil {
		return false, fmt.Errorf("%w: Locked: %v", ErrBroken, err)
	}
	return is, nil
}

// Store keeps a secret in a collection, in place of one that has the same
// attributes there. It unlocks the collection as Secret does an item.
func (s *Service) Store(ctx context.Context, in string, label string, attributes map[string]string, secret cred.Secret) (Item, error) {
	at := dbus.ObjectPath(in)
	locked, err := s.locked(ctx, at)
	if err == nil && locked {
		err = s.unlock(ctx, at)
	}
	if err == nil {
		err = s.openSession(ctx)
	}
	if err != nil {
		return Item{}, err
	}
	w, err := s.session.seal(secret)
	defer clear(w.Value)
	if err != nil {
		return Item{}, err
	}
	var path, prompt dbus.ObjectPath
	about := map[string]dbus.Variant{itemName + ".Label": dbus.MakeVariant(label), itemName + ".Attributes": dbus.MakeVariant(attributes)}
	if err := s.call(ctx, at, collection+".CreateItem", []any{about, w, true}, &path, &prompt); err != nil {
		return Item{}, err
	}
	if path == "/" {
		result, err := s.prompt(ctx, prompt)
		if err == nil && result.Store(&path) != nil {
			err = fmt.Errorf("%w: no item was made", ErrBroken)
		}
		if err != nil {
			return Item{}, err
		}
	}
	return Item{path: path, Label: label, Attributes: attributes}, nil
}

// Delete removes an item. That it is gone already is no error.
func (s *Service) Delete(ctx context.Context, item Item) error {
	var prompt dbus.ObjectPath
	err := s.call(ctx, item.path, itemName+".Delete", nil, &prompt)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil && prompt != "/" {
		_, err = s.prompt(ctx, prompt)
	}
	return err
}
