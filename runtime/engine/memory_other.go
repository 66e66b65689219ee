//go:build !linux

package engine

import "context"

// withMemory leaves memory to wazero.
func withMemory(ctx context.Context) context.Context { return ctx }
