package match

import "strings"

// DoubleMetaphone is the sound of an English word as Lawrence Philips' Double
// Metaphone writes it: a primary code and an alternate one for a second way to
// say it, equal where there is one way. Codes are not cut. "0" stands for "th",
// "X" for "sh". Spaces are allowed (a few rules look at "Van ", "San "). A
// word that holds anything but letters A to Z and spaces, or nothing that
// sounds, has no code: both are "". What is to be said of other letters is
// said in Normalize.
func DoubleMetaphone(word string) (primary, alternate string) {
	if word == "" {
		return "", ""
	}
	for i := range len(word) {
		if c := word[i] &^ 0x20; (c < 'A' || c > 'Z') && word[i] != ' ' {
			return "", ""
		}
	}
	e := encoder{text: strings.ToUpper(word)}
	e.last = len(e.text) - 1
	e.slavic = strings.ContainsAny(e.text, "WK") || strings.Contains(e.text, "CZ")
	e.germanic = e.at(0, "VAN ", "VON ", "SCH")
	if e.at(0, "GN", "KN", "PN", "WR", "PS") {
		e.pos = 1
	} else if e.letter(0) == 'X' { // Xavier
		e.say("S")
		e.pos = 1
	}
	for e.pos <= e.last {
		e.step()
	}
	return string(e.primary), string(e.alternate)
}

// encoder walks over a word, pos the letter at which it stands.
type encoder struct {
	text      string
	pos, last int
	slavic    bool // probably of a Slavic or Germanic language
	germanic  bool // begins as Dutch or German names do
	primary   []byte
	alternate []byte
}

// say adds a code to both.
func (e *encoder) say(code string) { e.sayTwo(code, code) }

// sayTwo adds a code to each.
func (e *encoder) sayTwo(primary, alternate string) {
	e.primary = append(e.primary, primary...)
	e.alternate = append(e.alternate, alternate...)
}

// letter is the one at i, 0 outside of the word.
func (e *encoder) letter(i int) byte {
	if i < 0 || i > e.last {
		return 0
	}
	return e.text[i]
}

// off is the letter at a distance from pos.
func (e *encoder) off(d int) byte { return e.letter(e.pos + d) }

func (e *encoder) vowel(i int) bool { return strings.IndexByte("AEIOUY", e.letter(i)) >= 0 }

// at reports whether one of list stands at i. The word ends in a space.
func (e *encoder) at(i int, list ...string) bool {
	if i < 0 {
		return false
	}
	for _, s := range list {
		if i <= e.last && strings.HasPrefix(e.text[i:], s) {
			return true
		}
		if n := len(s) - 1; s[n] == ' ' && i+n == e.last+1 && strings.HasSuffix(e.text, s[:n]) {
			return true
		}
	}
	return false
}

// near is at, at a distance from pos.
func (e *encoder) near(d int, list ...string) bool { return e.at(e.pos+d, list...) }

// one reports whether the letter at a distance from pos is of set; a space in
// set also stands for the end of the word.
func (e *encoder) one(d int, set string) bool {
	c := e.off(d)
	if c == 0 && e.pos+d > e.last {
		c = ' '
	}
	return strings.IndexByte(set, c) >= 0
}

// pass says code and goes on, past the next letter too where it is of skip.
func (e *encoder) pass(code, skip string) {
	e.say(code)
	e.skip(skip)
}

// skip goes on by one letter, by two where the next is of set.
func (e *encoder) skip(set string) {
	if c := e.off(1); c != 0 && strings.IndexByte(set, c) >= 0 {
		e.pos++
	}
	e.pos++
}

// step says the letters at pos and goes on past them.
func (e *encoder) step() {
	switch e.off(0) {
	case 'A', 'E', 'I', 'O', 'U', 'Y':
		if e.pos == 0 {
			e.say("A")
		}
		e.pos++
	case 'B':
		e.pass("P", "B")
	case 'C':
		e.letterC()
	case 'D':
		e.letterD()
	case 'F':
		e.pass("F", "F")
	case 'G':
		e.letterG()
	case 'H':
		e.letterH()
	case 'J':
		e.letterJ()
	case 'K':
		e.pass("K", "K")
	case 'L':
		e.letterL()
	case 'M':
		e.letterM()
	case 'N':
		e.pass("N", "N")
	case 'P':
		e.letterP()
	case 'Q':
		e.pass("K", "Q")
	case 'R':
		e.letterR()
	case 'S':
		e.letterS()
	case 'T':
		e.letterT()
	case 'V':
		e.pass("F", "V")
	case 'W':
		e.letterW()
	case 'X':
		e.letterX()
	case 'Z':
		e.letterZ()
	default: // a space
		e.pos++
	}
}
