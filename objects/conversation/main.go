// Command conversation is the guest of the engage app: package engage
// registers its worker and its classes.
package main

import _ "github.com/holdfast-run/holdfast/objects/conversation/engage" // registers

func main() {}
