package soak

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
)

// The operations, and how often each is made of opWeights.
const (
	opIncr = iota
	opAppend
	opGet
	opAlarm
	opEvict
	opPanic
	opKinds
)

var (
	opNames = [opKinds]string{"incr", "append", "get", "alarm", "evict", "panic"}
	weights = [opKinds]int{500, 250, 150, 70, 20, 10}
)

const opWeights = 1000

// pick is the operation of a number below opWeights.
func pick(n int) int {
	for op, w := range weights {
		if n -= w; n < 0 {
			return op
		}
	}
	return opIncr
}

// object is what an object must have. mu is held over each operation: one at
// a time an object, so that every answer is known before.
type object struct {
	mu       sync.Mutex
	name     string
	n, seq   int
	fired    int       // alarms counted so far, at least
	before   int       // those counted when the alarm was set
	mustFire time.Time // by when that one must be counted; zero: none is set
	heard    chan int  // line numbers that the socket has read; nil without one
	socket   *websocket.Conn
	last     int // the newest line that was read
}

// alarmMax is how late an alarm may be counted: the host is busy, and starts
// one that failed again only after a while.
const alarmMax = 30 * time.Second

// step makes one operation and compares its answer.
func (r *run) step(o *object, op int) error {
	if op == opAlarm && !o.mustFire.IsZero() {
		op = opGet // one alarm at a time, so that each is known
	}
	r.ops[op].Add(1)
	method, url := "POST", r.cfg.URL+"/soak/"+o.name+"/"+opNames[op]
	if op == opEvict {
		url = r.cfg.Admin + "/_holdfast/api/objects/soak.Soak/name:" + o.name + "/evict"
	}
	status, body, err := r.send(method, url)
	if err != nil {
		return fmt.Errorf("%s %s: %w", o.name, opNames[op], err)
	}
	if status == http.StatusServiceUnavailable {
		r.refused.Add(1) // it was not done
		return nil
	}
	if err := o.compare(op, status, body); err != nil {
		return fmt.Errorf("%s %s: %w", o.name, opNames[op], err)
	}
	return nil
}

// statuses are the right answers.
var statuses = [opKinds]int{200, 200, 200, 200, http.StatusNoContent, http.StatusInternalServerError}

// compare takes an answer into account, or says what is wrong with it.
func (o *object) compare(op, status int, body []byte) error {
	if status != statuses[op] {
		return fmt.Errorf("status %d %.200s, want %d", status, body, statuses[op])
	}
	switch op {
	case opIncr:
		o.n++
		return same("n", body, o.n)
	case opAppend:
		o.seq++
		if err := same("seq", body, o.seq); err != nil {
			return err
		}
		return o.read(false)
	case opAlarm:
		fired, err := strconv.Atoi(string(body))
		if err != nil || fired < o.fired {
			return fmt.Errorf("fired is %.200q, it was %d", body, o.fired)
		}
		o.fired, o.before, o.mustFire = fired, fired, time.Now().Add(alarmMax)
	case opGet:
		return o.compareAll(body)
	}
	return nil
}

func same(what string, body []byte, want int) error {
	if string(body) != strconv.Itoa(want) {
		return fmt.Errorf("%s is %.200q, want %d", what, body, want)
	}
	return nil
}

// linesMax is how many lines the guest keeps.
const linesMax = 50

func (o *object) compareAll(body []byte) error {
	var got struct{ N, Seq, Lines, Fired int }
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("%.200q: %w", body, err)
	}
	if got.N != o.n || got.Seq != o.seq || got.Lines != min(o.seq, linesMax) {
		return fmt.Errorf("%s, want n %d, seq %d and as many lines, at most %d", body, o.n, o.seq, linesMax)
	}
	switch {
	case got.Fired < o.fired:
		return fmt.Errorf("fired is %d, it was %d", got.Fired, o.fired)
	case got.Fired > o.before && !o.mustFire.IsZero():
		o.mustFire = time.Time{}
	case !o.mustFire.IsZero() && time.Now().After(o.mustFire):
		return fmt.Errorf("an alarm set %v ago has not fired", alarmMax)
	}
	o.fired = got.Fired
	return nil
}

func (r *run) send(method, url string) (status int, body []byte, err error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, nil, err
	}
	if r.cfg.AdminToken != "" {
		req.Header.Set("Authorization", "Bearer "+r.cfg.AdminToken)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// heardMax is how many lines may wait until they are compared.
const heardMax = 256

// listen opens a socket to the object, which stays open to the end.
func (o *object) listen(r *run) error {
	d := websocket.Dialer{HandshakeTimeout: requestMax}
	conn, _, err := d.Dial("ws"+r.cfg.URL[len("http"):]+"/soak/"+o.name+"/ws", nil)
	if err != nil {
		return fmt.Errorf("%s ws: %w", o.name, err)
	}
	o.socket, o.heard = conn, make(chan int, heardMax)
	go func() {
		defer close(o.heard)
		for {
			_, b, err := conn.ReadMessage()
			if err != nil {
				return // closed: whoever waits for a line says so
			}
			n, err := strconv.Atoi(string(b))
			if err != nil {
				n = -1
			}
			o.heard <- n
		}
	}()
	return nil
}

// heardMaxWait bounds the way of a line whose append was acknowledged.
const heardMaxWait = 20 * time.Second

// read compares what the socket has read: every line once, in order. With all
// set it waits until none is missing.
func (o *object) read(all bool) error {
	if o.heard == nil {
		return nil
	}
	timeout := time.NewTimer(heardMaxWait)
	defer timeout.Stop()
	for o.last < o.seq {
		if !all && len(o.heard) == 0 {
			return nil
		}
		select {
		case n, open := <-o.heard:
			if !open {
				return fmt.Errorf("its socket ended behind line %d of %d", o.last, o.seq)
			}
			if n != o.last+1 {
				return fmt.Errorf("its socket read line %d behind line %d", n, o.last)
			}
			o.last = n
		case <-timeout.C:
			return fmt.Errorf("its socket has read %d of %d lines", o.last, o.seq)
		}
	}
	return nil
}

// heardAll waits for the last line.
func (o *object) heardAll() error {
	if err := o.read(true); err != nil {
		return fmt.Errorf("%s ws: %w", o.name, err)
	}
	return nil
}

// hangUp closes the socket, if there is one, and waits for its reader.
func (o *object) hangUp() {
	if o.socket == nil {
		return
	}
	_ = o.socket.Close() // what was sent has been compared
	for range o.heard {
	}
}
