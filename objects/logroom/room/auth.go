package room

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// hashPrefix stands before the hexadecimal SHA-256 of a token.
const hashPrefix = "sha256:"

func hash(token string) string {
	h := sha256.Sum256([]byte(token))
	return hashPrefix + hex.EncodeToString(h[:])
}

// equal compares hashes in constant time.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// owners is the keys of owner namespaces, hashed, from the variable
// OWNER_KEYS.
type owners struct {
	keys map[string]string
	open bool // in dev, anybody may create in a namespace without a key
}

func ownersOf(env *edge.Env) (owners, error) {
	o := owners{open: env.Mode() == "dev"}
	text := env.Var("OWNER_KEYS")
	if text == "" {
		return o, nil
	}
	if err := json.Unmarshal([]byte(text), &o.keys); err != nil {
		return o, fmt.Errorf(`OWNER_KEYS: expected {"namespace":"sha256:<hex>"}: %w`, err)
	}
	for ns, k := range o.keys {
		if b, err := hex.DecodeString(strings.TrimPrefix(k, hashPrefix)); !strings.HasPrefix(k, hashPrefix) || err != nil || len(b) != sha256.Size {
			return o, fmt.Errorf("OWNER_KEYS: key of %q: expected sha256:<64 hex digits>", ns)
		}
	}
	return o, nil
}

// owns reports whether token is the key of namespace.
func (o *owners) owns(namespace, token string) bool {
	k, ok := o.keys[namespace]
	return ok && equal(strings.ToLower(k), hash(token))
}

// mayCreate checks a credential for creating under a namespace.
func (o *owners) mayCreate(namespace, token string) error {
	if _, declared := o.keys[namespace]; !declared {
		if o.open {
			return nil
		}
		return forbidden("the namespace is not declared in OWNER_KEYS")
	}
	return o.check(namespace, token)
}

// check is for every other call of an owner.
func (o *owners) check(namespace, token string) error {
	if token == "" {
		return unauthorized()
	}
	if !o.owns(namespace, token) {
		return forbidden("the token is not the owner key of this namespace")
	}
	return nil
}

// bearer is the token of the Authorization header, or "".
func bearer(r *edge.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// The subprotocols of the socket.
const (
	protocol       = "log.v1"
	protocolBearer = "bearer."
)

// offered is the token that a browser sends as a subprotocol, and whether it
// offers log.v1.
func offered(r *edge.Request) (token string, speaks bool) {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for _, p := range strings.Split(line, ",") {
			p = strings.TrimSpace(p)
			if p == protocol {
				speaks = true
			}
			if enc, ok := strings.CutPrefix(p, protocolBearer); ok {
				if b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(enc, "=")); err == nil {
					token = string(b)
				}
			}
		}
	}
	return token, speaks
}

// newToken is 32 random bytes as base64url.
func newToken(random func([]byte)) string {
	var b [32]byte
	random(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
