// Command load drives a running host. Its commands are soak, which loads it for
// a long time and compares every answer:
//
//	go build . && ./holdfast serve examples/load/soak/app &
//	go run ./examples/load soak --pid $(pidof holdfast) --time 8m --objects 5000
//
// and engage, which fills the engage app with a firm:
//
//	./holdfast dev objects/conversation & # prints PLATFORM_KEY
//	go run ./examples/load engage --platform-key TOKEN --conversations 2000 --messages 30000
//
// The benchmarks beside it start a host of their own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/holdfast-run/holdfast/examples/load/engage"
	"github.com/holdfast-run/holdfast/examples/load/soak"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// command names its flags and gives what is to be run once they are read.
type command func(f *flag.FlagSet) func(ctx context.Context, out io.Writer) error

var commands = map[string]command{"soak": soakCommand, "engage": engageCommand}

// run is the command; its codes are 0, 1 for a host that failed and 2 for
// wrong arguments.
func run(args []string, out, errs io.Writer) int {
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprintln(errs, "load: expected soak or engage; load soak -h and load engage -h have their flags")
		return 2
	}
	f := flag.NewFlagSet("load "+args[0], flag.ContinueOnError)
	f.SetOutput(errs)
	do := commands[args[0]](f)
	switch err := f.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case f.NArg() > 0:
		fmt.Fprintf(errs, "load %s: unexpected %q\n", args[0], f.Arg(0))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := do(ctx, out)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, soak.ErrConfig), errors.Is(err, engage.ErrConfig):
		fmt.Fprintln(errs, err)
		return 2
	}
	fmt.Fprintln(errs, err)
	return 1
}

func soakCommand(f *flag.FlagSet) func(context.Context, io.Writer) error {
	var c soak.Config
	f.StringVar(&c.URL, "url", "http://127.0.0.1:8787", "the host's public address")
	f.StringVar(&c.Admin, "admin", "http://127.0.0.1:8788", "its admin address")
	f.StringVar(&c.AdminToken, "admin-token", "", "where it wants one")
	f.IntVar(&c.PID, "pid", 0, "its process")
	f.IntVar(&c.Objects, "objects", 0, "how many (20000)")
	f.DurationVar(&c.Time, "time", 0, "how long (30m)")
	f.IntVar(&c.Rate, "rate", 0, "operations a second (500)")
	f.IntVar(&c.Workers, "workers", 0, "requests at once (16)")
	f.IntVar(&c.Sockets, "sockets", 0, "objects with a socket (100)")
	f.Float64Var(&c.Trend, "trend", 0, "growth in percent that fails (10); negative: none")
	f.Uint64Var(&c.Seed, "seed", 0, "of the operations (1)")
	return func(ctx context.Context, out io.Writer) error { return soak.Run(ctx, c, out) }
}

func engageCommand(f *flag.FlagSet) func(context.Context, io.Writer) error {
	var c engage.Config
	f.StringVar(&c.URL, "url", "http://127.0.0.1:8787", "the host's public address")
	f.StringVar(&c.PlatformKey, "platform-key", "", "the token that holdfast dev prints")
	f.StringVar(&c.Firm, "firm", "", "id of the firm to make (load-SEED)")
	f.IntVar(&c.Users, "users", 0, "who work for it (200)")
	f.IntVar(&c.Conversations, "conversations", 0, "how many (20000)")
	f.IntVar(&c.Messages, "messages", 0, "in all of them (300000)")
	f.IntVar(&c.Conns, "conns", 0, "requests at once (32)")
	f.Uint64Var(&c.Seed, "seed", 0, "of all that is made (1)")
	return func(ctx context.Context, out io.Writer) error {
		_, err := engage.Run(ctx, c, out)
		return err
	}
}
