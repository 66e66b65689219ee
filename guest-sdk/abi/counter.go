package abi

// CounterName reports whether an app's counter may have this name: 1 to
// CounterNameBytesMax letters a-z, digits and underscores, a letter first.
func CounterName(name string) bool {
	if name == "" || len(name) > CounterNameBytesMax || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
