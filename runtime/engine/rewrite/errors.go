package rewrite

import "fmt"

// Error says where in a module something is wrong or not supported.
type Error struct {
	Section string // "header", "type", "code", ...
	Offset  int    // in bytes from the start of the module
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s section, offset %d: %s", e.Section, e.Offset, e.Message)
}
