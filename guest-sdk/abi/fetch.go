package abi

import "unsafe"

// Most events are requests, and most host calls answer one: these two messages
// have a short way, in one pass and without a call for each field. A guest's
// code costs what it takes in the machine's caches.

// DecodeFetch is FetchEvent.DecodeShared with the request in a place of the
// caller's: it decodes into m, whose Headers are used if they are empty and have
// room.
func DecodeFetch(b []byte, m *Request) (event, upgrade uint64, err error) {
	if len(b) >= 16 {
		event, upgrade = u64At(b, 0), u64At(b, 8)
		if m.readFast(b, 16) {
			return event, upgrade, nil
		}
	}
	f := FetchEvent{}
	err = f.DecodeShared(b)
	*m = f.Request
	return f.Event, f.Upgrade, err
}

// readFast is read of what stands at b[i:] and is all that is left; false where
// it is not, whatever the reason. What it reads is stored at the end: each store
// of a pointer by itself asks whether a collection is under way.
func (m *Request) readFast(b []byte, i int) bool {
	var t [5]string // method, URL, and behind the headers body, address, traceparent
	for k := range t {
		if k == 2 {
			if i+4 > len(b) {
				return false
			}
			n := int(u32At(b, i))
			if i += 4; n > (len(b)-i)/8 {
				return false
			}
			if cap(m.Headers) < n || len(m.Headers) > 0 {
				m.Headers = make([]Header, n)
			}
			m.Headers = m.Headers[:n]
			lines := texts(m.Headers)
			for j := range lines {
				lines[j], i = textAt(b, i)
			}
		}
		t[k], i = textAt(b, i)
	}
	if i+8 != len(b) {
		return false
	}
	m.Method, m.URL, m.ClientAddr, m.Traceparent = t[0], t[1], t[3], t[4]
	m.Body, m.DeadlineMs = unsafe.Slice(unsafe.StringData(t[2]), len(t[2])), int64(u64At(b, i))
	return true
}

// texts is the names and values of headers, one behind the other.
func texts(h []Header) []string {
	return unsafe.Slice((*string)(unsafe.Pointer(unsafe.SliceData(h))), 2*len(h))
}

// textAt is the text at b[i:], behind which there is more, and where it ends;
// it goes on sharing b. The end of one that is not there lies behind all of b.
func textAt(b []byte, i int) (string, int) {
	if i+4 < len(b) {
		if n := int(u32At(b, i)); n < len(b)-i-4 {
			return unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i+4)), n), i + 4 + n
		}
	}
	return "", len(b) + 1
}

// AppendRespond is RespondRequest.Append of a message that is not made.
func AppendRespond(b []byte, event uint64, status uint32, headers []Header, body []byte, streamed bool) []byte {
	lines := texts(headers)
	b, i := room(b, 8+4+4+size(lines)+4+len(body)+1)
	putU64(b, i, event)
	putU32(b, i+8, status)
	putU32(b, i+12, uint32(len(headers)))
	i = putTexts(b, i+16, lines)
	putU32(b, i, uint32(len(body)))
	i += 4 + copy(b[i+4:], body)
	b[i] = 0
	if streamed {
		b[i] = 1
	}
	return b
}

// AppendStubFetch is StubFetchRequest.Append of a message that is not made: its
// request is m, but for the method.
func AppendStubFetch(b []byte, event uint64, binding, id, name string, upgrade uint64, method string, m *Request) []byte {
	body := unsafe.String(unsafe.SliceData(m.Body), len(m.Body))
	t := [8]string{binding, id, name, method, m.URL, body, m.ClientAddr, m.Traceparent}
	lines := texts(m.Headers)
	b, i := room(b, 8+8+4+8+size(t[:])+size(lines))
	putU64(b, i, event)
	i += 8
	for k := range t {
		switch k {
		case 3:
			putU64(b, i, upgrade)
			i += 8
		case 5:
			putU32(b, i, uint32(len(m.Headers)))
			i = putTexts(b, i+4, lines)
		}
		putU32(b, i, uint32(len(t[k])))
		i += 4 + copy(b[i+4:], t[k])
	}
	putU64(b, i, uint64(m.DeadlineMs))
	return b
}

// room makes b longer by n, and answers where that begins.
func room(b []byte, n int) ([]byte, int) {
	i := len(b)
	if cap(b)-i < n {
		b = append(make([]byte, 0, i+n), b...)
	}
	return b[:i+n], i
}

// size is what texts take.
func size(texts []string) int {
	n := 4 * len(texts)
	for k := range texts {
		n += len(texts[k])
	}
	return n
}

// putTexts writes texts where there is room, and answers where they end.
func putTexts(b []byte, i int, texts []string) int {
	for k := range texts {
		putU32(b, i, uint32(len(texts[k])))
		i += 4 + copy(b[i+4:], texts[k])
	}
	return i
}
