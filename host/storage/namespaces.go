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
	stored atomic.Bool // an applied batch holds the number
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
		ns := &namespace{name: string(it.Key()[1:]), number: binary.BigEndian.Uint32(it.Value())}
		ns.stored.Store(true)
		n.byName[ns.name], n.byNumber[ns.number] = ns, ns
		n.next = max(n.next, ns.number+1)
	}
	return nil
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
	ns := &namespace{name: name, number: n.next}
	n.next++
	n.byName[name], n.byNumber[ns.number] = ns, ns
	return ns
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
	key := append([]byte{familyNamespace}, ns.name...)
	return batch.Set(key, binary.BigEndian.AppendUint32(nil, ns.number), nil)
}
