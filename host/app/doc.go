// Package app owns what an app is before it runs: its configuration, the build
// of its guest, its routes, its assets and when its crons run.
//
// It refuses to run anything: it hands on plain values and bytes. A key of a
// configuration that would change what the app does and that is not read is an
// error, never ignored; a path of an asset never leaves its directory.
package app
