package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// flags are a command's flags; each has a variable HOLDFAST_NAME.
type flags struct {
	*flag.FlagSet
	call *call
}

func (c *call) flags() *flags {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return &flags{fs, c}
}

func variable(name string) string {
	return "HOLDFAST_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// parse reads variables, then flags, which may stand before and behind
// arguments, and answers the arguments.
func (f *flags) parse() ([]string, error) {
	var err error
	f.VisitAll(func(fl *flag.Flag) {
		if v, ok := f.call.getenv(variable(fl.Name)); ok && v != "" && err == nil {
			if serr := setVariable(fl, v); serr != nil {
				err = usage("%s: %v", variable(fl.Name), serr)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var args []string
	rest := f.call.args
	for {
		if err := f.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				f.help()
				return nil, err
			}
			return nil, usage("%v; -h lists the flags", err)
		}
		rest = f.Args()
		if len(rest) == 0 {
			return args, nil
		}
		args = append(args, rest[0])
		rest = rest[1:]
	}
}

// given reports whether a flag stood on the command line; a variable does not
// count.
func (f *flags) given(name string) bool {
	found := false
	f.Visit(func(fl *flag.Flag) { found = found || fl.Name == name })
	return found
}

// setVariable sets a flag from the environment; a repeatable one takes a line
// each.
func setVariable(fl *flag.Flag, v string) error {
	if _, ok := fl.Value.(*pairs); !ok {
		return fl.Value.Set(v)
	}
	for _, line := range strings.Split(v, "\n") {
		if line == "" {
			continue
		}
		if err := fl.Value.Set(line); err != nil {
			return err
		}
	}
	return nil
}

func (f *flags) help() {
	fmt.Fprintf(f.call.out, "flags of holdfast %s:\n", f.call.name)
	f.VisitAll(func(fl *flag.Flag) {
		def := ""
		if fl.DefValue != "" {
			def = " (default " + fl.DefValue + ")"
		}
		fmt.Fprintf(f.call.out, "  --%-16s %s%s\n  %-18s %s\n", fl.Name, fl.Usage, def, "", variable(fl.Name))
	})
}

// pairs is a repeatable KEY=VALUE.
type pairs map[string]string

// String is flag.Value's.
func (p *pairs) String() string { return "" }

// Set is flag.Value's.
func (p *pairs) Set(s string) error {
	k, v, ok := strings.Cut(s, "=")
	if !ok || k == "" {
		return fmt.Errorf("%q: expected KEY=VALUE", s)
	}
	if *p == nil {
		*p = pairs{}
	}
	(*p)[k] = v
	return nil
}

// choice is one of some words.
type choice struct {
	value string
	words []string
}

// String is flag.Value's.
func (c *choice) String() string { return c.value }

// Set is flag.Value's.
func (c *choice) Set(s string) error {
	for _, w := range c.words {
		if w == s {
			c.value = s
			return nil
		}
	}
	return fmt.Errorf("%q: expected %s", s, strings.Join(c.words, " or "))
}

// clockFlag is a flag that says which clock runs.
type clockFlag struct {
	manual bool
	start  time.Time // of a manual clock; zero: the system's time
}

// String is flag.Value's.
func (c *clockFlag) String() string {
	switch {
	case !c.manual:
		return "system"
	case c.start.IsZero():
		return "manual"
	}
	return c.start.Format(time.RFC3339Nano)
}

// Set is flag.Value's.
func (c *clockFlag) Set(s string) error {
	*c = clockFlag{manual: s != "system"}
	if s == "system" || s == "manual" {
		return nil
	}
	var err error
	if c.start, err = time.Parse(time.RFC3339Nano, s); err != nil || c.start.UnixMilli() <= 0 {
		return fmt.Errorf("%q: expected system or manual, or a time after 1970 at which a manual clock begins, such as 2026-01-31T12:00:00Z", s)
	}
	return nil
}
