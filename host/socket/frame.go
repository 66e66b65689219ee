package socket

import (
	"crypto/rand"
	"encoding/binary"
	"unicode/utf8"
)

// Opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA

	bitFin     = 0x80
	bitsRsv    = 0x70
	bitMask    = 0x80
	bitControl = 0x8

	controlBytesMax = 125
	headerBytesMax  = 14
	maskBytes       = 4
)

// Close codes of RFC 6455, section 7.4, that this package sends or reports.
const (
	CodeNormal        = 1000
	CodeGoingAway     = 1001
	CodeProtocolError = 1002
	CodeNoStatus      = 1005 // never travels: the peer's close frame had no code
	CodeAbnormal      = 1006 // never travels: the peer sent no close frame
	CodeInvalidData   = 1007
	CodePolicy        = 1008
	CodeTooBig        = 1009
	CodeTryAgainLater = 1013
)

// Frame encodes one whole message as one unmasked frame. The result must not
// be changed once it has been given to Send.
func Frame(binary bool, data []byte) []byte {
	return AppendFrame(make([]byte, 0, headerBytes(len(data))+len(data)), binary, data)
}

// AppendFrame appends to dst what Frame returns, so that several messages
// leave in one Send.
func AppendFrame(dst []byte, binary bool, data []byte) []byte {
	op := byte(opText)
	if binary {
		op = opBinary
	}
	return appendFrame(dst, op, data)
}

func appendFrame(dst []byte, op byte, data []byte) []byte {
	switch n := len(data); {
	case n <= controlBytesMax:
		dst = append(dst, bitFin|op, byte(n))
	case n < 1<<16:
		dst = append(dst, bitFin|op, 126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, bitFin|op, 127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	return append(dst, data...)
}

func headerBytes(payload int) int {
	switch {
	case payload <= controlBytesMax:
		return 2
	case payload < 1<<16:
		return 4
	}
	return 10
}

// frameBytes is the length of the frame that frames begins with. A frame that
// is not whole counts as all of frames.
func frameBytes(frames []byte) int {
	head, payload := frameParts(frames)
	return int(min(uint64(len(frames)), uint64(head)+payload))
}

// frameParts is the length of the header, with its mask, and of the payload of
// the frame that frames begins with. A header that is not whole counts as all
// of frames.
func frameParts(frames []byte) (head int, payload uint64) {
	total := len(frames)
	if total < 2 {
		return total, 0
	}
	mask := 0
	if frames[1]&bitMask != 0 {
		mask = 4
	}
	switch n := frames[1] & 0x7f; {
	case n <= controlBytesMax:
		return 2 + mask, uint64(n)
	case n == 126 && total >= 4:
		return 4 + mask, uint64(binary.BigEndian.Uint16(frames[2:]))
	case n == 127 && total >= 10:
		return 10 + mask, binary.BigEndian.Uint64(frames[2:])
	}
	return total, 0
}

// maskFrames is a copy of whole unmasked frames as a client sends them.
func maskFrames(frames []byte) []byte {
	out := make([]byte, 0, len(frames)+4*frameCount(frames))
	for len(frames) > 0 {
		head, payload := frameParts(frames)
		end := head + int(payload)
		var mask [4]byte
		_, _ = rand.Read(mask[:]) // never fails, says crypto/rand
		out = append(out, frames[:head]...)
		out[len(out)-head+1] |= bitMask
		out = append(out, mask[:]...)
		at := len(out)
		out = append(out, frames[head:end]...)
		unmask(out[at:], mask, 0)
		frames = frames[end:]
	}
	return out
}

// frameCount is the number of frames in frames.
func frameCount(frames []byte) int {
	count := 0
	for len(frames) > 0 {
		frames = frames[frameBytes(frames):]
		count++
	}
	return count
}

// closeFrame encodes a close frame. A code that must not travel gives one
// without code and reason; a long reason is cut at a character.
func closeFrame(code int, reason string) []byte {
	if !codeMayTravel(code) {
		return appendFrame(nil, opClose, nil)
	}
	payload := binary.BigEndian.AppendUint16(make([]byte, 0, controlBytesMax), uint16(code))
	return appendFrame(nil, opClose, append(payload, cutReason(reason)...))
}

func cutReason(reason string) string {
	const reasonBytesMax = controlBytesMax - 2
	if len(reason) <= reasonBytesMax {
		return reason
	}
	end := reasonBytesMax
	for end > 0 && !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}

// codeMayTravel says whether code may stand in a close frame.
func codeMayTravel(code int) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	case code == 1004, code == CodeNoStatus, code == CodeAbnormal:
		return false
	}
	return code >= CodeNormal && code <= 1014
}

// unmask undoes the client's masking in place. offset is the place of data's
// first byte in its frame's payload.
func unmask(data []byte, mask [4]byte, offset int) {
	var turned [4]byte
	for i := range turned {
		turned[i] = mask[(offset+i)&3]
	}
	half := uint64(binary.LittleEndian.Uint32(turned[:]))
	word := half<<32 | half
	for len(data) >= 8 {
		binary.LittleEndian.PutUint64(data, binary.LittleEndian.Uint64(data)^word)
		data = data[8:]
	}
	for i := range data {
		data[i] ^= turned[i&3]
	}
}
