package match

import (
	"math/rand/v2"
	"strings"
)

// generator makes names for tests: usual ones, ones like a given one, and
// ones meant to be hard. The same seed makes the same.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator {
	return generator{rand.New(rand.NewPCG(seed, 0))}
}

var (
	givenNames  = strings.Fields("James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph Jessica Thomas Sarah Charles Karen Christopher Lisa Daniel Nancy Matthew Betty Anthony Margaret Mark Sandra José María Łukasz Zoë Jürgen François Søren Nguyễn")
	familyNames = strings.Fields("Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts O'Brien Müller Schmidt Szymanski Ørsted")
	syllables   = strings.Fields("ka ro mi ta len ber dor vin sel nor fay gri lo ste man hau wel pri chi tho zan ku be ra dis mor tan fel")
	otherNames  = strings.Fields("王小明 王晓明 李娜 张伟 Иван Петров Фёдор محمد أحمد علي Νίκος Παπαδόπουλος 김철수 תמר हरि 山田太郎")
	corporate   = []string{"Inc.", "LLC", "GmbH & Co. KG", "Ltd.", "S.A.", ""}
)

func (g generator) of(list []string) string { return list[g.IntN(len(list))] }

// word is a made-up name, so that many parties differ.
func (g generator) word() string {
	var b strings.Builder
	for range 2 + g.IntN(3) {
		b.WriteString(g.of(syllables))
	}
	s := b.String()
	return strings.ToUpper(s[:1]) + s[1:]
}

// usual is a name as a firm's parties have it.
func (g generator) usual() string {
	switch g.IntN(10) {
	case 0, 1:
		return g.word() + " " + g.word() + " " + g.of(corporate)
	case 2:
		return g.of(givenNames) + " " + g.of(familyNames)
	case 3:
		return g.of(givenNames) + " " + string(rune('A'+g.IntN(26))) + ". " + g.word()
	}
	return g.of(givenNames) + " " + g.word()
}

// text is a name of any sort.
func (g generator) text() string {
	switch g.IntN(8) {
	case 0:
		return g.of(otherNames) + " " + g.of(otherNames)
	case 1: // few letters, many times: every bound is tight
		return "a" + g.runes("aab ", 1+g.IntN(12))
	case 2:
		return g.runes("abcdefghijklmnopqrstuvwxyz", 1+g.IntN(20))
	case 3:
		return "α" + g.runes("αβγéß字", 1+g.IntN(8))
	case 4:
		return strings.Repeat(g.of(syllables), 20+g.IntN(40)) // beyond 64 runes
	}
	return g.usual()
}

func (g generator) runes(set string, n int) string {
	from := []rune(set)
	out := make([]rune, n)
	for i := range out {
		out[i] = from[g.IntN(len(from))]
	}
	return string(out)
}

func (g generator) name() Name {
	var aliases []string
	for g.IntN(4) == 0 {
		aliases = append(aliases, g.text())
	}
	return g.prepare(g.text(), aliases)
}

func (g generator) prepare(name string, aliases []string) Name {
	n, err := Prepare(name, aliases)
	if err != nil {
		panic(err)
	}
	return n
}

// like is a name with an error or two, perhaps as an alias.
func (g generator) like(n Name) Name {
	text := g.typo(n.Text())
	for g.IntN(3) == 0 {
		text = g.typo(text)
	}
	if g.IntN(4) == 0 {
		return g.prepare(g.text(), []string{text})
	}
	return g.prepare(text, nil)
}

// typo swaps, drops, doubles or replaces a rune, or nothing.
func (g generator) typo(text string) string {
	r := []rune(text)
	i := g.IntN(len(r))
	switch g.IntN(5) {
	case 0:
		k := min(i+1, len(r)-1)
		r[i], r[k] = r[k], r[i]
	case 1:
		r = append(r[:i], r[i+1:]...)
	case 2:
		r = append(r[:i+1], r[i:]...)
	case 3:
		r[i] = 'e'
	}
	if s := string(r); Normalize(s) != "" && len(s) <= NameBytesMax {
		return s
	}
	return text
}
