package host

import _ "embed"

// clientJS is the module that pages connect with, served on the public
// address at /_holdfast/client.js.
//
//go:embed client.js
var clientJS []byte
