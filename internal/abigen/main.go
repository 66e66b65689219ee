// Command abigen writes guest-sdk/abi/codec.go, guest-sdk/abi/ABI.md and the
// SDK's imports from the structs of messages.go and the tables of functions.go. It owns nothing
// else; run it with go generate ./guest-sdk/abi.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "abigen:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	messages, err := parse(dir + "/messages.go")
	if err != nil {
		return err
	}
	code, err := codec(messages)
	if err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/codec.go", code, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/ABI.md", manual(messages), 0o644); err != nil {
		return err
	}
	nums, err := numbers()
	if err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/../edge/internal/bridge/fn.go", nums, 0o644); err != nil {
		return err
	}
	imps, err := imports()
	if err != nil {
		return err
	}
	return os.WriteFile(dir+"/../edge/internal/bridge/imports_wasip1.go", imps, 0o644)
}
