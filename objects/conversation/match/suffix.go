package match

import "strings"

// suffixWordsMax is the longest suffix, in words.
const suffixWordsMax = 3

// suffixes are the corporate forms, normalised. Of those that are written
// with spaces or with an "and" the whole is named.
var suffixes = suffixSet(
	// English
	"inc", "incorporated", "llc", "lllp", "llp", "lp", "ltd", "limited", "corp", "corporation",
	"co", "company", "and co", "and company", "plc", "pc", "pllc", "pty", "pte",
	"limited liability company", "limited liability partnership", "limited partnership",
	// German
	"gmbh", "ggmbh", "mbh", "ag", "kg", "cokg", "ohg", "ug", "haftungsbeschrankt", "kgaa",
	"eg", "e g", "ev", "e v", "ek", "e k", "und co",
	// French, Italian, Spanish, Portuguese
	"sa", "sas", "sarl", "srl", "spa", "ltda", "et cie", "sa de cv",
	// Dutch and Nordic
	"nv", "bv", "ab", "as", "oy", "oyj", "aps",
	// others
	"se", "kk", "kft", "doo", "sp zoo", "sp z oo", "bhd", "sdn",
)

func suffixSet(list ...string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}

// cutSuffixes joins words with spaces, without the corporate suffixes at
// their end. The first word always stays: a company may be named "Co".
func cutSuffixes(words []string) string {
	for n := suffixLen(words); n > 0; n = suffixLen(words) {
		words = words[:len(words)-n]
	}
	return strings.Join(words, " ")
}

// suffixLen is how many words at the end are one suffix, the longest that
// fits and leaves a word.
func suffixLen(words []string) int {
	for n := min(suffixWordsMax, len(words)-1); n > 0; n-- {
		if suffixes[strings.Join(words[len(words)-n:], " ")] {
			return n
		}
	}
	return 0
}
