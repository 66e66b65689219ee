package match

import (
	"math"
	"math/bits"
	"slices"
)

// Hit is a party of an Index that matches.
type Hit struct {
	ID uint32
	Match
}

// Find is every party that matches n as Compare says, the surest first, equal
// ones by id. The caller owns the result. Names of parties are usually unlike,
// and then it takes 2 ns an entry of the index, 8 ns in a Wasm guest.
func (ix *Index) Find(n Name) []Hit {
	hits := map[uint32]Match{}
	for i, f := range n.forms {
		p := newProbe(f, i > 0)
		ix.findEqual(p, hits)
		ix.findLike(p, hits)
	}
	out := make([]Hit, 0, len(hits))
	for id, m := range hits {
		out = append(out, Hit{id, m})
	}
	slices.SortFunc(out, func(a, b Hit) int {
		switch {
		case a.Confidence > b.Confidence:
			return -1
		case a.Confidence < b.Confidence:
			return 1
		case a.ID < b.ID:
			return -1
		}
		return 1
	})
	return out
}

// findEqual finds by the text and by the sound of p.
func (ix *Index) findEqual(p *probe, hits map[uint32]Match) {
	if len(ix.entries) == 0 {
		return
	}
	for at := *ix.byText.slot([]byte(p.text)); at != 0; at = ix.entries[at-1].nextText {
		e := &ix.entries[at-1]
		hit(hits, e.id, p.equal(ix.spelling(e)))
	}
	if p.sound == "" {
		return
	}
	for at := *ix.bySound.slot([]byte(p.sound)); at != 0; at = ix.entries[at-1].nextSound {
		e := &ix.entries[at-1]
		hit(hits, e.id, p.phonetic(ix.spelling(e)))
	}
}

// findLike finds by likeness, among the entries whose bound lets it.
func (ix *Index) findLike(p *probe, hits map[uint32]Match) {
	least := commonMins(p.bound.runes)
	set, runes := p.bound.set, p.bound.runes
	for i := range ix.entries {
		e := &ix.entries[i]
		n := int(least[e.runes])
		if runes-bits.OnesCount64(set&^e.set) < n || int(e.runes)-bits.OnesCount64(e.set&^set) < n {
			continue
		}
		hit(hits, e.id, p.fuzzy(ix.spelling(e)))
	}
}

func hit(hits map[uint32]Match, id uint32, m Match) {
	if m.Kind != "" {
		hits[id] = hits[id].or(m)
	}
}

// commonMins is commonMin of n and each length, without a prefix known; no
// text reaches the one of length 0, which is a hole's.
func commonMins(n int) *[NameBytesMax + 1]int16 {
	var least [NameBytesMax + 1]int16
	least[0] = math.MaxInt16
	for k := 1; k < len(least); k++ {
		least[k] = int16(commonMin(n, k, prefixMax))
	}
	return &least
}
