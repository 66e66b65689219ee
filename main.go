// Command holdfast runs Durable Objects: every named object is a
// single-threaded Wasm guest with durable storage, sockets, alarms and D1.
package main

import (
	"embed"
	"os"

	"github.com/holdfast-run/holdfast/internal/cli"
)

//go:embed go.mod go.sum LICENSE
var module embed.FS

func main() {
	os.Exit(cli.Run(os.Args[1:], os.Stdout, os.Stderr, os.LookupEnv, module))
}
