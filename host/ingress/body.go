package ingress

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

var errBodyTooLarge = errors.New("body too large")

// firstBodyBytes is what a body gets before it has shown to be longer.
const firstBodyBytes = 4 << 10

// bodyReader receives one body, whole, within its limits of length and time.
type bodyReader struct {
	stream   io.Reader
	conn     *conn
	cfg      *Config
	bytesMax int64
	declared int64 // negative: not known
	until    time.Time
	got      int64
}

// Read reads on with a deadline for each read, and one for all.
func (b *bodyReader) Read(p []byte) (int, error) {
	if b.got > 0 || b.declared < 0 { // a short body has come with the headers
		deadline := time.Now().Add(b.cfg.BodyStallTimeout)
		if deadline.After(b.until) {
			deadline = b.until
		}
		if err := b.conn.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
	}
	n, err := b.stream.Read(p)
	if err != nil && b.conn.bodyLeft <= 0 {
		return n, errBodyTooLarge
	}
	if b.got += int64(n); b.got > b.bytesMax {
		return n, errBodyTooLarge
	}
	return n, err
}

// readAll returns the body. What is longer than Config.SpoolBytes waits in a
// file until all has come, so that a slow client holds no memory.
func (b *bodyReader) readAll() ([]byte, error) {
	b.conn.bodyBounds, b.conn.bodyLeft = true, wireMax(b.bytesMax)
	defer func() { b.conn.bodyBounds = false }()
	first := int64(firstBodyBytes)
	if b.declared >= 0 {
		first = min(b.declared, 4*firstBodyBytes)
	}
	body := make([]byte, 0, first)
	for len(body) < b.cfg.SpoolBytes {
		if len(body) == cap(body) {
			if int64(len(body)) == b.declared {
				break
			}
			body = append(body, 0)[:len(body)]
		}
		n, err := b.Read(body[len(body):min(cap(body), b.cfg.SpoolBytes)])
		body = body[:len(body)+n]
		if err == io.EOF {
			return body, b.complete()
		}
		if err != nil {
			return nil, err
		}
	}
	if b.got == b.declared {
		return body, nil
	}
	return b.spool(body)
}

// wireMax is how much a body of bytesMax may take on the wire: the smallest
// chunks take six bytes for one. Beyond it is what chunks say besides, without
// end.
func wireMax(bytesMax int64) int64 { return 6*bytesMax + 64<<10 }

// complete tells a body that ended from one that was cut off.
func (b *bodyReader) complete() error {
	if b.declared >= 0 && b.got < b.declared {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// spool receives the rest of the body into a file and then reads it back.
func (b *bodyReader) spool(begun []byte) ([]byte, error) {
	file, err := os.CreateTemp(b.cfg.SpoolDir, "holdfast-body-*")
	if err != nil {
		return nil, fmt.Errorf("spool body: %w", err)
	}
	os.Remove(file.Name()) // at once where the system allows it, so that a crash leaves nothing
	defer func() {
		file.Close()
		os.Remove(file.Name())
	}()
	if _, err := file.Write(begun); err != nil {
		return nil, fmt.Errorf("spool body: %w", err)
	}
	if _, err := io.CopyBuffer(onlyWriter{file}, b, begun[:cap(begun)]); err != nil {
		return nil, err
	}
	if err := b.complete(); err != nil {
		return nil, err
	}
	body := make([]byte, b.got)
	if _, err := file.ReadAt(body, 0); err != nil {
		return nil, fmt.Errorf("read spooled body: %w", err)
	}
	return body, nil
}

// onlyWriter hides os.File.ReadFrom, which would bring a buffer of its own.
type onlyWriter struct{ io.Writer }
