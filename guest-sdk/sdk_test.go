package sdk

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestRequires_AreTheModulesThatAreImported asks the go command.
func TestRequires_AreTheModulesThatAreImported(t *testing.T) {
	packages := map[string]bool{}
	for name := range Files() {
		packages["../"+name[:strings.LastIndexByte(name, '/')]] = true
	}
	if len(packages) < 10 || !packages["../guest-sdk/edge/edgetest"] || packages["../guest-sdk/edge/edgetest/internal/tryout"] {
		t.Fatalf("carried are %v", packages)
	}
	args := []string{"list", "-deps", "-f", "{{if not .Standard}}{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}{{end}}"}
	for p := range packages {
		args = append(args, p)
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	if modules = slices.Compact(modules); !slices.Equal(modules, Requires) {
		t.Errorf("imported are %q, and Requires says %q", modules, Requires)
	}
}
