package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// namespaces gives each namespace a number once, so that keys are short and a
// renamed class moves no data. A number is stored with the namespace's first
// object; until then no key holds it.
type namespaces struct {
	mu       sync.RWMutex
	byName   map[string]*namespace
	byNumber map[uint32]*namespace
	next     uint32
}

type namespace struct {
	name   string
	number uint32
	origin string      // the name that the ids of its objects are made with
	stored atomic.Bool // an applied batch holds the number

	objects, bytes  atomic.Int64
	quota           atomic.Pointer[Quota]
	keepMs, sinceMs atomic.Int64 // of the history
}

func (n *namespaces) load(db *pebble.DB) (err error) {
	n.byName, n.byNumber, n.next = map[string]*namespace{}, map[uint32]*namespace{}, 1
	it, err := db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{familyNamespace}, UpperBound: []byte{familyNamespace + 1},
	})
	if err != nil {
		return fmt.Errorf("storage: read namespaces: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		ns := &namespace{name: string(it.Key()[1:])}
		if err := ns.decode(it.Value()); err != nil {
			return err
		}
		ns.stored.Store(true)
		n.byName[ns.name], n.byNumber[ns.number] = ns, ns
		n.next = max(n.next, ns.number+1)
	}
	return it.Error()
}

// find returns a namespace that has had an object or an open one.
func (n *namespaces) find(name string) (*namespace, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	ns, ok := n.byName[name]
	return ns, ok
}

// numbered returns the namespace of a key.
func (n *namespaces) numbered(number uint32) (*namespace, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	ns, ok := n.byNumber[number]
	return ns, ok
}

// intern returns the namespace, giving it a number if it has none.
func (n *namespaces) intern(name string) *namespace {
	if ns, ok := n.find(name); ok {
		return ns
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if ns, ok := n.byName[name]; ok {
		return ns
	}
	ns := &namespace{name: name, number: n.next, origin: name}
	for i := 2; n.hasOrigin(ns.origin); i++ { // another has taken its objects along
		ns.origin = fmt.Sprintf("%s#%d", name, i)
	}
	n.next++
	n.byName[name], n.byNumber[ns.number] = ns, ns
	return ns
}

func (n *namespaces) hasOrigin(origin string) bool {
	for _, ns := range n.byName {
		if ns.origin == origin {
			return true
		}
	}
	return false
}

// names lists the namespaces in order.
func (n *namespaces) names() []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	names := make([]string, 0, len(n.byName))
	for name := range n.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// store adds the number to a batch that holds an object of the namespace.
// Several first objects may write it at once: they write the same.
func (ns *namespace) store(batch *pebble.Batch) error {
	value := binary.BigEndian.AppendUint32(nil, ns.number)
	if ns.origin != ns.name {
		value = append(value, ns.origin...)
	}
	return batch.Set(ns.key(), value, nil)
}

func (ns *namespace) key() []byte { return append([]byte{familyNamespace}, ns.name...) }

func (ns *namespace) decode(value []byte) error {
	if len(value) < numberBytes {
		return fmt.Errorf("storage: namespace %q has a number of %d bytes", ns.name, len(value))
	}
	ns.number, ns.origin = binary.BigEndian.Uint32(value), ns.name
	if len(value) > numberBytes {
		ns.origin = string(value[numberBytes:])
	}
	return nil
}
