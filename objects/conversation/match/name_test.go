package match

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPrepare_Refuses(t *testing.T) {
	long, many := strings.Repeat("a", NameBytesMax+1), make([]string, AliasesMax+1)
	grows := strings.Repeat("ﷺ", NameBytesMax/3) // one letter that stands for many
	for _, r := range []struct {
		name    string
		aliases []string
		want    error
		says    string
	}{
		{"", nil, ErrEmptyName, `name: expected a name with at least one letter or digit, got ""`},
		{" \t", nil, ErrEmptyName, `name: `},
		{"!?&", nil, ErrEmptyName, `got "!?&"`},
		{long, nil, ErrLongName, "name: expected a name of at most 512 bytes, got 513"},
		{grows, nil, ErrLongName, "once normalised"},
		{"a", []string{"b", "--"}, ErrEmptyName, `aliases[1]: expected a name with at least one letter or digit, got "--"`},
		{"a", []string{long}, ErrLongName, "aliases[0]: expected a name of at most 512 bytes, got 513"},
		{"a", many, ErrTooManyAliases, "aliases: expected at most 32 aliases, got 33"},
	} {
		_, err := Prepare(r.name, r.aliases)
		if !errors.Is(err, r.want) || !strings.Contains(err.Error(), r.says) {
			t.Errorf("Prepare(%.20q, %.20q): %v, want %q", r.name, r.aliases, err, r.says)
		}
	}
}

func TestPrepare_TakesTheLongest(t *testing.T) {
	aliases := make([]string, AliasesMax)
	for i := range aliases {
		aliases[i] = strings.Repeat("x", NameBytesMax-1) + string(rune('a'+i%26)) + strings.Repeat(" ", 0)
	}
	n := mustPrepare(t, strings.Repeat("é", NameBytesMax/2), aliases...)
	again := roundTrip(t, n)
	if m, ok := Compare(n, again); !ok || m.Kind != Exact {
		t.Errorf("Compare of the longest with itself: %+v, %v", m, ok)
	}
}

func roundTrip(t testing.TB, n Name) Name {
	t.Helper()
	data, err := n.AppendBinary([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(data[len("before"):])
	if err != nil {
		t.Fatalf("Decode of %q: %v", n.forms, err)
	}
	if !slices.Equal(again.forms, n.forms) {
		t.Fatalf("Decode gives %q, want %q", again.forms, n.forms)
	}
	return again
}

func TestDecode_IsWhatWasAppended(t *testing.T) {
	roundTrip(t, Name{})
	g := newGenerator(3)
	for range 2_000 {
		roundTrip(t, g.name())
	}
}

func TestDecode_Refuses(t *testing.T) {
	good, _ := mustPrepare(t, "Acme", "Zebra").AppendBinary(nil)
	for _, r := range []struct {
		data []byte
		says string
	}{
		{nil, "expected version 1"},
		{[]byte{1}, "expected version 1"},
		{[]byte{2, 0}, "expected version 1"},
		{[]byte{1, 34}, "34 spellings, expected at most 33"},
		{[]byte{1, 0xff}, "a number is cut off or too large"},
		{[]byte{1, 0xff, 0xff, 1}, "a number is cut off or too large"},
		{[]byte{1, 1, 9, 'a'}, "a text of 9 bytes, expected at most 1"},
		{append([]byte{1, 1, 0x81, 0x04}, make([]byte, 600)...), "a text of 513 bytes, expected at most 512"},
		{[]byte{1, 1, 0, 0}, `expected a text in UTF-8, got ""`},
		{[]byte{1, 1, 1, 0xff, 0}, `expected a text in UTF-8, got "\xff"`},
		{[]byte{1, 1, 1, 'a', 1, 'a'}, `expected a sound, got "a"`},
		{append(slices.Clone(good), 0), "1 bytes behind the end"},
	} {
		if _, err := Decode(r.data); !errors.Is(err, ErrBadEncoding) || !strings.Contains(err.Error(), r.says) {
			t.Errorf("Decode(%.20q): %v, want %q", r.data, err, r.says)
		}
	}
	for n := range good {
		if _, err := Decode(good[:n]); !errors.Is(err, ErrBadEncoding) {
			t.Errorf("Decode of the first %d bytes of %d: %v", n, len(good), err)
		}
	}
}

// What Decode takes, it can write again and read again, and an index takes it.
func FuzzDecode(f *testing.F) {
	g := newGenerator(4)
	for range 10 {
		data, _ := g.name().AppendBinary(nil)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := Decode(data)
		if err != nil {
			return
		}
		roundTrip(t, n)
		var ix Index
		if err := ix.Add(1, n); err != nil && n.Text() != "" {
			t.Errorf("Add: %v", err)
		}
		ix.Find(n)
		Compare(n, n)
	})
}

func BenchmarkPrepare(b *testing.B) {
	for b.Loop() {
		Prepare("Łukasz O'Brien-Müller & Co. KG", []string{"Obrien"})
	}
}

func BenchmarkDecode(b *testing.B) {
	data, _ := mustPrepare(b, "Katherine Johnson", "Katie Johnson").AppendBinary(nil)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		Decode(data)
	}
}
