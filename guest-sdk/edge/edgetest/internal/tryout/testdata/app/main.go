// Command tryout is the guest of edgetest's own parity tests.
package main

import _ "github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/tryout" // registers

func main() {}
