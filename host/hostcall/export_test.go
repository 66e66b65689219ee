package hostcall

// Implemented reports whether the host serves a function; others answer
// unsupported.
func Implemented(name string) bool {
	switch name {
	case "register", "now", "random", "result":
		return true
	}
	return syncNamed[name] != nil || asyncNamed[name] != nil || postNamed[name] != nil
}
