package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBar_ShowsLongWorkOnATerminal(t *testing.T) {
	var line bytes.Buffer
	c := &call{err: &line, terminal: func(any) bool { return true }, patience: time.Hour}
	b := c.newBar("import db")
	r := b.sends(make([]byte, 3<<20))
	if _, err := io.CopyN(io.Discard, r, 1<<20); err != nil {
		t.Fatal(err)
	}
	if line.Len() > 0 {
		t.Errorf("a short work shows %q", line.String())
	}
	b.mu.Lock()
	b.draw(90 * time.Minute)
	b.mu.Unlock()
	want := "\rimport db [========                ] 33 % of 3.0 MiB, 5400 s"
	if line.String() != want {
		t.Errorf("got %q, want %q", line.String(), want)
	}
	line.Reset()
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.draw(90 * time.Minute) // sent: what follows has no end that is known
	b.mu.Unlock()
	if got := strings.TrimRight(line.String(), " "); got != "\rimport db 3.0 MiB, 5400 s" || len(line.String()) != len(want) {
		t.Errorf("got %q, as wide as the line before", line.String())
	}
	line.Reset()
	b.end()
	b.end()
	if got := line.String(); strings.ReplaceAll(got, " ", "") != "\r\r" {
		t.Errorf("the end leaves %q", got)
	}
	if none := (&call{err: &line, terminal: func(any) bool { return false }}).newBar("x"); none != nil {
		t.Error("a bar without a terminal")
	}
}

// TestBar_IsPartOfImportAndExport: with no patience at all each transfer shows
// how it begins, and nothing of it is left on the line.
func TestBar_IsPartOfImportAndExport(t *testing.T) {
	data, _ := stoppedHost(t, 3)
	file := filepath.Join(t.TempDir(), "in.sql")
	if err := os.WriteFile(file, []byte("CREATE TABLE u (a); INSERT INTO u VALUES (hex(zeroblob(300000)));"+strings.Repeat("\n-- a long file", 30_000)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"import", "db", "--file", file}, {"export", "db"}} {
		what := args[0] + " db"
		var out, errs bytes.Buffer
		c := &call{
			name: "d1", args: append([]string{"--data", data}, args...), out: &out, err: &errs, in: strings.NewReader(""),
			getenv: func(string) (string, bool) { return "", false }, terminal: func(s any) bool { return s == any(&errs) },
		}
		if code := c.dispatch(); code != 0 {
			t.Fatalf("%s: exit %d, %s", what, code, errs.String())
		}
		if got := errs.String(); !strings.Contains(got, "\r"+what+" [") || !strings.Contains(got, "0 % of ") || !strings.HasSuffix(got, " \r") {
			t.Errorf("%s shows %q", what, got)
		}
		if strings.Contains(out.String(), "\r") {
			t.Errorf("%s: the bar is in the output", what)
		}
	}
}

func TestTerminal_IsNoFileAndNotNothing(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for what, stream := range map[string]any{"a file": file, "a pipe": r, "the null device": null, "no file at all": &bytes.Buffer{}} {
		if isTerminal(stream) {
			t.Errorf("%s is taken for a terminal", what)
		}
	}
}
