package main

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// The right uses.
func init() {
	op("runs", func(p *Probe, _ *edge.Request, _ string) (*edge.Response, error) { return text("%d", p.runs) })
	op("put", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		if err := edge.Put(p.state.Storage.KV, "value", arg); err != nil {
			return nil, err
		}
		return text("ok")
	})
	op("get", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		if arg == "" {
			arg = "value"
		}
		b, ok, err := p.state.Storage.KV.Get(arg)
		if err != nil {
			return nil, err
		}
		if !ok {
			return edge.Text(404, "none"), nil
		}
		return text("%s", b)
	})
	op("ws", func(p *Probe, r *edge.Request, arg string) (*edge.Response, error) {
		ws, ok := r.Upgrade()
		if !ok {
			return edge.Text(426, "no upgrade"), nil
		}
		if err := p.state.AcceptWebSocket(ws, strings.Fields(arg)...); err != nil {
			return nil, err
		}
		return edge.Switch(ws, ""), nil
	})
	op("ws-late", func(p *Probe, r *edge.Request, _ string) (*edge.Response, error) {
		for range 400 {
			if r.Cancelled() {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		ws, ok := r.Upgrade()
		if !ok {
			return edge.Text(426, "no upgrade"), nil
		}
		if err := p.state.AcceptWebSocket(ws); err != nil {
			return nil, err
		}
		return edge.Switch(ws, ""), nil
	})
	op("sockets", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		if arg != "" {
			return text("%d", len(p.state.WebSockets(arg)))
		}
		return text("%d", len(p.state.WebSockets()))
	})
	op("random", func(p *Probe, _ *edge.Request, _ string) (*edge.Response, error) {
		var a, b [16]byte
		if _, err := rand.Read(a[:]); err != nil {
			return nil, err
		}
		p.state.Rand(b[:])
		return text("%s", hex.EncodeToString(append(a[:], b[:]...)))
	})
}

// The wrong uses that Go itself can make.
func init() {
	op("panic", func(*Probe, *edge.Request, string) (*edge.Response, error) { panic("asked to") })
	op("put-panic", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		if err := edge.Put(p.state.Storage.KV, "value", arg); err != nil {
			return nil, err
		}
		panic("after a write")
	})
	op("put-error", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		if err := edge.Put(p.state.Storage.KV, "value", arg); err != nil {
			return nil, err
		}
		return nil, edge.ErrInvalid
	})
	op("exit", func(*Probe, *edge.Request, string) (*edge.Response, error) { os.Exit(3); return nil, nil })
	op("oom", func(*Probe, *edge.Request, string) (*edge.Response, error) {
		var hoard [][]byte
		for {
			hoard = append(hoard, make([]byte, 1<<20))
		}
	})
	op("recurse", func(*Probe, *edge.Request, string) (*edge.Response, error) { return text("%d", recurse(1)) })
	op("abort", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		if err := edge.Put(p.state.Storage.KV, "value", arg); err != nil {
			return nil, err
		}
		p.state.Abort("asked to")
		return nil, nil
	})
}

//go:noinline
func recurse(n int) int { return recurse(n+1) + 1 }

// Waiting: goroutines, timers, channels, background work.
func init() {
	op("sleep", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		ms, err := strconv.Atoi(arg)
		if err != nil {
			return edge.Text(400, err.Error()), nil
		}
		time.Sleep(time.Duration(ms) * time.Millisecond)
		return text("slept")
	})
	op("loop", func(p *Probe, _ *edge.Request, _ string) (*edge.Response, error) {
		for p.runs > 0 {
			p.runs++
		}
		return text("ended")
	})
	op("fan", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		n, err := strconv.Atoi(arg)
		if err != nil {
			return edge.Text(400, err.Error()), nil
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		total := 0
		for i := range n {
			wg.Go(func() {
				var v int
				if ok, err := p.env.D1("DB").Prepare("SELECT ? + 1").Bind(i).First(&v); err == nil && ok {
					mu.Lock()
					total += v
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return text("%d", total)
	})
	op("background", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		p.state.WaitUntil("background", func() error {
			if err := p.state.Storage.Sync(); err != nil {
				return err
			}
			return edge.Put(p.state.Storage.KV, "value", arg)
		})
		return text("ok")
	})
	op("alarm", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		if err := edge.Put(p.state.Storage.KV, "alarm", arg); err != nil {
			return nil, err
		}
		return edge.Text(200, "ok"), p.state.Storage.SetAlarm(p.state.Now().Add(10 * time.Second))
	})
	op("chain", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		out, err := p.call(strings.Fields(arg))
		if err != nil {
			return nil, err
		}
		return text("%s", out)
	})
}

// Time: a client that leaves, a section that nothing may enter, a timer.
func init() {
	op("patient", func(p *Probe, r *edge.Request, _ string) (*edge.Response, error) {
		for range 400 {
			time.Sleep(10 * time.Millisecond)
			if r.Cancelled() {
				return edge.Text(200, ""), edge.Put(p.state.Storage.KV, "value", "the client has gone")
			}
		}
		return text("nobody left")
	})
	op("block", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		err := p.state.BlockConcurrencyWhile(func() error {
			time.Sleep(50 * time.Millisecond)
			return edge.Put(p.state.Storage.KV, "value", arg)
		})
		return edge.Text(200, "unblocked"), err
	})
	op("timer", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		time.AfterFunc(20*time.Millisecond, func() { _ = edge.Put(p.state.Storage.KV, "value", arg) })
		return text("armed")
	})
}

// Storage beyond single keys.
func init() {
	op("tx", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		err := p.state.Storage.Transaction(func() error {
			if err := edge.Put(p.state.Storage.KV, "value", arg); err != nil {
				return err
			}
			return p.state.Storage.Sync() // waits: refused
		})
		return text("%v", err)
	})
	op("sql", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		c, err := p.state.Storage.SQL.Exec(arg)
		if err != nil {
			return text("error: %v", err)
		}
		rows, err := c.Raw()
		if err != nil {
			return text("error: %v", err)
		}
		return text("%d rows of %v", len(rows), c.ColumnNames())
	})
	op("bookmark", func(p *Probe, _ *edge.Request, _ string) (*edge.Response, error) {
		b, err := p.state.Storage.CurrentBookmark()
		if err != nil {
			return nil, err
		}
		_, err = p.state.Storage.BookmarkForTime(p.state.Now())
		return text("%s %v", b, err)
	})
}
