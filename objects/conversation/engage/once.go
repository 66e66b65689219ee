package engage

import "github.com/holdfast-run/holdfast/guest-sdk/edge"

// onceLoadMax is up to how many idempotency keys of a conversation are read
// for the filter of them. A conversation with more asks storage at each key.
const onceLoadMax = 1000

// once knows of most idempotency keys that were never used that they were not,
// so that storage need not be asked: a Bloom filter of two bits a key. Of a
// thousand keys' worth of unused ones it asks for 2 in 100.
type once struct {
	state onceState
	bits  [onceBits / 64]uint64
}

const onceBits = 1 << 14

type onceState uint8

const (
	onceUnread onceState = iota // storage has not been read
	onceReady                   // every key that was used is in bits
	onceFull                    // there were too many
)

// places are a key's bits: halves of its FNV-1a hash.
func (*once) places(key string) (a, b uint32) {
	h := uint64(14695981039346656037)
	for i := 0; i < len(key); i++ {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return uint32(h>>32) % onceBits, uint32(h) % onceBits
}

// add notes that a key is used.
func (o *once) add(key string) {
	a, b := o.places(key)
	o.bits[a/64] |= 1 << (a % 64)
	o.bits[b/64] |= 1 << (b % 64)
}

// unused reports whether a key is known not to have been used.
func (o *once) unused(key string) bool {
	a, b := o.places(key)
	both := o.bits[a/64] >> (a % 64) & (o.bits[b/64] >> (b % 64)) & 1
	return o.state == onceReady && both == 0
}

// read takes the keys that were used from storage.
func (o *once) read(kv *edge.KV) error {
	n := 0
	entries, failed := kv.List(edge.ListOptions{Prefix: onceKey, Limit: onceLoadMax + 1})
	for k := range entries {
		o.add(k[len(onceKey):])
		n++
	}
	if err := failed(); err != nil {
		return err
	}
	if o.state = onceReady; n > onceLoadMax {
		o.state = onceFull
	}
	return nil
}

// earlier is the message that came with an idempotency key before, if one did.
func (s *Session) earlier(key string) (first []byte, ok bool, err error) {
	if key == "" {
		return nil, false, nil
	}
	if s.once.state == onceUnread {
		if err := s.once.read(s.kv()); err != nil {
			return nil, false, err
		}
	}
	if s.once.unused(key) {
		return nil, false, nil
	}
	seq, ok, err := edge.Get[int64](s.kv(), onceKey+key)
	if err != nil || !ok {
		return nil, false, err
	}
	first, _, err = s.kv().Get(numberKey(messagePrefix, seq))
	return first, true, err
}
