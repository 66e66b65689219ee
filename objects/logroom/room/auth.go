package room

import (
	"encoding/json"
	"fmt"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

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
		if !rest.IsHash(k) {
			return o, fmt.Errorf("OWNER_KEYS: key of %q: expected sha256:<64 hex digits>", ns)
		}
	}
	return o, nil
}

// owns reports whether token is the key of namespace.
func (o *owners) owns(namespace, token string) bool {
	k, ok := o.keys[namespace]
	return ok && rest.Matches(k, token)
}

// mayCreate checks a credential for creating under a namespace.
func (o *owners) mayCreate(namespace, token string) error {
	if _, declared := o.keys[namespace]; !declared {
		if o.open {
			return nil
		}
		return rest.Forbidden("the namespace is not declared in OWNER_KEYS")
	}
	return o.check(namespace, token)
}

// check is for every other call of an owner.
func (o *owners) check(namespace, token string) error {
	if token == "" {
		return rest.Unauthorized()
	}
	if !o.owns(namespace, token) {
		return rest.Forbidden("the token is not the owner key of this namespace")
	}
	return nil
}

// The subprotocols of the socket.
const (
	protocol       = "log.v1"
	protocolBearer = "bearer."
)
