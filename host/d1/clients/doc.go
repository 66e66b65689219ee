// Package clients holds the tests of D1's own clients against a host: the npm
// packages that people use, unchanged and pinned by a lock file. It owns their
// scripts and what each step must answer; it refuses to be imported.
package clients
