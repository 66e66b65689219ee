package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// bar shows on a terminal how far a long work is: the bytes that have gone or
// come, of how many, and for how long it has run. It is one line, written anew,
// and gone at the end. The nil bar shows nothing. Its methods may be called
// from any goroutine.
type bar struct {
	what  string
	out   io.Writer
	after time.Duration // which a work lasts at least
	stop  chan struct{}
	done  sync.WaitGroup

	mu    sync.Mutex
	began time.Time
	bytes int64
	total int64 // 0: nobody knows
	wide  int   // of the line that stands there
	over  bool
}

// Times of a bar: when a work counts as long, and how often the line changes.
const (
	barAfter = 700 * time.Millisecond
	barEvery = 100 * time.Millisecond
)

// barBytesMin is what a transfer has at least, to be shown as one.
const barBytesMin = 256 << 10

// barWidth is the bar's own width, in characters.
const barWidth = 24

// newBar makes a bar where standard error is a terminal.
func (c *call) newBar(what string) *bar {
	if !c.terminal(c.err) {
		return nil
	}
	b := &bar{what: what, out: c.err, after: c.patience, stop: make(chan struct{}), began: time.Now()}
	b.done.Go(b.run)
	return b
}

func (b *bar) run() {
	tick := time.NewTicker(barEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
			b.mu.Lock()
			b.draw(time.Since(b.began))
			b.mu.Unlock()
		}
	}
}

// draw writes the line of a work that has lasted since its beginning; mu is
// held.
func (b *bar) draw(since time.Duration) {
	if since < b.after {
		return
	}
	line := b.what
	switch {
	case b.total > 0:
		full := int(int64(barWidth) * min(b.bytes, b.total) / b.total)
		line += fmt.Sprintf(" [%s%s] %d %% of %s", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), 100*min(b.bytes, b.total)/b.total, size(b.total))
	case b.bytes >= barBytesMin:
		line += " " + size(b.bytes)
	}
	line += fmt.Sprintf(", %d s", int(since.Seconds()))
	pad := strings.Repeat(" ", max(0, b.wide-len(line)))
	b.wide = len(line)
	fmt.Fprintf(b.out, "\r%s%s", line, pad)
}

// end takes the line away; a second call does nothing.
func (b *bar) end() {
	if b == nil {
		return
	}
	b.mu.Lock()
	over := b.over
	b.over = true
	b.mu.Unlock()
	if over {
		return
	}
	close(b.stop)
	b.done.Wait()
	if b.wide > 0 {
		fmt.Fprintf(b.out, "\r%s\r", strings.Repeat(" ", b.wide))
	}
}

func (b *bar) begin(total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes, b.total = 0, 0; total >= barBytesMin {
		b.total = total
	}
	b.draw(time.Since(b.began))
}

func (b *bar) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes += int64(n); b.bytes >= b.total {
		b.total = 0 // what follows is no transfer
	}
}

// counted tells a bar what is read through it.
type counted struct {
	io.Reader
	bar *bar
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bar.add(n)
	return n, err
}

// reads shows what comes from r, of total bytes.
func (b *bar) reads(r io.Reader, total int64) io.Reader {
	if b == nil {
		return r
	}
	b.begin(total)
	return counted{r, b}
}

// sends is a reader of text that shows what has gone.
func (b *bar) sends(text []byte) io.Reader {
	if b == nil {
		return bytes.NewReader(text)
	}
	b.begin(int64(len(text)))
	return counted{bytes.NewReader(text), b}
}

// size is a number of bytes as people read it.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (n+1023)/1024)
}
