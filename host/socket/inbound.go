package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ProtocolError is why a connection was failed: the peer broke RFC 6455 or a
// limit of Config. Code is the close code that it was sent.
type ProtocolError struct {
	Code   int
	Reason string
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("websocket: %s (%d)", e.Reason, e.Code)
}

// errIncomplete says that more bytes must come.
var errIncomplete = errors.New("incomplete")

func violation(reason string) error {
	return &ProtocolError{Code: CodeProtocolError, Reason: reason}
}

// unit is a whole message or control frame. data lies in the buffer that was
// read or in the message's own.
type unit struct {
	op   byte
	data []byte
}

// inbound takes the peer's frames apart. It holds what has come of an
// unfinished frame or message; a socket between messages has none. It belongs
// to the goroutine that has the socket's claim.
type inbound struct {
	head      [headerBytesMax]byte
	headBytes int
	maskBytes int // of the peer's frames: 4 from a client, 0 from a server

	inFrame bool // the header is complete; payloadLeft bytes are to come
	op      byte
	fin     bool
	mask    [4]byte
	offset  int
	left    int

	deflate    bool   // messages may be compressed
	compressed bool   // this one is
	control    []byte // of an unfinished control frame
	messageOp  byte   // opContinuation: no message has begun
	message    []byte // of an unfinished message

	counted int // bytes of message in Server.receiving
}

// idle says that nothing is unfinished.
func (in *inbound) idle() bool {
	return in.headBytes == 0 && !in.inFrame && in.messageOp == opContinuation
}

// next takes one unit from the front of buf and returns the rest. It unmasks
// buf in place. With errIncomplete all of buf has been taken.
func (in *inbound) next(buf []byte, messageBytesMax int) (_ unit, _ []byte, err error) {
	for {
		if !in.inFrame {
			rest, err := in.readHeader(buf, messageBytesMax)
			if err != nil {
				return unit{}, nil, err
			}
			buf = rest
		}
		n := min(in.left, len(buf))
		chunk := buf[:n]
		buf = buf[n:]
		if in.maskBytes > 0 {
			unmask(chunk, in.mask, in.offset)
		}
		in.offset += n
		in.left -= n
		if in.left > 0 {
			in.keep(chunk)
			return unit{}, nil, errIncomplete
		}
		in.inFrame = false
		if u, whole := in.endFrame(chunk); whole {
			if in.compressed && u.op&bitControl == 0 {
				in.compressed = false
				if u.data, err = inflate(u.data, messageBytesMax); err != nil {
					return u, buf, err
				}
			}
			return u, buf, u.check()
		}
	}
}

// keep holds on to a part of a frame.
func (in *inbound) keep(chunk []byte) {
	if in.op&bitControl != 0 {
		in.control = append(in.control, chunk...)
		return
	}
	if in.message == nil {
		const firstBytesMax = 64 << 10 // what the header claims is not believed further
		in.message = make([]byte, 0, min(len(chunk)+in.left, max(firstBytesMax, len(chunk))))
	}
	in.message = append(in.message, chunk...)
}

// endFrame gives the unit that ends with chunk, if one does.
func (in *inbound) endFrame(chunk []byte) (unit, bool) {
	if in.op&bitControl != 0 {
		if len(in.control) > 0 {
			chunk = append(in.control, chunk...)
			in.control = nil
		}
		return unit{in.op, chunk}, true
	}
	if in.fin && in.message == nil {
		u := unit{in.messageOp, chunk}
		in.messageOp = opContinuation
		return u, true
	}
	in.keep(chunk)
	if !in.fin {
		return unit{}, false
	}
	u := unit{in.messageOp, in.message}
	in.messageOp, in.message = opContinuation, nil
	return u, true
}

// readHeader takes a frame's header from the front of buf.
func (in *inbound) readHeader(buf []byte, messageBytesMax int) ([]byte, error) {
	if in.headBytes < 2 {
		buf = in.fillHead(buf, 2)
		if in.headBytes < 2 {
			return nil, errIncomplete
		}
		if err := in.checkFirstBytes(); err != nil {
			return nil, err
		}
	}
	need := 2 + in.maskBytes
	switch in.head[1] & 0x7f {
	case 126:
		need += 2
	case 127:
		need += 8
	}
	buf = in.fillHead(buf, need)
	if in.headBytes < need {
		return nil, errIncomplete
	}
	payload, err := in.payloadBytes()
	if err != nil {
		return nil, err
	}
	if in.op&bitControl == 0 && payload > uint64(messageBytesMax-len(in.message)) {
		return nil, &ProtocolError{CodeTooBig, fmt.Sprintf("message longer than %d bytes", messageBytesMax)}
	}
	copy(in.mask[:], in.head[need-in.maskBytes:need])
	in.left, in.offset, in.headBytes, in.inFrame = int(payload), 0, 0, true
	return buf, nil
}

func (in *inbound) fillHead(buf []byte, need int) (rest []byte) {
	n := copy(in.head[in.headBytes:need], buf)
	in.headBytes += n
	return buf[n:]
}

// checkFirstBytes judges what the first two bytes say and begins a message.
func (in *inbound) checkFirstBytes() error {
	in.fin, in.op = in.head[0]&bitFin != 0, in.head[0]&0xf
	rsv := in.head[0] & bitsRsv
	if in.deflate && (in.op == opText || in.op == opBinary) && rsv == bitRsv1 {
		in.compressed, rsv = true, 0
	}
	switch {
	case rsv != 0:
		return violation("reserved bits are set")
	case in.head[1]&bitMask == 0 && in.maskBytes > 0:
		return violation("frame is not masked")
	case in.head[1]&bitMask != 0 && in.maskBytes == 0:
		return violation("frame is masked")
	case in.op&bitControl != 0:
		if in.op > opPong {
			return violation("unknown opcode")
		}
		if !in.fin {
			return violation("control frame is fragmented")
		}
		if in.head[1]&0x7f > controlBytesMax {
			return violation("control frame is too long")
		}
	case in.op == opContinuation:
		if in.messageOp == opContinuation {
			return violation("continuation without a message")
		}
	case in.op > opBinary:
		return violation("unknown opcode")
	case in.messageOp != opContinuation:
		return violation("message within a message")
	default:
		in.messageOp = in.op
	}
	return nil
}

// payloadBytes reads the length of the frame whose header is complete.
func (in *inbound) payloadBytes() (uint64, error) {
	switch n := in.head[1] & 0x7f; n {
	case 126:
		length := binary.BigEndian.Uint16(in.head[2:])
		if length <= controlBytesMax {
			return 0, violation("length is not in its shortest form")
		}
		return uint64(length), nil
	case 127:
		length := binary.BigEndian.Uint64(in.head[2:])
		if length < 1<<16 || length > 1<<63-1 {
			return 0, violation("length is not in its shortest form")
		}
		return length, nil
	default:
		return uint64(n), nil
	}
}

// check judges a whole unit's content.
func (u unit) check() error {
	if u.op == opText && !utf8.Valid(u.data) {
		return &ProtocolError{CodeInvalidData, "text is not UTF-8"}
	}
	if u.op != opClose || len(u.data) == 0 {
		return nil
	}
	if len(u.data) == 1 || !codeMayTravel(int(binary.BigEndian.Uint16(u.data))) {
		return violation("bad close code")
	}
	if !utf8.Valid(u.data[2:]) {
		return &ProtocolError{CodeInvalidData, "close reason is not UTF-8"}
	}
	return nil
}

// closeCode reads a checked close frame's payload.
func closeCode(payload []byte) (code int, reason string) {
	if len(payload) == 0 {
		return CodeNoStatus, ""
	}
	return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
}
