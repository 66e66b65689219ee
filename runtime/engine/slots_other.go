//go:build !linux

package engine

// slotBudget bounds nothing here: slots are ordinary memory.
type slotBudget struct{}

func newSlotBudget(int) *slotBudget { return &slotBudget{} }

// SlotsMax is how many instances there may be at a time.
func SlotsMax() int { return 4096 }

func (*slotBudget) newBacking(mem []byte, max int) (backing, error) { return newCopied(mem, max), nil }
