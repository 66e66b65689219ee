package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// hashPrefix stands before the hexadecimal SHA-256 of a token.
const hashPrefix = "sha256:"

// Hash is how a token is kept: sha256:<hex>.
func Hash(token string) string {
	h := sha256.Sum256([]byte(token))
	return hashPrefix + hex.EncodeToString(h[:])
}

// IsHash reports whether s has the form of Hash, in either case of letters.
func IsHash(s string) bool {
	b, err := hex.DecodeString(strings.TrimPrefix(s, hashPrefix))
	return strings.HasPrefix(s, hashPrefix) && err == nil && len(b) == sha256.Size
}

// Matches reports whether token is the one that was hashed, in constant time.
func Matches(hash, token string) bool {
	digits := len(hash) - len(hashPrefix)
	if digits != 2*sha256.Size || !strings.EqualFold(hash[:len(hashPrefix)], hashPrefix) {
		return false
	}
	var want [sha256.Size]byte
	if _, err := hex.Decode(want[:], []byte(hash[len(hashPrefix):])); err != nil {
		return false
	}
	have := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(have[:], want[:]) == 1
}

// Equal compares hashes in constant time.
func Equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Bearer is the token of the Authorization header, or "".
func Bearer(r *edge.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// Offered reads the subprotocols of an upgrade: whether protocol is among
// them, and the value of the one that begins with prefix, as base64url without
// padding; "" without one or where it cannot be read. So a browser, which can
// set no header, brings a token.
func Offered(r *edge.Request, protocol, prefix string) (value string, speaks bool) {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for _, p := range strings.Split(line, ",") {
			p = strings.TrimSpace(p)
			if p == protocol {
				speaks = true
			}
			if enc, ok := strings.CutPrefix(p, prefix); ok {
				if b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(enc, "=")); err == nil {
					value = string(b)
				}
			}
		}
	}
	return value, speaks
}

// NewToken is 32 random bytes as base64url.
func NewToken(random func([]byte)) string {
	var b [32]byte
	random(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
