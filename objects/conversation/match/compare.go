package match

// Kind is how two names match.
type Kind string

// The kinds, in the order in which they win where their confidence is equal.
const (
	Exact    Kind = "exact"    // the names are equal, normalised
	Alias    Kind = "alias"    // an alias of one is a name or an alias of the other
	Phonetic Kind = "phonetic" // as many words, in order, each with the same Double Metaphone code
	Fuzzy    Kind = "fuzzy"    // Jaro-Winkler of at least FuzzyMin
)

// The confidence of each kind; that of Fuzzy is its score.
const (
	ExactConfidence    = 1.0
	AliasConfidence    = 0.95
	PhoneticConfidence = 0.8
	FuzzyMin           = 0.92
)

// tolerance is what rounding may take from a score that is FuzzyMin on paper.
const tolerance = 1e-9

// Match says how two names match, and how sure that is, from 0 to 1.
type Match struct {
	Kind       Kind
	Confidence float64
}

// Compare reports how a and b match, in the way with the highest confidence.
// Equality holds between names (Exact) and wherever an alias takes part
// (Alias); sound and likeness hold between names and between a name and an
// alias, not between two aliases. A word without a code (another script, a
// digit) sounds like nothing, not even like itself. Compare(a, b) and
// Compare(b, a) are the same.
func Compare(a, b Name) (Match, bool) {
	others := make([]spelling, len(b.forms))
	for k, f := range b.forms {
		others[k] = spelling{[]byte(f.text), []byte(f.sound), k > 0, boundOf(f.text)}
	}
	var best Match
	for i, f := range a.forms {
		p := newProbe(f, i > 0)
		for _, s := range others {
			best = best.or(p.equal(s)).or(p.phonetic(s)).or(p.fuzzy(s))
		}
	}
	return best, best.Kind != ""
}

// or is the better of two; the zero Match is none.
func (m Match) or(n Match) Match {
	if n.Confidence > m.Confidence || n.Confidence == m.Confidence && n.Kind.rank() < m.Kind.rank() {
		return n
	}
	return m
}

func (k Kind) rank() int {
	switch k {
	case Exact:
		return 0
	case Alias:
		return 1
	case Phonetic:
		return 2
	}
	return 3
}

// spelling is a form that a probe is held against. Its bytes are borrowed.
type spelling struct {
	text, sound []byte
	alias       bool
	bound       bound
}

// probe is a form that many spellings are held against. One goroutine.
type probe struct {
	form
	alias   bool
	bound   bound
	pattern *pattern // made at first use
}

func newProbe(f form, alias bool) *probe {
	return &probe{form: f, alias: alias, bound: boundOf(f.text)}
}

// equal is the match of equal texts, or the zero Match.
func (p *probe) equal(s spelling) Match {
	switch {
	case p.text != string(s.text):
		return Match{}
	case p.alias || s.alias:
		return Match{Alias, AliasConfidence}
	}
	return Match{Exact, ExactConfidence}
}

// unlike reports whether sound and likeness count: not between aliases, and
// not where the texts are equal.
func (p *probe) unlike(s spelling) bool {
	return !(p.alias && s.alias) && p.text != string(s.text)
}

// phonetic is the match of equal sounds, or the zero Match.
func (p *probe) phonetic(s spelling) Match {
	if p.sound == "" || p.sound != string(s.sound) || !p.unlike(s) {
		return Match{}
	}
	return Match{Phonetic, PhoneticConfidence}
}

// fuzzy is the match of like texts, or the zero Match.
func (p *probe) fuzzy(s spelling) Match {
	common := p.bound.commonMax(s.bound)
	if common < commonMin(p.bound.runes, s.bound.runes, prefixMax) || !p.unlike(s) {
		return Match{}
	}
	if p.pattern == nil {
		p.pattern = newPattern(p.text)
	}
	if common < commonMin(p.bound.runes, s.bound.runes, p.pattern.prefix(s.text)) {
		return Match{}
	}
	if score := p.pattern.score(s.text, s.bound.runes); score >= FuzzyMin-tolerance {
		return Match{Fuzzy, score}
	}
	return Match{}
}
