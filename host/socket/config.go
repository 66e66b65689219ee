package socket

import (
	"fmt"
	"runtime"
	"time"
)

// Defaults of Config.
const (
	DefaultQueueBytesMax   = 256 << 10
	DefaultMessageBytesMax = 32 << 20
	DefaultReceiveBytesMax = 256 << 20
	DefaultSendBufferBytes = 64 << 10
	DefaultPingEvery       = 30 * time.Second
	DefaultMessageDeadline = 60 * time.Second
	DefaultCloseDeadline   = 5 * time.Second
	DefaultDrainPerSecond  = 1000

	// AutoResponseBytesMax bounds each side of an auto-response.
	AutoResponseBytesMax = 2048
)

// Config sets the limits of a Server. The zero value of a field is its
// default.
type Config struct {
	// QueueBytesMax bounds what waits for one socket beyond the kernel's
	// buffer. One Send to an empty queue always fits. Beyond it the socket is
	// closed with 1013.
	QueueBytesMax int
	// MessageBytesMax bounds one received message; a longer one closes the
	// socket with 1009.
	MessageBytesMax int
	// ReceiveBytesMax bounds the unfinished messages of all sockets together;
	// the one that passes it is closed with 1013.
	ReceiveBytesMax int
	// SendBufferBytes is SO_SNDBUF (the kernel doubles it).
	SendBufferBytes int
	// WorkersMax bounds the goroutines that read and call Events.
	WorkersMax int
	// PingEvery is how long a socket may be silent before it is pinged; after
	// as long again without a byte it is given up. Negative: never.
	PingEvery time.Duration
	// MessageDeadline bounds the time from a message's first byte to its
	// last; a later one closes the socket with 1008.
	MessageDeadline time.Duration
	// CloseDeadline bounds a close handshake, and how long a socket that was
	// too slow may take for the rest of its frame.
	CloseDeadline time.Duration
	// DrainPerSecond is how many sockets Shutdown closes in a second, so that
	// their clients do not come back in one herd. Negative: all at once.
	DrainPerSecond int
	// Now is the clock of auto-responses; nil: time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	setInt := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	setDuration := func(field *time.Duration, value time.Duration) {
		if *field == 0 {
			*field = value
		}
	}
	setInt(&c.QueueBytesMax, DefaultQueueBytesMax)
	setInt(&c.MessageBytesMax, DefaultMessageBytesMax)
	setInt(&c.ReceiveBytesMax, max(DefaultReceiveBytesMax, c.MessageBytesMax))
	setInt(&c.SendBufferBytes, DefaultSendBufferBytes)
	setInt(&c.WorkersMax, max(8, 4*runtime.GOMAXPROCS(0)))
	setInt(&c.DrainPerSecond, DefaultDrainPerSecond)
	setDuration(&c.PingEvery, DefaultPingEvery)
	setDuration(&c.MessageDeadline, DefaultMessageDeadline)
	setDuration(&c.CloseDeadline, DefaultCloseDeadline)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Validate reports the first field whose value makes no sense.
func (c Config) Validate() error {
	c = c.withDefaults()
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"QueueBytesMax", int64(c.QueueBytesMax)},
		{"MessageBytesMax", int64(c.MessageBytesMax)},
		{"ReceiveBytesMax", int64(c.ReceiveBytesMax)},
		{"SendBufferBytes", int64(c.SendBufferBytes)},
		{"WorkersMax", int64(c.WorkersMax)},
		{"MessageDeadline", int64(c.MessageDeadline)},
		{"CloseDeadline", int64(c.CloseDeadline)},
	} {
		if f.value < 0 {
			return fmt.Errorf("socket: %s is %d, want 0 (default) or more", f.name, f.value)
		}
	}
	if c.ReceiveBytesMax < c.MessageBytesMax {
		return fmt.Errorf("socket: ReceiveBytesMax is %d, want at least MessageBytesMax, %d", c.ReceiveBytesMax, c.MessageBytesMax)
	}
	return nil
}
