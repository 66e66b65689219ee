package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outcome is how a run of the command line ended.
type outcome struct {
	code     int
	out, err string
}

// run runs the command line in this process; env lines are "NAME=value".
func run(args []string, env ...string) outcome {
	var out, err bytes.Buffer
	code := Run(args, &out, &err, func(name string) (string, bool) {
		for _, e := range env {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v, true
			}
		}
		return "", false
	}, nil)
	return outcome{code, out.String(), err.String()}
}

// expectUsage wants exit code 2, nothing on standard output, and one line on
// standard error that has all words.
func expectUsage(t *testing.T, o outcome, words ...string) {
	t.Helper()
	if o.code != 2 || o.out != "" || strings.Count(o.err, "\n") != 1 || !strings.HasPrefix(o.err, "holdfast") {
		t.Errorf("exit %d, output %q, errors %q", o.code, o.out, o.err)
	}
	for _, w := range words {
		if !strings.Contains(o.err, w) {
			t.Errorf("the error %q does not say %q", o.err, w)
		}
	}
}

func TestHelp_ListsCommandsAndFlags(t *testing.T) {
	for _, args := range [][]string{nil, {"help"}, {"-h"}, {"--help"}} {
		o := run(args)
		if o.code != 0 || o.err != "" {
			t.Errorf("%v: exit %d, errors %q", args, o.code, o.err)
		}
		for _, c := range commands() {
			if !strings.Contains(o.out, "holdfast "+c.name) {
				t.Errorf("%v: %s is not listed", args, c.name)
			}
		}
	}
	for _, c := range commands() {
		o := run([]string{c.name, "-h"})
		if o.code != 0 || o.err != "" || !strings.HasPrefix(o.out, "flags of holdfast "+c.name) {
			t.Errorf("%s -h: exit %d, output %q, errors %q", c.name, o.code, o.out, o.err)
		}
	}
	o := run([]string{"dev", "examples", "--help"})
	for _, name := range []string{"addr", "admin-addr", "data", "config", "var", "clock", "log", "trusted-proxies", "tls-cert", "tls-key"} {
		if !strings.Contains(o.out, "--"+name+" ") || !strings.Contains(o.out, variable(name)) {
			t.Errorf("dev --help does not tell of --%s and %s", name, variable(name))
		}
	}
}

func TestUsage_OneLineAndExitTwo(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"devv", []string{`"devv"`, "holdfast help"}},
		{"dev --addres :1", []string{"-addres", "-h"}},
		{"dev --addr 8787", []string{"--addr", `"8787"`, "HOST:PORT"}},
		{"dev --admin-addr none", []string{"--admin-addr", "HOST:PORT"}},
		{"dev --clock sundial", []string{"clock", "system or manual"}},
		{"dev --clock 1969-01-01T00:00:00Z", []string{"clock", "after 1970"}},
		{"serve --clock manual", []string{"--clock manual", "dev"}},
		{"serve --clock 2026-01-01T00:00:00Z", []string{"--clock manual", "dev"}},
		{"dev --log xml", []string{"log", "text or json"}},
		{"dev --var NOVALUE", []string{"var", "KEY=VALUE"}},
		{"dev --var =x", []string{"var", "KEY=VALUE"}},
		{"dev --tls-cert a.pem", []string{"--tls-cert and --tls-key"}},
		{"dev --tls-cert a.pem --tls-key b.pem", []string{"--tls-cert", "a.pem"}},
		{"dev --trusted-proxies 10.0.0.0/8,10.1", []string{"--trusted-proxies", `"10.1"`, "CIDR"}},
		{"dev nowhere", []string{"nowhere", "directory"}},
		{"dev --config nowhere.jsonc", []string{"--config", "nowhere.jsonc"}},
		{"build a b", []string{"at most one"}},
		{"build " + dir, []string{dir, "found 0"}},
		{"objects", []string{"list, show, evict"}},
		{"objects dance", []string{`"dance"`, "list, show, evict"}},
		{"objects show", []string{"NAMESPACE"}},
		{"objects evict logs.LogRoom", []string{"NAMESPACE"}},
		{"clock", []string{"clock advance DURATION"}},
		{"clock advance", []string{"clock advance DURATION"}},
		{"clock advance soon", []string{`"soon"`, "90s"}},
		{"clock advance -5s", []string{"-5s"}},
		{"clock back 5s", []string{"clock advance DURATION"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			expectUsage(t, run(strings.Fields(c.args)), c.words...)
		})
	}
}

func TestUsage_VariablesAreNamed(t *testing.T) {
	expectUsage(t, run([]string{"dev"}, "HOLDFAST_CLOCK=sundial"), "HOLDFAST_CLOCK", "system or manual")
	expectUsage(t, run([]string{"dev"}, "HOLDFAST_VAR=A=1\nB"), "HOLDFAST_VAR", `"B"`)
	expectUsage(t, run([]string{"dev", "--addr", "x"}, "HOLDFAST_ADDR=127.0.0.1:1"), `"x"`)
}

func TestConfig_FaultsNameFileAndKey(t *testing.T) {
	hash := "sha256:" + strings.Repeat("0a", 32)
	for _, c := range []struct {
		text  string
		words []string
	}{
		{`{`, []string{"JSON"}},
		{`{"admin":{"tokens":"x"}}`, []string{"tokens"}},
		{`{"admin":{"tokens":["` + hash + `","secret"]}}`, []string{"admin.tokens[1]", "sha256:"}},
		{`{"limits":{"hotMaxx":1}}`, []string{`"hotMaxx"`}},
		{`{"limits":{"hotMax":"many"}}`, []string{"hotMax"}},
		{`{"d1":{"url":"x"}}`, []string{"d1.url"}},
		{`{"listen":1}`, []string{`"listen"`, "admin.tokens"}},
	} {
		t.Run(c.text, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "host.jsonc")
			if err := os.WriteFile(file, []byte("// the host\n"+c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			expectUsage(t, run([]string{"serve", "--config", file}), append(c.words, file)...)
		})
	}
}

func TestApp_FaultsNameFileAndKey(t *testing.T) {
	for _, c := range []struct {
		name, text string
		words      []string
	}{
		{"an unknown key", `{"name":"bad","assets":{"directory":"."},"queues":{}}`, []string{"queues"}},
		{"no JSON", `{"name":`, nil},
		{"no name", `{"assets":{"directory":"."}}`, []string{"name"}},
		{"a directory that is not there", `{"name":"bad","assets":{"directory":"public"}}`, []string{"assets.directory"}},
		{"a class of no app", `{"name":"bad","assets":{"directory":"."},"durable_objects":{"bindings":[{"name":"A","class_name":"A","script_name":"other"}]}}`, []string{"durable_objects.bindings[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "wrangler.jsonc")
			if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"dev", "--addr", "127.0.0.1:0", "--admin-addr", "off", "--data", t.TempDir(), dir}
			expectUsage(t, run(args, "HOLDFAST_CACHE="+t.TempDir()), append(c.words, file)...)
		})
	}
}

func TestServe_NeedsATokenOffLoopback(t *testing.T) {
	app := t.TempDir()
	if err := os.WriteFile(filepath.Join(app, "wrangler.jsonc"), []byte(`{"name":"files","assets":{"directory":"."}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"serve", "--addr", "127.0.0.1:0", "--admin-addr", "0.0.0.0:0", "--data", t.TempDir(), app}
	expectUsage(t, run(args, "HOLDFAST_CACHE="+t.TempDir()), "0.0.0.0:0", "admin.tokens")
}

func TestServe_NeedsAnApp(t *testing.T) {
	dir := t.TempDir()
	expectUsage(t, run([]string{"dev", dir, "--addr", "127.0.0.1:0", "--admin-addr", "off"}), dir, "wrangler.jsonc")
}
