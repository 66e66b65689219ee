package match

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Normalize is the form in which names are compared. Two names are the same
// exactly when their forms are equal. In order:
//
//  1. compatibility forms are one (NFKC: full-width letters, ligatures);
//  2. case is folded, the letters of latinPlain become plain ones;
//  3. accents go: all marks on Latin and Greek letters, and the optional
//     points of Hebrew and Arabic; other scripts keep their marks, which
//     are part of the word there (Devanagari, kana, Cyrillic "й");
//  4. punctuation, symbols and invisible characters are deleted, not replaced
//     by a space: "O'Brien-Smith" is "obriensmith", "L.L.C." is "llc";
//  5. white space is collapsed to single spaces, none at either end;
//  6. corporate suffixes at the end are removed, as many as there are, but
//     never the first word.
//
// The result is NFC, normalises to itself, and is empty for a name without
// letter or digit. Bytes that are no UTF-8 are deleted.
func Normalize(name string) string {
	return cutSuffixes(strings.Fields(plain(name)))
}

// latinPlain are Latin letters that no decomposition takes apart, and the
// Cyrillic letter that is commonly written without its dots.
var latinPlain = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'þ': "th",
	'ł': "l", 'ø': "o", 'đ': "d", 'ð': "d", 'ħ': "h", 'ŧ': "t", 'ŋ': "n", 'ĸ': "k",
	'ƒ': "f", 'ɓ': "b", 'ɗ': "d", 'ƙ': "k", 'ƴ': "y", 'ɨ': "i", 'ʉ': "u",
	'ё': "е",
}

// plain is steps 1 to 5 but for the collapse of spaces.
func plain(name string) string {
	var b strings.Builder
	b.Grow(len(name))
	strip := true // marks that follow go: they are on a letter that loses them, or on none
	for _, r := range norm.NFKD.String(withoutSigns(name)) {
		r = fold(r)
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Z, r):
			b.WriteByte(' ')
			strip = true
		case invisible(r) || unicode.Is(unicode.Me, r):
		case unicode.Is(unicode.M, r):
			if !strip && !optionalPoint(r) {
				b.WriteRune(r)
			}
		case unicode.IsLetter(r) && !apostrophe(r), unicode.IsNumber(r):
			b.WriteRune(r)
			strip = unicode.In(r, unicode.Latin, unicode.Greek) || unicode.IsNumber(r)
		case unicode.IsSymbol(r):
			strip = true
		}
	}
	return replacePlain(norm.NFC.String(b.String()))
}

// withoutSigns is name in NFD without the signs that would turn into letters
// or spaces when they are decomposed further: "™" into "TM", "´" into a space
// with an accent. The marks on a sign go with it: "΅" is one sign in NFC and
// a sign and a mark in NFD, and neither leaves an accent to the letter before.
func withoutSigns(name string) string {
	onSign := false
	return strings.Map(func(r rune) rune {
		switch {
		case sign(r):
			onSign = true
			return -1
		case onSign && unicode.Is(unicode.M, fold(r)):
			return -1
		}
		onSign = false
		return r
	}, norm.NFD.String(name))
}

// sign is punctuation, a mark of trade, a spacing accent, or no rune at all.
func sign(r rune) bool {
	switch r {
	case '™', '℠', '®', '©', '℗', unicode.ReplacementChar:
		return true
	}
	return unicode.In(r, unicode.P, unicode.Sk)
}

// fold is case folding of one decomposed rune. Through the upper case, so
// that "ς" meets "σ", "ſ" meets "s", and "ı" meets "i".
func fold(r rune) rune {
	if r < 0x80 {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

// replacePlain applies latinPlain to composed text.
func replacePlain(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return latinPlain[r] != "" }) < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if p := latinPlain[r]; p != "" {
			b.WriteString(p)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// optionalPoint is a vowel point or cantillation mark of Hebrew, or an Arabic
// vowel sign: names are written with and without.
func optionalPoint(r rune) bool {
	return 0x0591 <= r && r <= 0x05C7 || 0x064B <= r && r <= 0x0652 || r == 0x0670
}

// apostrophe is a modifier letter that stands for an apostrophe or a dash
// ("Oʼahu", "Saʻid"), or the Arabic tatweel, which only stretches a word.
func apostrophe(r rune) bool {
	return 0x02B9 <= r && r <= 0x02FF || r == 0xA78B || r == 0xA78C || r == 0x0640
}

// invisible is what has no shape of its own: controls, joiners, variation
// selectors and fillers.
func invisible(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0:
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Cc, unicode.Variation_Selector)
}
