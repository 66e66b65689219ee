package host

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/app"
)

// DevKey is a credential that a host in dev made for an app: the guest gets
// "sha256:<hex>" of Token as Variable.
type DevKey struct{ App, Variable, Token string }

// devKeySetting is where the hash of an app's key is kept. No app's name and
// no variable's holds a slash.
func devKeySetting(app, variable string) string { return "devkey/" + app + "/" + variable }

// devKeys are the variables that holdfast.dev_keys asks for and nobody sets:
// their hashes, made at first use. Only in dev, and only where somebody hears
// of the tokens.
func (h *Host) devKeys(c *app.Config) (map[string]string, error) {
	if h.cfg.Mode != ModeDev || h.cfg.KeyMade == nil {
		return nil, nil
	}
	out := map[string]string{}
	for _, name := range c.DevKeys {
		_, set := h.cfg.Vars[name]
		if set || slices.ContainsFunc(c.Vars, func(v app.Var) bool { return v.Name == name }) {
			continue
		}
		hash, err := h.devKey(c.Name, name)
		if err != nil {
			return nil, fmt.Errorf("key of development %s: %w", name, err)
		}
		out[name] = hash
	}
	return out, nil
}

// devKey is the hash of an app's key. A new token is told before its hash is
// kept: a host that ends between the two makes another at its next start,
// while the other way round nobody would ever have heard of it.
func (h *Host) devKey(app, variable string) (hash string, err error) {
	setting := devKeySetting(app, variable)
	kept, ok, err := h.storage.Setting(setting)
	if err != nil || ok {
		return string(kept), err
	}
	token := rand.Text()
	sum := sha256.Sum256([]byte(token))
	hash = "sha256:" + hex.EncodeToString(sum[:])
	h.cfg.KeyMade(DevKey{App: app, Variable: variable, Token: token})
	return hash, h.storage.SetSetting(setting, []byte(hash))
}

// vars are the app's variables, the keys of development, the variables of the
// command line over both, and the host's own; sorted by name.
func (h *Host) vars(a *running) []abi.Header {
	m := map[string]string{}
	for _, v := range a.cfg.Vars {
		m[v.Name] = v.Value
	}
	maps.Copy(m, a.devKeys)
	maps.Copy(m, h.cfg.Vars)
	m["HOLDFAST_MODE"] = string(h.cfg.Mode)
	var out []abi.Header
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, abi.Header{Name: k, Value: m[k]})
	}
	return out
}
