//go:build !linux

package process

import "syscall"

// attributes are none: here a host outlives a test that is killed.
func attributes() *syscall.SysProcAttr { return nil }
