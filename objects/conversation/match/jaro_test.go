package match

import (
	"math"
	"strings"
	"testing"
)

func TestJaroWinkler(t *testing.T) {
	for _, r := range []struct {
		a, b string
		want float64
	}{
		// Winkler's published table
		{"SHACKLEFORD", "SHACKELFORD", 0.982},
		{"DUNNINGHAM", "CUNNIGHAM", 0.896},
		{"NICHLESON", "NICHULSON", 0.956},
		{"JONES", "JOHNSON", 0.832},
		{"MASSEY", "MASSIE", 0.933},
		{"ABROMS", "ABRAMS", 0.922},
		{"HARDIN", "MARTINEZ", 0.722},
		{"ITMAN", "SMITH", 0.467},
		{"JERALDINE", "GERALDINE", 0.926},
		{"MARHTA", "MARTHA", 0.9611},
		{"MICHELLE", "MICHAEL", 0.921},
		{"JULIES", "JULIUS", 0.933},
		{"TANYA", "TONYA", 0.880},
		{"DWAYNE", "DUANE", 0.840},
		{"SEAN", "SUSAN", 0.805},
		{"JON", "JOHN", 0.933},
		{"JON", "JAN", 0.800},
		{"DIXON", "DICKSONX", 0.8133},

		{"", "", 1}, {"", "a", 0}, {"a", "b", 0}, {"a", "a", 1}, {"same name", "same name", 1},
		{"ab", "ba", 0},
		{"王小明", "王小民", 0.8222},
	} {
		digits := 0.0005
		if got := JaroWinkler(r.a, r.b); math.Abs(got-r.want) > digits {
			t.Errorf("JaroWinkler(%q, %q) = %.4f, want %.4f", r.a, r.b, got, r.want)
		}
		if x, y := JaroWinkler(r.a, r.b), JaroWinkler(r.b, r.a); x != y {
			t.Errorf("JaroWinkler(%q, %q) = %v, the other way %v", r.a, r.b, x, y)
		}
	}
}

// slowJaroWinkler is the definition, without a trick.
func slowJaroWinkler(a, b string) float64 {
	x, y := []rune(a), []rune(b)
	if len(x) == 0 || len(y) == 0 {
		if len(x) == len(y) {
			return 1
		}
		return 0
	}
	window := max(max(len(x), len(y))/2-1, 0)
	used := make([]bool, len(y))
	var left, right []rune
	for i, r := range x {
		for j := max(0, i-window); j <= min(len(y)-1, i+window); j++ {
			if !used[j] && y[j] == r {
				used[j] = true
				left = append(left, r)
				break
			}
		}
	}
	for j, u := range used {
		if u {
			right = append(right, y[j])
		}
	}
	if len(left) == 0 {
		return 0
	}
	half := 0
	for i := range left {
		if left[i] != right[i] {
			half++
		}
	}
	m := float64(len(left))
	jaro := (m/float64(len(x)) + m/float64(len(y)) + (m-float64(half/2))/m) / 3
	prefix := 0
	for prefix < min(len(x), len(y), 4) && x[prefix] == y[prefix] {
		prefix++
	}
	return jaro + 0.1*float64(prefix)*(1-jaro)
}

func FuzzJaroWinkler(f *testing.F) {
	f.Add("martha", "marhta")
	f.Add("ανδρεασ", "ανδρεα")
	f.Add("", "x")
	f.Add(strings.Repeat("ab", 70), strings.Repeat("ba", 65))
	f.Add(strings.Repeat("é1", 200), strings.Repeat("1é", 260))
	f.Fuzz(func(t *testing.T, a, b string) {
		got, want := JaroWinkler(a, b), slowJaroWinkler(a, b)
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("JaroWinkler(%q, %q) = %v, want %v", a, b, got, want)
		}
		if other := JaroWinkler(b, a); math.Abs(got-other) > 1e-12 {
			t.Errorf("JaroWinkler(%q, %q) = %v, the other way %v", a, b, got, other)
		}
		if got < 0 || got > 1 {
			t.Errorf("JaroWinkler(%q, %q) = %v", a, b, got)
		}
	})
}

func BenchmarkJaroWinkler(b *testing.B) {
	p := newPattern("katherine johnson")
	for b.Loop() {
		p.score([]byte("katharina johnsen"), 17)
	}
}
