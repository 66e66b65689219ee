package native

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Ids are those of the real host: 16 bytes base and 16 bytes MAC.

const idHalf = 16

func sign(key, base []byte) (id [32]byte) {
	m := hmac.New(sha256.New, key)
	m.Write(base)
	copy(id[:idHalf], base)
	copy(id[idHalf:], m.Sum(nil))
	return id
}

func (c *class) key() []byte {
	k := sha256.Sum256([]byte(c.namespace))
	return k[:]
}

func (c *class) idOf(name string) [32]byte {
	m := hmac.New(sha256.New, c.key())
	m.Write([]byte(name))
	return sign(c.key(), m.Sum(nil)[:idHalf])
}

func (c *class) parse(text string) (id [32]byte, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 2*idHalf {
		return id, refuse(abi.Invalid, "Invalid Durable Object ID: must be 64 hex digits")
	}
	if id = sign(c.key(), b[:idHalf]); !hmac.Equal(id[:], b) {
		return id, refuse(abi.Invalid, "Durable Object ID is not valid for this namespace.")
	}
	return id, nil
}

// bound is the class behind a binding.
func (w *World) bound(binding string) (*class, error) {
	if c := w.classes[w.cfg.App.Class(binding)]; c != nil && c.Class != "" {
		return c, nil
	}
	return nil, refuse(abi.NotFound, "the app has no Durable Object binding %q", binding)
}

// object finds an object, or makes it: that wakes nobody.
func (w *World) object(c *class, id [32]byte, name string) *object {
	o := w.objects[id]
	if o == nil {
		if len(name) > abi.NameBytesMax {
			name = ""
		}
		o = newObject(w, c, id, name)
		w.objects[id] = o
		w.order = append(w.order, o)
	}
	return o
}

// stub finds the object that a stub means.
func (w *World) stub(binding, id, name string) (*object, error) {
	c, err := w.bound(binding)
	if err != nil {
		return nil, err
	}
	if name == "" && id == "" {
		return nil, refuse(abi.Invalid, "a stub needs an id or a name")
	}
	if name != "" {
		named := c.idOf(name)
		if id != "" && id != hex.EncodeToString(named[:]) {
			return nil, refuse(abi.Invalid, "the id is not that of the name %q", name)
		}
		return w.object(c, named, name), nil
	}
	parsed, err := c.parse(id)
	if err != nil {
		return nil, err
	}
	return w.object(c, parsed, ""), nil
}

func idFromName(o *object, m *abi.IDRequest) (message, error) {
	c, err := o.w.bound(m.Binding)
	if err != nil {
		return nil, err
	}
	id := c.idOf(m.Text)
	return raw(hex.EncodeToString(id[:])), nil
}

func idFromString(o *object, m *abi.IDRequest) (message, error) {
	c, err := o.w.bound(m.Binding)
	if err != nil {
		return nil, err
	}
	id, err := c.parse(m.Text)
	if err != nil {
		return nil, err
	}
	return raw(hex.EncodeToString(id[:])), nil
}

func idUnique(o *object, m *abi.IDRequest) (message, error) {
	c, err := o.w.bound(m.Binding)
	if err != nil {
		return nil, err
	}
	base := make([]byte, idHalf)
	o.w.fill(base)
	id := sign(c.key(), base)
	return raw(hex.EncodeToString(id[:])), nil
}
