// Package arch holds the tree to its own rules: which package may import
// which, where third-party code may enter, how long a function and a file may
// be, and that what is written down (docs, directives, commands) is true. It
// owns the tables of those rules and reads the files itself, so that a test's
// cached answer ends when a file changes. It refuses to run any tool.
package arch
