// Command load drives a running host. Its one command is soak:
//
//	go build . && ./holdfast serve examples/load/soak/app &
//	go run ./examples/load soak --pid $(pidof holdfast) --time 8m --objects 5000
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

	"github.com/holdfast-run/holdfast/examples/load/soak"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the command; its codes are 0, 1 for a host that failed and 2 for
// wrong arguments.
func run(args []string, out, errs io.Writer) int {
	if len(args) == 0 || args[0] != "soak" {
		fmt.Fprintln(errs, "load: expected soak; load soak -h has its flags")
		return 2
	}
	f := flag.NewFlagSet("load soak", flag.ContinueOnError)
	f.SetOutput(errs)
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
	switch err := f.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case f.NArg() > 0:
		fmt.Fprintf(errs, "load soak: unexpected %q\n", f.Arg(0))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := soak.Run(ctx, c, out)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, soak.ErrConfig):
		fmt.Fprintln(errs, err)
		return 2
	}
	fmt.Fprintln(errs, err)
	return 1
}
