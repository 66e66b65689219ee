// Command logroom is the guest of the logs app: package room registers its
// worker and its class.
package main

import _ "github.com/holdfast-run/holdfast/objects/logroom/room" // registers

func main() {}
