package d1

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// TokenPrefix begins the tokens of databases.
const TokenPrefix = "hfd1_"

// tokensMax bounds the tokens of one database.
const tokensMax = 64

// Roles of tokens.
const (
	RoleReadOnly  = "read-only"
	RoleReadWrite = "read-write"
)

// Token is what is known of a token of a database: not the token itself.
type Token struct {
	ID        string    `json:"id"`
	Role      string    `json:"role"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// storedToken is a token as it is kept: its SHA-256, in hex.
type storedToken struct {
	Token
	Hash string `json:"hash"`
}

func tokensSetting(uuid string) string { return "d1/tokens/" + uuid }

// CreateToken makes a token for a local database. secret is shown this once.
// A zero expires never comes.
func (h *Host) CreateToken(_ context.Context, uuidOrName, role string, expires time.Time) (secret string, t Token, err error) {
	if role != RoleReadOnly && role != RoleReadWrite {
		return "", t, fault(KindInvalid, "role is %q, expected %q or %q", role, RoleReadOnly, RoleReadWrite)
	}
	if !expires.IsZero() && !expires.After(h.cfg.Clock()) {
		return "", t, fault(KindInvalid, "expires_at is %s, which has passed", expires.Format(time.RFC3339))
	}
	info, err := h.find(uuidOrName)
	if err != nil {
		return "", t, err
	}
	uuid := formatUUID(info.Ref.ID)
	var id [6]byte
	var random [32]byte
	_, _ = rand.Read(id[:])     // never fails
	_, _ = rand.Read(random[:]) // never fails
	t = Token{ID: hex.EncodeToString(id[:]), Role: role, CreatedAt: h.cfg.Clock().UTC(), ExpiresAt: expires}
	secret = TokenPrefix + strings.ReplaceAll(uuid, "-", "") + "_" + base64.RawURLEncoding.EncodeToString(random[:])
	hash := sha256.Sum256([]byte(secret))
	err = h.changeTokens(uuid, func(list []storedToken) ([]storedToken, error) {
		if len(list) >= tokensMax {
			return nil, fault(KindInvalid, "A database has at most %d tokens.", tokensMax)
		}
		return append(list, storedToken{t, hex.EncodeToString(hash[:])}), nil
	})
	if err != nil {
		return "", Token{}, err
	}
	return secret, t, nil
}

// Tokens lists the tokens of a local database.
func (h *Host) Tokens(uuidOrName string) ([]Token, error) {
	info, err := h.find(uuidOrName)
	if err != nil {
		return nil, err
	}
	list, err := h.tokens(formatUUID(info.Ref.ID))
	shown := []Token{}
	for _, t := range list {
		shown = append(shown, t.Token)
	}
	return shown, err
}

// DeleteToken makes a token worthless.
func (h *Host) DeleteToken(uuidOrName, id string) error {
	info, err := h.find(uuidOrName)
	if err != nil {
		return err
	}
	return h.changeTokens(formatUUID(info.Ref.ID), func(list []storedToken) ([]storedToken, error) {
		for i, t := range list {
			if t.ID == id {
				return append(list[:i], list[i+1:]...), nil
			}
		}
		return nil, fault(KindNotFound, "The database has no token %s", id)
	})
}

// CheckToken finds the database that a token opens, and its role.
func (h *Host) CheckToken(secret string) (name, role string, err error) {
	refused := fault(KindForbidden, "The token is not valid.")
	rest, ok := strings.CutPrefix(secret, TokenPrefix)
	raw, _, found := strings.Cut(rest, "_")
	if !ok || !found || len(raw) != 32 {
		return "", "", refused
	}
	uuid := raw[:8] + "-" + raw[8:12] + "-" + raw[12:16] + "-" + raw[16:20] + "-" + raw[20:]
	if _, ok := parseUUID(uuid); !ok {
		return "", "", refused
	}
	list, err := h.tokens(uuid)
	if err != nil {
		return "", "", err
	}
	hash := sha256.Sum256([]byte(secret))
	var match *storedToken
	for i := range list {
		want, err := hex.DecodeString(list[i].Hash)
		if err == nil && subtle.ConstantTimeCompare(hash[:], want) == 1 {
			match = &list[i]
		}
	}
	if match == nil || !match.ExpiresAt.IsZero() && !match.ExpiresAt.After(h.cfg.Clock()) {
		return "", "", refused
	}
	if name, err = h.Resolve(uuid); err != nil {
		return "", "", refused
	}
	return name, match.Role, nil
}

func (h *Host) tokens(uuid string) (list []storedToken, err error) {
	text, ok, err := h.cfg.Engine.Setting(tokensSetting(uuid))
	if err != nil {
		return nil, h.describe(context.Background(), err)
	}
	if ok && len(text) > 0 {
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, &Error{Kind: KindInternal, Message: textInternal, Cause: err}
		}
	}
	return list, nil
}

// changeTokens is the one way to change a list of tokens.
func (h *Host) changeTokens(uuid string, change func([]storedToken) ([]storedToken, error)) error {
	h.tokenChanges.Lock()
	defer h.tokenChanges.Unlock()
	list, err := h.tokens(uuid)
	if err != nil {
		return err
	}
	if list, err = change(list); err != nil {
		return err
	}
	text, err := json.Marshal(list)
	if err == nil {
		err = h.cfg.Engine.SetSetting(tokensSetting(uuid), text)
	}
	return h.describe(context.Background(), err)
}

// dropTokens forgets the tokens of a database that is gone.
func (h *Host) dropTokens(uuid string) error {
	list, err := h.tokens(uuid)
	if err != nil || len(list) == 0 {
		return err
	}
	return h.changeTokens(uuid, func([]storedToken) ([]storedToken, error) { return nil, nil })
}
