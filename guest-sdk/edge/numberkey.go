package edge

// NumberKey is the key of a number under a prefix: the prefix, then 16
// hexadecimal digits, lower case. Keys of one prefix are ordered as their
// numbers are, so List goes through them by number; Start and End are such
// keys too. strconv.ParseUint(key[len(prefix):], 16, 64) is the number again.
// It takes 16 of the bytes that a key may have.
func NumberKey(prefix string, n uint64) string {
	const digits = "0123456789abcdef"
	b := append([]byte(prefix), "0000000000000000"...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] = digits[n&15]
		n >>= 4
	}
	return string(b)
}
