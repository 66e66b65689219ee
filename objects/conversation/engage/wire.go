package engage

import (
	"encoding/binary"
	"fmt"
	"math"
)

// What objects of a firm tell each other all the time, and what they store for
// every call, is bytes rather than JSON: texts behind their length, whole
// numbers as varints, values behind a byte that says what they are.

// Kinds of values on the wire.
const (
	wireNull = iota
	wireInteger
	wireFloat
	wireText
)

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case int64:
		return binary.AppendVarint(append(b, wireInteger), v)
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, wireFloat), math.Float64bits(v))
	case string:
		return appendText(append(b, wireText), v)
	}
	return append(b, wireNull)
}

// wireReader takes bytes apart. After a fault every read is empty, and err
// says so.
type wireReader struct {
	rest string
	err  error
}

func (r *wireReader) fail() {
	if r.err == nil {
		r.err = fmt.Errorf("%w: it ends too early", errRecord)
	}
	r.rest = ""
}

func (r *wireReader) number() uint64 {
	var v uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		c := r.rest[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return v
		}
	}
	r.fail()
	return 0
}

func (r *wireReader) signed() int64 {
	v := r.number()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *wireReader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *wireReader) byte() byte {
	if r.rest == "" {
		r.fail()
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *wireReader) value() any {
	switch r.byte() {
	case wireInteger:
		return r.signed()
	case wireFloat:
		var v uint64
		for i := range 8 {
			v |= uint64(r.byte()) << (8 * i)
		}
		return math.Float64frombits(v)
	case wireText:
		return r.text()
	}
	return nil
}

// record is the note as it is stored and sent.
func (n *note) record() []byte {
	return n.appendTo(make([]byte, 0, 32+len(n.Action)+len(n.Outcome)+len(n.ResourceType)+len(n.ResourceID)+len(n.User)+len(n.IP)+len(n.Agent)+len(n.Details)))
}

// appendTo appends a note.
func (n *note) appendTo(b []byte) []byte {
	b = binary.AppendVarint(b, n.At)
	for _, s := range [...]string{n.Action, n.Outcome, n.ResourceType, n.ResourceID, n.User, n.IP, n.Agent, n.Details} {
		b = appendText(b, s)
	}
	return b
}

func (r *wireReader) note() (n note) {
	n.At = r.signed()
	for _, s := range [...]*string{&n.Action, &n.Outcome, &n.ResourceType, &n.ResourceID, &n.User, &n.IP, &n.Agent, &n.Details} {
		*s = r.text()
	}
	return n
}

// appendTo appends a row.
func (w *row) appendTo(b []byte) []byte {
	b = appendText(appendText(b, w.Kind), w.Key)
	b = binary.AppendVarint(binary.AppendVarint(b, w.Version), w.At)
	b = binary.AppendUvarint(b, uint64(len(w.Values)))
	for _, v := range w.Values {
		b = appendValue(b, v)
	}
	return b
}

func (r *wireReader) row() (w row) {
	w.Kind, w.Key, w.Version, w.At = r.text(), r.text(), r.signed(), r.signed()
	n := r.number()
	if t := tables[w.Kind]; t == nil || n != uint64(len(t.Columns)) {
		r.fail()
		return w
	}
	w.Values = make([]any, n)
	for i := range w.Values {
		w.Values[i] = r.value()
	}
	return w
}

// record is the row as it is stored.
func (a *auditRow) record() []byte { return a.appendTo(make([]byte, 0, 512)) }

// appendTo appends a row of the audit trail.
func (a *auditRow) appendTo(b []byte) []byte {
	b = binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(b, a.At), a.Seq), a.Timestamp)
	for _, s := range a.texts() {
		b = appendText(b, *s)
	}
	return b
}

func (a *auditRow) texts() [13]*string {
	return [...]*string{&a.AuditID, &a.Action, &a.Outcome, &a.ResourceType, &a.UserID, &a.ResourceID, &a.IPAddress, &a.UserAgent, &a.Details, &a.Nonce, &a.Digest, &a.PrevHash, &a.Hash}
}

func auditRowOf(record []byte) (a auditRow, err error) {
	r := wireReader{rest: string(record)}
	a.At, a.Seq, a.Timestamp = r.signed(), r.signed(), r.signed()
	for _, s := range a.texts() {
		*s = r.text()
	}
	return a, r.err
}

// appendTo appends a submission.
func (sub *submission) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(appendText(b, sub.Source), uint64(len(sub.Notes)))
	for i := range sub.Notes {
		b = append(binary.AppendUvarint(b, sub.Notes[i].Seq), sub.Notes[i].Value...)
	}
	b = binary.AppendUvarint(b, uint64(len(sub.Rows)))
	for i := range sub.Rows {
		b = sub.Rows[i].appendTo(b)
	}
	return b
}
