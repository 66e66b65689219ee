package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"

	"github.com/tailscale/hujson"

	"github.com/holdfast-run/holdfast/host"
)

// hostFile is the host configuration: JSON with comments.
type hostFile struct {
	Admin struct {
		Tokens []string `json:"tokens"`
	} `json:"admin"`
	Limits host.Limits     `json:"limits"`
	D1     json.RawMessage `json:"d1"`
}

// readConfig reads the file, if there is one, into cfg.
func readConfig(path string, cfg *host.Config) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return usage("--config: %v", err)
	}
	std, err := hujson.Standardize(text)
	if err != nil {
		return usage("%s: expected JSON, comments allowed: %v", path, err)
	}
	d := json.NewDecoder(bytes.NewReader(std))
	d.DisallowUnknownFields()
	var f hostFile
	if err := d.Decode(&f); err != nil {
		return usage("%s: %s; expected admin.tokens, limits.… and d1", path, strings.TrimPrefix(err.Error(), "json: "))
	}
	if len(f.D1) > 0 {
		d := json.NewDecoder(bytes.NewReader(f.D1))
		d.DisallowUnknownFields()
		if err := d.Decode(&cfg.D1); err != nil {
			if _, key, ok := strings.Cut(err.Error(), "unknown field "); ok {
				return usage("%s: d1.%s is not a key that is read", path, strings.Trim(key, `"`))
			}
			return usage("%s: d1: %s", path, strings.TrimPrefix(err.Error(), "json: "))
		}
	}
	for i, t := range f.Admin.Tokens {
		if len(t) != len("sha256:")+64 || !strings.HasPrefix(t, "sha256:") {
			return usage("%s: admin.tokens[%d]: expected sha256:<64 hex digits>", path, i)
		}
	}
	cfg.AdminTokens, cfg.Limits = f.Admin.Tokens, f.Limits
	return nil
}
