package match

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The limits of a name. NameBytesMax holds for a name and an alias, as given
// and normalised.
const (
	NameBytesMax = 512
	AliasesMax   = 32
)

// What Prepare refuses.
var (
	ErrEmptyName      = errors.New("expected a name with at least one letter or digit")
	ErrLongName       = fmt.Errorf("expected a name of at most %d bytes", NameBytesMax)
	ErrTooManyAliases = fmt.Errorf("expected at most %d aliases", AliasesMax)
)

// Name is a party's name with its aliases, normalised and with its sound, as
// Compare wants it. It is immutable and may be copied; the zero Name matches
// nothing.
type Name struct {
	forms []form // the name, then the aliases
}

// form is one spelling: its normal form and its sound, one code a word
// between spaces, or "" where a word has no code.
type form struct {
	text, sound string
}

// Prepare makes a Name. An alias that is equal to the name or to an earlier
// one once normalised adds nothing and is left out. The error wraps
// ErrEmptyName, ErrLongName or ErrTooManyAliases and says which of the names
// it was.
func Prepare(name string, aliases []string) (Name, error) {
	if len(aliases) > AliasesMax {
		return Name{}, fmt.Errorf("aliases: %w, got %d", ErrTooManyAliases, len(aliases))
	}
	first, err := prepareForm(name)
	if err != nil {
		return Name{}, fmt.Errorf("name: %w", err)
	}
	forms := make([]form, 1, 1+len(aliases))
	forms[0] = first
	for i, alias := range aliases {
		f, err := prepareForm(alias)
		if err != nil {
			return Name{}, fmt.Errorf("aliases[%d]: %w", i, err)
		}
		if !slices.Contains(forms, f) {
			forms = append(forms, f)
		}
	}
	return Name{forms}, nil
}

func prepareForm(name string) (form, error) {
	if len(name) > NameBytesMax {
		return form{}, fmt.Errorf("%w, got %d", ErrLongName, len(name))
	}
	text := Normalize(name)
	switch {
	case text == "":
		return form{}, fmt.Errorf("%w, got %q", ErrEmptyName, name)
	case len(text) > NameBytesMax:
		return form{}, fmt.Errorf("%w, got %d once normalised", ErrLongName, len(text))
	}
	return form{text, soundOf(text)}, nil
}

// soundOf is the primary codes of the words of a normalised text, or "" where
// one of them has none.
func soundOf(text string) string {
	var codes []string
	for word := range strings.SplitSeq(text, " ") {
		code, _ := DoubleMetaphone(word)
		if code == "" {
			return ""
		}
		codes = append(codes, code)
	}
	return strings.Join(codes, " ")
}

// Text is the normalised name, "" of the zero Name.
func (n Name) Text() string {
	if len(n.forms) == 0 {
		return ""
	}
	return n.forms[0].text
}

// Aliases are the normalised aliases, without those that added nothing. The
// caller owns the slice.
func (n Name) Aliases() []string {
	var out []string
	for i := 1; i < len(n.forms); i++ {
		out = append(out, n.forms[i].text)
	}
	return out
}
