package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host/app"
)

// TestWarnings_NameWhoDrawsFromTheImage: math/rand repeats across objects.
func TestWarnings_NameWhoDrawsFromTheImage(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module guest\n\ngo 1.26\n",
		"main.go":        "package main\n\nimport \"guest/dice\"\n\nfunc main() { dice.Roll() }\n",
		"dice/dice.go":   "package dice\n\nimport \"math/rand/v2\"\n\n// Roll rolls.\nfunc Roll() int { return rand.IntN(6) }\n",
		"wrangler.jsonc": `{"name":"guest","main":"."}`,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := app.Load(filepath.Join(dir, "wrangler.jsonc"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := app.Warnings(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !strings.HasPrefix(got[0], "guest/dice imports math/rand: ") {
		t.Fatalf("warned %q", got)
	}
}
