package soak

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

func TestRun_Short(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the host's process is looked at in /proc")
	}
	h := wasmtest.Start(t, host.Config{Limits: host.Limits{FreezeSeconds: 1}}, "examples/load/soak/app")
	var out bytes.Buffer
	// Three seconds say nothing of trends.
	cfg := Config{URL: h.URL, Admin: h.Admin, PID: os.Getpid(), Objects: 200, Sockets: 20, Time: 3 * time.Second, Rate: 300, Trend: -1}
	if err := Run(t.Context(), cfg, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"goroutines", "4th quarter", "200 objects asked once more", "wrong: 0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &out)
		}
	}
	for _, op := range opNames {
		if strings.Contains(out.String(), " "+op+" 0") {
			t.Errorf("no %s was made:\n%s", op, &out)
		}
	}
}

func TestRun_RefusesWrongConfigurations(t *testing.T) {
	good := Config{URL: "http://127.0.0.1:1", Admin: "http://127.0.0.1:2", PID: 1}
	for want, change := range map[string]func(*Config){
		"url, admin and pid": func(c *Config) { c.PID = 0 },
		"objects is -1":      func(c *Config) { c.Objects = -1 },
		"rate is -5":         func(c *Config) { c.Rate = -5 },
		"time is -1s":        func(c *Config) { c.Time = -time.Second },
	} {
		c := good
		change(&c)
		if err := Run(t.Context(), c, &bytes.Buffer{}); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestRun_AHostThatIsNotThere(t *testing.T) {
	c := Config{URL: "http://127.0.0.1:1", Admin: "http://127.0.0.1:1", PID: 1, Objects: 20}
	err := Run(t.Context(), c, &bytes.Buffer{})
	if !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "20 of them") || strings.Count(err.Error(), "incr: ") != faultsShown {
		t.Errorf("got %v", err)
	}
}

func TestCompare_FindsWhatIsWrong(t *testing.T) {
	late := time.Now().Add(-time.Second)
	for _, c := range []struct {
		name   string
		o      *object
		op     int
		status int
		body   string
		want   string // of the error; empty: it is right
	}{
		{"the next number", &object{n: 4}, opIncr, 200, "5", ""},
		{"a number twice", &object{n: 4}, opIncr, 200, "4", `n is "4", want 5`},
		{"a number left out", &object{n: 4}, opIncr, 200, "6", `n is "6", want 5`},
		{"an error", &object{n: 4}, opIncr, 500, "reset", "status 500 reset, want 200"},
		{"a panic", &object{n: 4}, opPanic, 500, "reset", ""},
		{"a panic that is a success", &object{n: 4}, opPanic, 200, "5", "status 200 5, want 500"},
		{"the next line", &object{seq: 1}, opAppend, 200, "2", ""},
		{"a lost line", &object{seq: 1}, opAppend, 200, "1", `seq is "1", want 2`},
		{"all of it", &object{n: 1, seq: 60, fired: 3}, opGet, 200, `{"n":1,"seq":60,"lines":50,"fired":4}`, ""},
		{"a dropped write that stayed", &object{n: 1}, opGet, 200, `{"n":2,"seq":0,"lines":0,"fired":0}`, "want n 1"},
		{"a missing row", &object{seq: 2}, opGet, 200, `{"n":0,"seq":2,"lines":1,"fired":0}`, "as many lines"},
		{"alarms forgotten", &object{fired: 3}, opGet, 200, `{"n":0,"seq":0,"lines":0,"fired":2}`, "fired is 2, it was 3"},
		{"an alarm that fired late", &object{fired: 3, before: 3, mustFire: late}, opGet, 200, `{"n":0,"seq":0,"lines":0,"fired":4}`, ""},
		{"an alarm that did not", &object{fired: 3, before: 3, mustFire: late}, opGet, 200, `{"n":0,"seq":0,"lines":0,"fired":3}`, "has not fired"},
		{"an alarm is set", &object{fired: 3}, opAlarm, 200, "4", ""},
		{"and went back", &object{fired: 3}, opAlarm, 200, "2", `fired is "2", it was 3`},
		{"no JSON", &object{}, opGet, 200, "none", "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.o.compare(c.op, c.status, []byte(c.body))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestRead_EveryLineOnceInOrder(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []int
		want  string
	}{
		{"in order", []int{1, 2, 3}, ""},
		{"one twice", []int{1, 1, 2, 3}, "read line 1 behind line 1"},
		{"one left out", []int{1, 3}, "read line 3 behind line 1"},
		{"the end is missing", []int{1, 2}, "ended behind line 2 of 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := object{seq: 3, heard: make(chan int, heardMax)}
			for _, n := range c.lines {
				o.heard <- n
			}
			close(o.heard)
			if err := o.read(true); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTrends_FailOnGrowth(t *testing.T) {
	series := func(i int, values ...float64) []sample {
		all := make([]sample, len(values))
		for k, v := range values {
			all[k].values[i] = v
		}
		return all
	}
	for _, c := range []struct {
		name    string
		samples []sample
		percent float64
		want    string
	}{
		{"it stays", series(otherMiB, 50, 100, 105, 109), 10, ""},
		{"it grows", series(otherMiB, 50, 100, 105, 111), 10, "other MiB from 100.0 to 111.0, more than 10 %"},
		{"no more than chance", series(descriptors, 5, 20, 20, 28), 10, ""},
		{"descriptors leak", series(descriptors, 5, 20, 20, 29), 10, "descriptors from 20.0 to 29.0"},
		{"live instances are no matter of trends", series(hot, 0, 10, 20, 900), 10, ""},
		{"nothing fails", series(goroutines, 1, 10, 100, 1000), -1, ""},
		{"too short", series(goroutines, 1, 1000), 10, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			err := trends(&out, c.samples, c.percent)
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrTrend) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestPick_GivesEveryOperationItsShare(t *testing.T) {
	var got [opKinds]int
	for n := range opWeights {
		got[pick(n)]++
	}
	if got != weights {
		t.Errorf("got %v, want %v", got, weights)
	}
}
