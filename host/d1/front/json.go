package front

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/d1"
)

// statement is a query as clients send it.
type statement struct {
	SQL    *string           `json:"sql"`
	Params []json.RawMessage `json:"params"`
}

// decode reads one JSON value and nothing after it.
func decode(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(into); err != nil {
		return invalid("The body is not what was expected: " + err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return invalid("The body goes on after its JSON value.")
	}
	return nil
}

func (s statement) host() (d1.Statement, error) {
	if s.SQL == nil {
		return d1.Statement{}, invalid("A query has no \"sql\".")
	}
	params := make([]abi.Value, len(s.Params))
	for i, raw := range s.Params {
		var err error
		if params[i], err = decodeParam(raw); err != nil {
			return d1.Statement{}, err
		}
	}
	return d1.Statement{SQL: *s.SQL, Params: params}, nil
}

func hostStatements(list []statement) ([]d1.Statement, error) {
	statements := make([]d1.Statement, len(list))
	for i, s := range list {
		var err error
		if statements[i], err = s.host(); err != nil {
			return nil, err
		}
	}
	return statements, nil
}

// decodeParam reads a parameter. All numbers are doubles, as JavaScript's
// are; a column's affinity makes integers of them. A list of bytes is a blob.
func decodeParam(raw json.RawMessage) (abi.Value, error) {
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) == 0 || raw[0] == 'n':
		return abi.Null(), nil
	case raw[0] == 't':
		return abi.Float(1), nil
	case raw[0] == 'f':
		return abi.Float(0), nil
	case raw[0] == '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return abi.Value{}, invalid("A parameter is no text: " + err.Error())
		}
		return abi.Text(text), nil
	case raw[0] == '[':
		return decodeBlob(raw)
	case raw[0] == '{':
		return abi.Value{}, invalid("Type 'object' not supported for value '[object Object]'")
	}
	number, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return abi.Value{}, invalid("A parameter is no number: " + string(raw))
	}
	return abi.Float(number), nil
}

func decodeBlob(raw json.RawMessage) (abi.Value, error) {
	var numbers []float64
	if err := json.Unmarshal(raw, &numbers); err != nil {
		return abi.Value{}, invalid("A list among the parameters is not one of bytes.")
	}
	blob := make([]byte, len(numbers))
	for i, n := range numbers {
		if n != math.Trunc(n) || n < 0 || n > 255 {
			return abi.Value{}, invalid(fmt.Sprintf("A list among the parameters holds %g, which is no byte.", n))
		}
		blob[i] = byte(n)
	}
	return abi.Blob(blob), nil
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < 0x20:
			b = fmt.Appendf(b, "\\u%04x", c)
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r) // invalid bytes become U+FFFD
			i += size
			continue
		}
		i++
	}
	return append(b, '"')
}

// appendValue writes a column: integers with all their digits, blobs as lists
// of bytes, what is no finite number as null.
func appendValue(b []byte, v abi.Value) []byte {
	switch v.Kind {
	case abi.ValueInteger:
		return strconv.AppendInt(b, v.Int, 10)
	case abi.ValueFloat:
		return appendFloat(b, v.Float)
	case abi.ValueText:
		return appendString(b, string(v.Bytes))
	case abi.ValueBlob:
		b = append(b, '[')
		for i, c := range v.Bytes {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, uint64(c), 10)
		}
		return append(b, ']')
	}
	return append(b, "null"...)
}

// appendFloat writes a number as JavaScript does.
func appendFloat(b []byte, f float64) []byte {
	encoded, err := json.Marshal(f)
	if err != nil { // infinite
		return append(b, "null"...)
	}
	return append(b, encoded...)
}

// appendObjects writes rows as objects. Of columns with the same name the
// last one's value stands in the first one's place.
func appendObjects(b []byte, r d1.Result) []byte {
	type field struct {
		name   []byte
		column int
	}
	var fields []field
	places := map[string]int{}
	for i, column := range r.Columns {
		if at, ok := places[column]; ok {
			fields[at].column = i
			continue
		}
		places[column] = len(fields)
		fields = append(fields, field{appendString(nil, column), i})
	}
	b = append(b, '[')
	for i, row := range r.Rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		for j, f := range fields {
			if j > 0 {
				b = append(b, ',')
			}
			b = append(append(b, f.name...), ':')
			b = appendValue(b, row[f.column])
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendTable writes rows as lists beside the names of their columns.
func appendTable(b []byte, r d1.Result) []byte {
	b = append(b, `{"columns":[`...)
	for i, column := range r.Columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, column)
	}
	b = append(b, `],"rows":[`...)
	for i, row := range r.Rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		for j, v := range row {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, v)
		}
		b = append(b, ']')
	}
	return append(b, "]}"...)
}

// resultsFormat is how a result's rows are written.
type resultsFormat func([]byte, d1.Result) []byte

// appendResults writes the results of a query, one object a statement.
func appendResults(b []byte, results []d1.Result, rows resultsFormat) []byte {
	b = append(b, '[')
	for i, r := range results {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"success":true,"meta":`...)
		b = appendMeta(b, r.Meta)
		b = append(b, `,"results":`...)
		b = append(rows(b, r), '}')
	}
	return append(b, ']')
}

// rawMeta is a Meta for encoding/json.
func rawMeta(m d1.Meta) json.RawMessage { return appendMeta(nil, m) }

func appendMeta(b []byte, m d1.Meta) []byte {
	b = append(b, `{"served_by":"holdfast","served_by_primary":true,"timings":{"sql_duration_ms":`...)
	b = appendFloat(b, m.DurationMs)
	b = append(b, `},"duration":`...)
	b = appendFloat(b, m.DurationMs)
	return fmt.Appendf(b, `,"changes":%d,"last_row_id":%d,"changed_db":%t,"size_after":%d,"rows_read":%d,"rows_written":%d}`,
		m.Changes, m.LastRowID, m.ChangedDB, m.SizeAfter, m.RowsRead, m.RowsWritten)
}
