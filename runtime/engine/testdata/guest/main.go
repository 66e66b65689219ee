// Command guest is what the engine's tests run: a class whose operations wait,
// spawn, arm timers, print and die.
package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

type kit struct {
	state *edge.State
	gate  chan string
	n     uint64
	seen  []string
	turn  sync.Mutex
}

func init() {
	edge.Register("Kit", func(s *edge.State, _ *edge.Env) (*kit, error) { return &kit{state: s, gate: make(chan string)}, nil }, edge.Interleave())
}

// Fetch runs the operation that the path names.
func (k *kit) Fetch(r *edge.Request) (*edge.Response, error) {
	switch r.Path() {
	case "/incr":
		n, _, err := edge.Get[int](k.state.Storage.KV, "n")
		if err != nil {
			return nil, err
		}
		return edge.Text(200, fmt.Sprint(n+1)), edge.Put(k.state.Storage.KV, "n", n+1)
	case "/echo":
		return &edge.Response{Status: 200, Body: r.Body}, nil
	case "/take":
		return edge.Text(200, fmt.Sprint(len(r.Body))), nil
	case "/taken": // and waits
		return edge.Text(200, fmt.Sprint(len(r.Body))), k.state.Storage.Sync()
	case "/large":
		b, _, err := k.state.Storage.KV.Get("large")
		return &edge.Response{Status: 200, Body: b}, err
	case "/park":
		return edge.Text(200, <-k.gate), nil
	case "/open":
		k.gate <- "opened"
		return edge.Text(200, "ok"), nil
	case "/sync":
		return edge.Text(200, "durable"), k.state.Storage.Sync()
	case "/spin":
		go func() {
			for range 100 {
				runtime.Gosched()
			}
			k.state.Log.Info("spun")
		}()
		return edge.Text(200, "ok"), nil
	case "/sleep":
		time.Sleep(50 * time.Millisecond)
		return edge.Text(200, "slept"), nil
	case "/remember":
		k.seen = append(k.seen, string(r.Body))
		return edge.Text(200, strings.Join(k.seen, ",")), nil
	case "/random":
		b := make([]byte, 8)
		if _, err := rand.Read(b); err != nil {
			return nil, err
		}
		e := make([]byte, 8)
		k.state.Rand(e)
		return edge.Text(200, fmt.Sprintf("%x %x", b, e)), nil
	case "/burn":
		sum := uint64(0)
		for i := range uint64(len(r.Body)) * 1e6 {
			sum += i ^ sum>>3
		}
		return edge.Text(200, fmt.Sprint(sum)), nil
	case "/mix":
		return edge.Text(200, string(r.Body)), k.mix(string(r.Body))
	case "/goroutines":
		return edge.Text(200, fmt.Sprint(runtime.NumGoroutine())), nil
	case "/arm":
		time.AfterFunc(20*time.Millisecond, func() { k.state.Log.Info("rang") })
		return edge.Text(200, "armed"), nil
	}
	return k.die(r.Path())
}

// Alarm logs how much memory is in use.
func (k *kit) Alarm(edge.AlarmInfo) error {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	k.state.Log.Info(fmt.Sprint(m.HeapAlloc))
	return nil
}

// mix waits in each way that a letter of the script names, and ends when all
// that it has begun has ended.
func (k *kit) mix(script string) error {
	begun, ended := 0, make(chan error)
	for _, way := range script {
		err := error(nil)
		switch way {
		case 's': // for the host
			err = k.state.Storage.Sync()
		case 'm': // for the host, and others for that
			k.turn.Lock()
			err = k.state.Storage.Sync()
			k.turn.Unlock()
		case 'g': // not: a goroutine does
			begun++
			go func() { ended <- k.state.Storage.Sync() }()
		case 'o': // nor does anybody wait for that
			go func() { _ = k.state.Storage.Sync() }()
		case 'q': // nor is there anything to wait for
			begun++
			go func() { ended <- nil }()
		case 'c': // for a goroutine
			if begun > 0 {
				begun--
				err = <-ended
			}
		case 't': // for time
			time.Sleep(time.Millisecond)
		case 'y': // for its turn
			runtime.Gosched()
		}
		if err != nil {
			return err
		}
	}
	for range begun {
		if err := <-ended; err != nil {
			return err
		}
	}
	return nil
}

// die is the operations that end the instance, and what prints.
func (k *kit) die(path string) (*edge.Response, error) {
	switch path {
	case "/loop":
		for n := uint64(1); n != 0; n += 2 {
			k.n = n
		}
	case "/recurse":
		return edge.Text(200, fmt.Sprint(fib(200))), nil
	case "/dynamic":
		var f func(int) int
		f = func(n int) int {
			if n < 2 {
				return n
			}
			return f(n-1) + f(n-2)
		}
		return edge.Text(200, fmt.Sprint(f(200))), nil
	case "/print":
		fmt.Print("half a ")
		fmt.Println("line")
		fmt.Fprint(os.Stderr, "no end")
		return edge.Text(200, "ok"), nil
	case "/panic":
		panic("asked to")
	case "/goexit":
		runtime.Goexit()
	case "/exit":
		os.Exit(7)
	case "/abort":
		k.state.Abort("enough")
	case "/hoard":
		for hoard := [][]byte{}; ; {
			hoard = append(hoard, make([]byte, 1<<20))
		}
	}
	return edge.Text(404, path), nil
}

// fib takes longer than anybody waits, without a loop.
func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func main() {}
