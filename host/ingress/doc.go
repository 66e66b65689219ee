// Package ingress owns the public HTTP listener: it takes requests in, whole
// and checked, hands each to the Target that its Router names, and writes what
// the target answers.
//
// It refuses to know apps, guests and objects, to normalise what a client
// sent (a path that two parsers could read differently is refused), and to
// hand on anything that fasthttp will reuse: an Exchange is the target's own.
//
// The way of a request:
//
//  1. conn accepts, with the deadlines of Config;
//  2. parse checks framing, target and headers, and copies them once;
//  3. the Router names a Target; its limit bounds the body, which is received
//     whole, in a file while it is long;
//  4. Target.Serve runs on the connection's goroutine and may return first;
//  5. the goroutine waits for Respond; a shared watch sees clients that leave
//     and answers that are late;
//  6. the answer is written, as a stream if it is one, or with status 101 the
//     connection goes to the socket layer.
package ingress
