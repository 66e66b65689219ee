package storagebench

import (
	"strings"
	"testing"
	"time"
)

// TestRun runs every measure once, small.
func TestRun(t *testing.T) {
	var out strings.Builder
	cfg := Config{Dir: t.TempDir(), Time: 50 * time.Millisecond, Repeat: 1, Objects: 500, Alarms: 3000}
	figures, err := Run(t.Context(), cfg, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range measures {
		if !strings.Contains(out.String(), m.name) {
			t.Errorf("%s is missing in:\n%s", m.name, out.String())
		}
	}
	for _, f := range figures {
		if f.Value < 0 || f.Value == 0 && f.Unit == "1/s" {
			t.Errorf("%+v", f)
		}
	}
}
