package match

import (
	"errors"
	"fmt"
	"hash/maphash"
)

// The limits of an Index. IndexBytesMax is of Bytes: some 190,000 usual names
// and aliases.
const (
	PartiesMax    = 50_000
	IndexBytesMax = 16 << 20
)

// What Add refuses.
var (
	ErrIndexFull = fmt.Errorf("expected at most %d parties and %d bytes of names in an index", PartiesMax, IndexBytesMax)
	ErrKnownID   = errors.New("expected an id that is not in the index")
)

// Index holds prepared names of many parties and finds those that match one.
// An id is the caller's own number of a party. One goroutine uses an Index,
// Find included. The zero Index is empty and ready.
//
// How it works:
//  1. all spellings lie in one slice of small entries, their texts and sounds
//     one behind the other in one buffer; the spellings of a party follow each
//     other;
//  2. equal texts and equal sounds are found through two hash tables, whose
//     chains run through the entries;
//  3. for likeness every entry is looked at, but by its bound only: a set of
//     bits and a length, which say how many runes it can have in common with
//     the name that is sought. Few are left to be compared;
//  4. a removed party leaves holes, which are squeezed out when they are half.
type Index struct {
	entries []entry
	texts   []byte
	first   map[uint32]uint32 // id to its first entry
	byText  chains
	bySound chains
	holes   int // entries without a party
}

// entry is one spelling of a party. A hole has no runes.
type entry struct {
	set       uint64
	id        uint32
	offset    uint32
	nextText  uint32
	nextSound uint32
	textLen   uint16
	soundLen  uint16
	runes     uint16
	alias     bool
}

const entryBytes = 32

// Len is the number of parties.
func (ix *Index) Len() int { return len(ix.first) }

// Bytes is what the spellings take: what IndexBytesMax bounds. The tables
// beside them take some 25 bytes a party.
func (ix *Index) Bytes() int { return len(ix.entries)*entryBytes + len(ix.texts) }

// Add takes a party in. The error wraps ErrKnownID, ErrIndexFull or
// ErrEmptyName; the index is then unchanged.
func (ix *Index) Add(id uint32, n Name) error {
	if len(n.forms) == 0 {
		return fmt.Errorf("party %d: %w", id, ErrEmptyName)
	}
	if _, ok := ix.first[id]; ok {
		return fmt.Errorf("party %d: %w", id, ErrKnownID)
	}
	size := 0
	for _, f := range n.forms {
		size += entryBytes + len(f.text) + len(f.sound)
	}
	if ix.Bytes()+size > IndexBytesMax && ix.holes > 0 {
		ix.squeeze()
	}
	if len(ix.first) >= PartiesMax || ix.Bytes()+size > IndexBytesMax {
		return fmt.Errorf("party %d: %w", id, ErrIndexFull)
	}
	if ix.first == nil {
		ix.first = make(map[uint32]uint32)
	}
	ix.first[id] = uint32(len(ix.entries))
	for i, f := range n.forms {
		ix.append(id, f, i > 0)
	}
	return nil
}

func (ix *Index) append(id uint32, f form, alias bool) {
	b := boundOf(f.text)
	e := entry{
		set: b.set, id: id, offset: uint32(len(ix.texts)),
		textLen: uint16(len(f.text)), soundLen: uint16(len(f.sound)), runes: uint16(b.runes), alias: alias,
	}
	ix.texts = append(append(ix.texts, f.text...), f.sound...)
	ix.entries = append(ix.entries, e)
	if len(ix.entries) > len(ix.byText.heads) {
		ix.rehash(2 * len(ix.entries))
		return
	}
	ix.link(uint32(len(ix.entries) - 1))
}

// Remove takes a party out and reports whether it was in.
func (ix *Index) Remove(id uint32) bool {
	at, ok := ix.first[id]
	if !ok {
		return false
	}
	delete(ix.first, id)
	for i := at; i < uint32(len(ix.entries)) && (i == at || ix.entries[i].alias); i++ {
		ix.unlink(i)
		ix.entries[i].runes = 0
		ix.holes++
	}
	if ix.holes > len(ix.entries)/2 {
		ix.squeeze()
	}
	return true
}

// squeeze closes the holes, in place.
func (ix *Index) squeeze() {
	entries, texts := ix.entries[:0], ix.texts[:0]
	for _, e := range ix.entries {
		if e.runes == 0 {
			continue
		}
		if !e.alias {
			ix.first[e.id] = uint32(len(entries))
		}
		from := e.offset
		e.offset = uint32(len(texts))
		texts = append(texts, ix.texts[from:from+uint32(e.textLen)+uint32(e.soundLen)]...)
		entries = append(entries, e)
	}
	ix.entries, ix.texts, ix.holes = entries, texts, 0
	ix.rehash(2 * len(entries))
}

// spelling of an entry borrows the buffer until it changes.
func (ix *Index) spelling(e *entry) spelling {
	return spelling{ix.text(e), ix.sound(e), e.alias, bound{e.set, int(e.runes)}}
}

// text and sound of an entry borrow the buffer until it changes.
func (ix *Index) text(e *entry) []byte {
	return ix.texts[e.offset : e.offset+uint32(e.textLen)]
}

func (ix *Index) sound(e *entry) []byte {
	return ix.texts[e.offset+uint32(e.textLen) : e.offset+uint32(e.textLen)+uint32(e.soundLen)]
}

// seed makes the hash tables differ from run to run; what Find answers does
// not depend on it.
var seed = maphash.MakeSeed()

// chains is a hash table whose entries are linked through the index.
type chains struct {
	heads []uint32 // an entry's number plus one, or 0; a power of two of them
}

func (c *chains) slot(key []byte) *uint32 {
	return &c.heads[maphash.Bytes(seed, key)&uint64(len(c.heads)-1)]
}

// chainsMin is the smallest table.
const chainsMin = 64

// rehash makes both tables anew, for at least so many entries.
func (ix *Index) rehash(room int) {
	n := chainsMin
	for n < room {
		n *= 2
	}
	ix.byText.heads, ix.bySound.heads = make([]uint32, n), make([]uint32, n)
	for i := range ix.entries {
		if ix.entries[i].runes > 0 {
			ix.link(uint32(i))
		}
	}
}

func (ix *Index) link(i uint32) {
	e := &ix.entries[i]
	head := ix.byText.slot(ix.text(e))
	e.nextText, *head = *head, i+1
	if e.soundLen > 0 {
		head = ix.bySound.slot(ix.sound(e))
		e.nextSound, *head = *head, i+1
	}
}

func (ix *Index) unlink(i uint32) {
	e := &ix.entries[i]
	at := ix.byText.slot(ix.text(e))
	for *at != i+1 {
		at = &ix.entries[*at-1].nextText
	}
	*at = e.nextText
	if e.soundLen == 0 {
		return
	}
	at = ix.bySound.slot(ix.sound(e))
	for *at != i+1 {
		at = &ix.entries[*at-1].nextSound
	}
	*at = e.nextSound
}
