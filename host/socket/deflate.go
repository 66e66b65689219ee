package socket

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/klauspost/compress/flate"
)

// permessage-deflate (RFC 7692), without context takeover in either direction:
// a compressed frame means the same on every connection, so that a broadcast is
// compressed once, and no connection keeps a window.

const (
	bitRsv1 = 0x40
	// deflateBytesMin is what a message must have to be worth the time.
	deflateBytesMin = 1 << 10
	deflateLevel    = 1
	// sharedBytesMax is the longest frames that are remembered compressed.
	sharedBytesMax = 1 << 20
	sharedSlots    = 16
)

// deflateTail ends what a peer compresses; a final empty block behind it lets
// the reader end.
var deflateTail = []byte{0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff}

// syncTail is what a sync flush ends with and does not travel.
var syncTail = deflateTail[:4]

// Deflate lets messages be compressed: the handshake has agreed on
// permessage-deflate, with no context takeover in either direction. It comes
// before Attach.
func (k *Socket) Deflate() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.deflate = true
}

// deflater compresses frames, and remembers the last that it has: a broadcast
// gives every socket the same bytes, which never change.
type deflater struct {
	writers sync.Pool
	shared  [sharedSlots]atomic.Pointer[compressed]
}

// compressed is frames before and after. It keeps them alive, so that no other
// frames can have their address meanwhile.
type compressed struct{ from, to []byte }

// frames is whole unmasked frames with long messages compressed, or the same
// where there are none.
func (d *deflater) frames(frames []byte) []byte {
	if !worthwhile(frames) {
		return frames
	}
	if len(frames) > sharedBytesMax {
		return d.compress(frames)
	}
	at := unsafe.SliceData(frames)
	slot := &d.shared[uintptr(unsafe.Pointer(at))>>6%sharedSlots]
	if c := slot.Load(); c != nil && unsafe.SliceData(c.from) == at && len(c.from) == len(frames) {
		return c.to
	}
	c := &compressed{frames, d.compress(frames)}
	slot.Store(c)
	return c.to
}

// worthwhile says whether any message is long enough.
func worthwhile(frames []byte) bool {
	for len(frames) >= deflateBytesMin {
		head, payload := frameParts(frames)
		if payload >= deflateBytesMin && frames[0]&bitControl == 0 {
			return true
		}
		frames = frames[head+int(payload):]
	}
	return false
}

func (d *deflater) compress(frames []byte) []byte {
	out := make([]byte, 0, len(frames)/2)
	for len(frames) > 0 {
		head, payload := frameParts(frames)
		end := head + int(payload)
		frame := frames[:end]
		if payload >= deflateBytesMin && frame[0]&bitControl == 0 {
			if small := d.message(frame[head:]); len(small) < int(payload) {
				frame = appendFrame(nil, frame[0]&0xf, small)
				frame[0] |= bitRsv1
			}
		}
		out = append(out, frame...)
		frames = frames[end:]
	}
	return out
}

// message compresses one payload.
func (d *deflater) message(payload []byte) []byte {
	var out bytes.Buffer
	w, _ := d.writers.Get().(*flate.Writer)
	if w == nil {
		w, _ = flate.NewWriter(&out, deflateLevel) // fails only for a level that does not exist
	} else {
		w.Reset(&out)
	}
	_, _ = w.Write(payload) // a bytes.Buffer takes everything
	_ = w.Flush()
	d.writers.Put(w)
	return bytes.TrimSuffix(out.Bytes(), syncTail)
}

var inflaters sync.Pool

// inflate undoes a message's compression; what is longer than bytesMax is not
// inflated further.
func inflate(message []byte, bytesMax int) ([]byte, error) {
	in := io.MultiReader(bytes.NewReader(message), bytes.NewReader(deflateTail))
	r, _ := inflaters.Get().(io.ReadCloser)
	if r == nil {
		r = flate.NewReader(in)
	} else if err := r.(flate.Resetter).Reset(in, nil); err != nil {
		return nil, err
	}
	defer inflaters.Put(r)
	out := bytes.NewBuffer(make([]byte, 0, min(4*len(message)+64, 64<<10, bytesMax+1)))
	n, err := io.Copy(out, io.LimitReader(r, int64(bytesMax)+1))
	if err != nil {
		return nil, &ProtocolError{CodeInvalidData, "message is not deflated"}
	}
	if n > int64(bytesMax) {
		return nil, &ProtocolError{CodeTooBig, "inflated message is too long"}
	}
	return out.Bytes(), nil
}
