// Package cli is the holdfast command: it reads flags, environment and the
// host configuration, and runs a host or asks a running one. It owns exit
// codes and what a person reads; it refuses to know how a host works.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/host/app"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1  // the work failed
	exitUsage  = 2  // a flag, argument or configuration is wrong
	exitBroken = 70 // storage failed for good: start the host again
)

// usageError is a fault of flags or arguments.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// command is one word of the command line.
type command struct {
	name, args, does string
	run              func(*call) error
}

// call is one run of a command.
type call struct {
	name   string
	args   []string
	out    io.Writer
	err    io.Writer
	getenv func(string) (string, bool)

	in       io.Reader
	terminal func(stream any) bool // whether a person is at it
	patience time.Duration         // of that person: work that lasts longer shows a bar
	module   fs.FS                 // go.mod, go.sum and LICENSE of this program
}

func commands() []command {
	return []command{
		{"dev", "[DIR…]", "build and serve every app below DIR, rebuild on change", func(c *call) error { return serve(c, true) }},
		{"serve", "[DIR…]", "serve for production", func(c *call) error { return serve(c, false) }},
		{"new", "DIR", "make a project: a guest, its test, its configuration and a copy of the SDK", newProject},
		{"build", "[DIR]", "compile and check the guest of the app in DIR", build},
		{"objects", "list|show|evict|…", "look at the objects of a running host; delete, clone, restore, bookmark, vacuum", objects},
		{"alarms", "list|run|forget", "set and dead alarms of a running host", alarms},
		{"backup", "--to PATH", "copy all that a running host stores, or one namespace", backup},
		{"restore", "--from PATH", "make a data directory from a backup, or import a namespace", restore},
		{"d1", "execute|export|…", "D1 databases of a running host, or with --data of a stopped one: " + d1Verbs, d1Command},
		{"bench", "storage|engine", "measure the storage engine, or instances, on this machine", bench},
		{"verify", "[--data DIR]", "check all that is stored", verify},
		{"clock", "advance DURATION", "move the manual clock of a running host", clockCommand},
	}
}

// Run runs the command line and answers the exit code. module has the go.mod,
// go.sum and LICENSE of this program, for projects that it makes.
func Run(args []string, stdout, stderr io.Writer, getenv func(string) (string, bool), module fs.FS) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		help(stdout)
		return exitOK
	}
	c := &call{name: args[0], args: args[1:], out: stdout, err: stderr, getenv: getenv, in: os.Stdin, terminal: isTerminal, patience: barAfter, module: module}
	return c.dispatch()
}

// dispatch runs the command that the call names.
func (c *call) dispatch() int {
	for _, cmd := range commands() {
		if cmd.name == c.name {
			return report(c.err, cmd.name, cmd.run(c))
		}
	}
	return report(c.err, "", usage("unknown command %q; holdfast help lists them", c.name))
}

func help(w io.Writer) {
	fmt.Fprintln(w, "holdfast runs Durable Objects as Wasm guests.")
	fmt.Fprintln(w)
	for _, c := range commands() {
		fmt.Fprintf(w, "  holdfast %-8s %-18s %s\n", c.name, c.args, c.does)
	}
	fmt.Fprintln(w, "\nholdfast COMMAND -h lists a command's flags; every flag has a variable HOLDFAST_…")
}

// report prints an error as one line and answers its exit code.
func report(stderr io.Writer, name string, err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	prefix := "holdfast"
	if name != "" {
		prefix += " " + name
	}
	fmt.Fprintf(stderr, "%s: %s\n", prefix, oneLine(err))
	var ue *usageError
	var ce *app.ConfigError
	switch {
	case errors.Is(err, errBroken):
		return exitBroken
	case errors.As(err, &ue), errors.As(err, &ce), errors.Is(err, store.ErrLocked), errors.Is(err, store.ErrVersion), errors.Is(err, admin.ErrToken):
		return exitUsage
	}
	return exitFailed
}

// oneLine is the error without line breaks; a compiler's output keeps them.
func oneLine(err error) string {
	var ce *app.ConfigError
	if errors.As(err, &ce) {
		return strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return strings.TrimRight(err.Error(), "\n")
}
