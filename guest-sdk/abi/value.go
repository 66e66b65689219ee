package abi

// ValueKind names what a Value holds. The numbers are part of the boundary.
type ValueKind uint8

// The kinds of a SQL value.
const (
	ValueNull ValueKind = iota
	ValueInteger
	ValueFloat
	ValueText
	ValueBlob
)

// Value is one SQL value: a bound parameter or a column of a row. Text and
// blob share Bytes; whoever made the Value owns them, and a receiver that
// keeps a Value beyond the call must clone Bytes.
type Value struct {
	Kind  ValueKind
	Int   int64
	Float float64
	Bytes []byte
}

// Null is the SQL NULL.
func Null() Value { return Value{} }

// Integer is a 64-bit signed SQL integer.
func Integer(v int64) Value { return Value{Kind: ValueInteger, Int: v} }

// Float is a SQL REAL.
func Float(v float64) Value { return Value{Kind: ValueFloat, Float: v} }

// Text is a SQL TEXT value.
func Text(s string) Value { return Value{Kind: ValueText, Bytes: []byte(s)} }

// Blob is a SQL BLOB that shares b.
func Blob(b []byte) Value { return Value{Kind: ValueBlob, Bytes: b} }
