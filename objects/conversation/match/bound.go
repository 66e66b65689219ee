package match

import (
	"math"
	"math/bits"
	"unicode/utf8"
)

// bound is what is cheap to know of a text: its runes, and a set of bits with
// at least one for each rune that another text lacks.
type bound struct {
	set   uint64
	runes int
}

// commonMax is how many runes two texts have in common, at the most.
func (b bound) commonMax(o bound) int {
	return min(b.runes-bits.OnesCount64(b.set&^o.set), o.runes-bits.OnesCount64(o.set&^b.set))
}

// commonMin is how many runes two texts of n and k runes with so long an
// equal prefix must have in common, at the least, for a fuzzy match: what the
// formula gives without a transposition, and a little less for rounding.
func commonMin(n, k, prefix int) int {
	boost := prefixScale * float64(prefix)
	jaro := (FuzzyMin - boost) / (1 - boost)
	common := (3*jaro - 1) / (1/float64(n) + 1/float64(k))
	return int(math.Ceil(common - 1e-6))
}

// boundOf gives the first "a" of a text a bit, the second another, and so on,
// so that the set is one of runes as often as they occur. Letters and spaces
// have bits of their own for two occurrences; all others share by hash.
// Sharing loses sharpness, never a match: a bit of one set that the other
// lacks is always the bit of a rune that the other lacks.
func boundOf(text string) bound {
	var b bound
	var seen [utf8.RuneSelf]uint8
	for at, r := range text {
		times := 0
		if r < utf8.RuneSelf {
			times = int(seen[r])
			if seen[r] < math.MaxUint8 {
				seen[r]++
			}
		} else {
			times = countBefore(text[:at], r)
		}
		b.set |= 1 << bitOf(r, times)
		b.runes++
	}
	return b
}

// countBefore is how often r stands in text, at most 3 times: more are rare
// and may share a bit.
func countBefore(text string, r rune) int {
	n := 0
	for _, c := range text {
		if c == r {
			if n++; n == 3 {
				break
			}
		}
	}
	return n
}

// bitOf is the bit of the so many times repeated rune.
func bitOf(r rune, times int) uint {
	switch {
	case 'a' <= r && r <= 'z' && times < 2:
		return uint(r-'a') + 26*uint(times)
	case r == ' ' && times < 2:
		return 52 + uint(times)
	}
	return uint((uint32(r)*8+uint32(times))*2654435761) >> 26 & 63
}
