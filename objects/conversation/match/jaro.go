package match

import (
	"math/bits"
	"unicode/utf8"
)

// prefixMax is how many equal first runes raise a score.
const prefixMax = 4

// prefixScale is by how much of what is missing each of them does.
const prefixScale = 0.1

// JaroWinkler is how alike two texts are, from 0 to 1, rune by rune: Winkler's
// prefix scale is 0.1 for at most 4 runes and applies at every score; half of
// an odd number of transposed runes is rounded down, as in Winkler's program.
// Equal texts are 1, two empty ones too. It is symmetric.
func JaroWinkler(a, b string) float64 {
	return newPattern(a).score([]byte(b), utf8.RuneCountInString(b))
}

// pattern is a text that many others are compared with. It knows for each rune
// where it stands, as bits, so that a comparison does not search. It owns
// scratch memory: one goroutine.
type pattern struct {
	runes []rune
	words int // of 64 positions
	ascii [utf8.RuneSelf]uint32
	other map[rune]uint32
	where []uint64 // words for each distinct rune; slot 0 is no rune's
	taken []uint64 // scratch: positions that have met theirs
	met   []rune   // scratch: what has met, in the order of the other text
}

func newPattern(text string) *pattern {
	p := &pattern{runes: []rune(text)}
	p.words = (len(p.runes) + 63) / 64
	p.where = make([]uint64, p.words, (len(p.runes)+1)*p.words)
	p.taken = make([]uint64, p.words)
	p.met = make([]rune, 0, len(p.runes))
	for i, r := range p.runes {
		slot := p.slot(r)
		if slot == 0 {
			slot = p.newSlot(r)
		}
		p.where[int(slot)*p.words+i/64] |= 1 << (i % 64)
	}
	return p
}

func (p *pattern) slot(r rune) uint32 {
	if r < utf8.RuneSelf {
		return p.ascii[r]
	}
	return p.other[r]
}

func (p *pattern) newSlot(r rune) uint32 {
	slot := uint32(len(p.where) / p.words)
	p.where = append(p.where, make([]uint64, p.words)...)
	if r < utf8.RuneSelf {
		p.ascii[r] = slot
		return slot
	}
	if p.other == nil {
		p.other = make(map[rune]uint32)
	}
	p.other[r] = slot
	return slot
}

// score is the Jaro-Winkler score of p and text, which has so many runes.
func (p *pattern) score(text []byte, runes int) float64 {
	n := len(p.runes)
	if n == 0 || runes == 0 {
		if n == runes {
			return 1
		}
		return 0
	}
	p.match(text, max(max(n, runes)/2-1, 0))
	common := len(p.met)
	if common == 0 {
		return 0
	}
	m := float64(common)
	jaro := (m/float64(n) + m/float64(runes) + (m-float64(p.transposed()/2))/m) / 3
	return jaro + prefixScale*float64(p.prefix(text))*(1-jaro)
}

// match fills taken and met: each rune of text meets the first free equal one
// of p that is at most window places away.
func (p *pattern) match(text []byte, window int) {
	clear(p.taken)
	p.met = p.met[:0]
	for at := 0; len(text) > 0; at++ {
		r, size := nextRune(text)
		text = text[size:]
		if slot := int(p.slot(r)); slot > 0 {
			if i := p.firstFree(slot, at-window, at+window); i >= 0 {
				p.taken[i/64] |= 1 << (i % 64)
				p.met = append(p.met, r)
			}
		}
	}
}

// nextRune is utf8.DecodeRune with a short way for ASCII.
func nextRune(text []byte) (r rune, size int) {
	if text[0] < utf8.RuneSelf {
		return rune(text[0]), 1
	}
	return utf8.DecodeRune(text)
}

// firstFree is the first position of a rune between two, both included, that
// is not taken, or -1.
func (p *pattern) firstFree(slot, from, to int) int {
	from, to = max(from, 0), min(to, len(p.runes)-1)
	for w := from / 64; w*64 <= to; w++ {
		free := p.where[slot*p.words+w] &^ p.taken[w]
		if w == from/64 {
			free &= ^uint64(0) << (from % 64)
		}
		if free == 0 {
			continue
		}
		if i := w*64 + bits.TrailingZeros64(free); i <= to {
			return i
		}
		return -1
	}
	return -1
}

// transposed counts the places at which what has met differs in order.
func (p *pattern) transposed() int {
	count, k := 0, 0
	for w, taken := range p.taken {
		for ; taken != 0; taken &= taken - 1 {
			if p.runes[w*64+bits.TrailingZeros64(taken)] != p.met[k] {
				count++
			}
			k++
		}
	}
	return count
}

// prefix is how many first runes are equal, at most prefixMax.
func (p *pattern) prefix(text []byte) int {
	n := 0
	for n < min(prefixMax, len(p.runes)) && len(text) > 0 {
		r, size := nextRune(text)
		if p.runes[n] != r {
			break
		}
		text = text[size:]
		n++
	}
	return n
}
