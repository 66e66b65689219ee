package match

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

var normalizeRows = []struct{ name, want string }{
	{"", ""},
	{"   ", ""},
	{"!?&–—™ …", ""},
	{"\u0301", ""},
	{"\xff\xfe", ""},
	{"Acme", "acme"},
	{"  Smith \t\n Jones\u00a0\u3000X ", "smith jones x"},

	// punctuation and symbols are deleted, and the marks on them
	{"Ө΅", "ө"},
	{"Ө≠", "ө"},
	{"か-\u0301", "か"},
	{"O'Brien-Smith", "obriensmith"},
	{"O’Brien", "obrien"},
	{"Oʼahu Saʻid", "oahu said"},
	{"O´Brien ¨x", "obrien x"},
	{"Smith & Jones", "smith jones"},
	{"Smith + Jones = $5", "smith jones 5"},
	{"A.B. Müller", "ab muller"},
	{"Yahoo!", "yahoo"},
	{"Acme™ Widgets® ", "acme widgets"},
	{"J. R. R. Tolkien", "j r r tolkien"},
	{"J.R.R. Tolkien", "jrr tolkien"},
	{"Smith, John", "smith john"},

	// accents and letters with strokes
	{"José Núñez", "jose nunez"},
	{"Jose\u0301", "jose"},
	{"Çelik", "celik"},
	{"Łukasz Wałęsa", "lukasz walesa"},
	{"Ørsted", "orsted"},
	{"Ǿrsted", "orsted"},
	{"Đorđević", "dordevic"},
	{"Großmann", "grossmann"},
	{"GROẞMANN", "grossmann"},
	{"Ægir Œuvre ǽ", "aegir oeuvre ae"},
	{"Þór Sigurðsson", "thor sigurdsson"},
	{"Nguyễn Thị Ước", "nguyen thi uoc"},
	{"Žižek Šimić Ħaġar", "zizek simic hagar"},

	// case: Turkish, Greek final sigma, long s
	{"Işık", "isik"},
	{"IŞIK", "isik"},
	{"İstanbul", "istanbul"},
	{"ΑΝΔΡΕΑΣ", "ανδρεασ"},
	{"Ανδρέας", "ανδρεασ"},
	{"Παπαδόπουλος", "παπαδοπουλοσ"},
	{"ᾳ", "αι"},
	{"Caſſius", "cassius"},

	// compatibility forms
	{"Ａｃｍｅ　Ｉｎｃ．", "acme"},
	{"ﬁrst ﬂoor", "first floor"},
	{"Ⅷ ② ½ x²", "viii 2 12 x2"},
	{"ｶﾞﾗｽ", "ガラス"},
	{"\u212Aelvin", "kelvin"},
	{"Ĳssel", "ijssel"},
	{"A\u200Dc\u00ADm\uFE0Fe", "acme"},

	// other scripts keep their marks
	{"王小明", "王小明"},
	{"王　小明", "王 小明"},
	{"株式会社トヨタ", "株式会社トヨタ"},
	{"がぎぐ", "がぎぐ"},
	{"か\u3099", "が"},
	{"김철수", "김철수"},
	{"ИВАН Чайковский", "иван чайковский"},
	{"Фёдор", "федор"},
	{"Україна Ї", "україна ї"},
	{"हिन्दी", "हिन्दी"},
	{"محمد", "محمد"},
	{"مُحَمَّد", "محمد"},
	{"محـمد", "محمد"},
	{"أحمد", "أحمد"},
	{"שָׁלוֹם", "שלום"},
	{"Հայաստան և", "հայաստան եւ"},

	// suffixes
	{"Smith & Jones LLC", "smith jones"},
	{"Smith & Jones, L.L.C.", "smith jones"},
	{"Acme, Inc.", "acme"},
	{"Acme Co., Ltd.", "acme"},
	{"Acme Company Limited", "acme"},
	{"Muster GmbH & Co. KG", "muster"},
	{"Muster GmbH & Co.KG", "muster"},
	{"Muster UG (haftungsbeschränkt)", "muster"},
	{"Muster AG & Co. KGaA", "muster"},
	{"Turnverein e. V.", "turnverein"},
	{"Turnverein e.V.", "turnverein"},
	{"Johnson and Company", "johnson"},
	{"Rossi S.p.A.", "rossi"},
	{"Dupont S.A.R.L.", "dupont"},
	{"Nokia Oyj", "nokia"},
	{"Mærsk A/S", "maersk"},
	{"Acme Pty. Ltd.", "acme"},
	{"Kowalski Sp. z o.o.", "kowalski"},
	{"Grupo S.A. de C.V.", "grupo"},
	{"Acme limited liability company", "acme"},
	{"Co", "co"},
	{"Co.", "co"},
	{"Co. Inc.", "co"},
	{"Ltd LLC Inc", "ltd"},
	{"Inc Magazine", "inc magazine"},
	{"Acme Inc. of Delaware", "acme inc of delaware"},
	{"Costco", "costco"},
}

func TestNormalize(t *testing.T) {
	for _, r := range normalizeRows {
		if got := Normalize(r.name); got != r.want {
			t.Errorf("Normalize(%q) = %q, want %q", r.name, got, r.want)
		}
	}
}

// Every suffix that the contract names goes, alone and with points.
func TestNormalize_EverySuffix(t *testing.T) {
	for s := range suffixes {
		if got := Normalize("Zebra " + strings.ToUpper(s) + "."); got != "zebra" {
			t.Errorf("Normalize(Zebra %s.) = %q", s, got)
		}
		if n := len(strings.Fields(s)); n > suffixWordsMax {
			t.Errorf("suffix %q has %d words, at most %d are looked at", s, n, suffixWordsMax)
		}
		if first := strings.Fields(s)[0]; Normalize(s) == "" || !strings.HasPrefix(Normalize(s), first) {
			t.Errorf("Normalize(%q) = %q, want its first word kept", s, Normalize(s))
		}
	}
}

// everyRune yields the runes that Unicode has assigned, but of the letters
// without case and decomposition, which are taken as they are, only a part.
func everyRune(yield func(rune) bool) {
	assigned := []*unicode.RangeTable{unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.In(r, assigned...) {
			continue
		}
		if unicode.Is(unicode.Lo, r) && r%16 != 0 && norm.NFKD.PropertiesString(string(r)).Decomposition() == nil {
			continue
		}
		if !yield(r) {
			return
		}
	}
}

// What Unicode's full case folding calls equal is equal here, for every rune.
func TestNormalize_FoldsAsUnicode(t *testing.T) {
	folder := cases.Fold()
	for r := range everyRune {
		text := "a" + string(r) + "b"
		if a, b := Normalize(text), Normalize(folder.String(text)); a != b {
			t.Errorf("%U: Normalize is %q, of the folded %q", r, a, b)
		}
	}
}

// For every rune, after a letter that loses its marks and one that keeps them,
// and before an accent, the form is NFC, its own form, that of the name's NFD,
// and holds only letters, digits, marks and single spaces.
func TestNormalize_EveryRune(t *testing.T) {
	for r := range everyRune {
		for _, before := range []string{"e", "か", "Ө"} {
			checkNormal(t, before+string(r))
			checkNormal(t, before+string(r)+"\u0301")
		}
	}
}

func checkNormal(t *testing.T, name string) {
	t.Helper()
	got := Normalize(name)
	if again := Normalize(got); again != got {
		t.Errorf("Normalize(%q) = %q, and of that %q", name, got, again)
	}
	if !utf8.ValidString(got) || !norm.NFC.IsNormalString(got) {
		t.Errorf("Normalize(%q) = %q is not NFC", name, got)
	}
	if other := Normalize(norm.NFD.String(name)); utf8.ValidString(name) && other != got {
		t.Errorf("Normalize(%q) = %q, of its NFD %q", name, got, other)
	}
	if strings.Join(strings.Fields(got), " ") != got {
		t.Errorf("Normalize(%q) = %q has stray spaces", name, got)
	}
	for _, r := range got {
		if r != ' ' && !unicode.In(r, unicode.L, unicode.N, unicode.M) {
			t.Errorf("Normalize(%q) = %q holds %U", name, got, r)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, r := range normalizeRows {
		f.Add(r.name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		checkNormal(t, name)
	})
}

func BenchmarkNormalize(b *testing.B) {
	for b.Loop() {
		Normalize("Łukasz O'Brien-Müller & Co. KG")
	}
}
