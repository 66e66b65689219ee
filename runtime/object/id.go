package object

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/maphash"
	"sync/atomic"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// The errors of ids, with the texts of Durable Objects.
var (
	ErrIDText  = errors.New("Invalid Durable Object ID: must be 64 hex digits")
	ErrIDOwner = errors.New("Durable Object ID is not valid for this namespace.")
)

const idHalf = 16 // bytes of an id's base, and of its MAC

func idKey(namespace string) []byte {
	k := sha256.Sum256([]byte(namespace))
	return k[:]
}

func sign(key, base []byte) (id store.ID) {
	m := hmac.New(sha256.New, key)
	m.Write(base)
	copy(id[:idHalf], base)
	copy(id[idHalf:], m.Sum(nil)[:idHalf])
	return id
}

// IDFromName is the id that a name always has in a namespace.
func IDFromName(namespace, name string) store.ID {
	key := idKey(namespace)
	m := hmac.New(sha256.New, key)
	m.Write([]byte(name))
	return sign(key, m.Sum(nil)[:idHalf])
}

// UniqueID is a fresh id of a namespace, from 16 random bytes.
func UniqueID(namespace string, random []byte) store.ID {
	return sign(idKey(namespace), random[:idHalf])
}

// IDFromString checks the text of an id of a namespace.
func IDFromString(namespace, text string) (store.ID, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 2*idHalf {
		return store.ID{}, ErrIDText
	}
	id := sign(idKey(namespace), b[:idHalf])
	if !hmac.Equal(id[idHalf:], b[idHalf:]) {
		return store.ID{}, ErrIDOwner
	}
	return id, nil
}

// RefByName names the class's object with a name. Any goroutine may call it.
func (c *Class) RefByName(name string) store.Ref {
	if r := c.named.get(name); r != nil {
		return *r
	}
	r := RefByName(c.Origin, name)
	r.Namespace = c.Namespace
	c.named.put(name, &r)
	return r
}

// names remembers the objects that were named last. A name's id costs two
// MACs, more than all else that finding its object takes.
type names [namesKept]atomic.Pointer[store.Ref]

// namesKept is how many names a class remembers at most.
const namesKept = 1 << 10

var namesSeed = maphash.MakeSeed()

func (n *names) get(name string) *store.Ref {
	if r := n[maphash.String(namesSeed, name)%namesKept].Load(); r != nil && r.Name == name {
		return r
	}
	return nil
}

// put remembers r unless its name is too long to be part of it.
func (n *names) put(name string, r *store.Ref) {
	if r.Name == name {
		n[maphash.String(namesSeed, name)%namesKept].Store(r)
	}
}

// RefByName names the object with a name; a name over 1,024 bytes is not
// kept, as in Durable Objects.
func RefByName(namespace, name string) store.Ref {
	r := store.Ref{Namespace: namespace, ID: IDFromName(namespace, name)}
	if len(name) <= abi.NameBytesMax {
		r.Name = name
	}
	return r
}
