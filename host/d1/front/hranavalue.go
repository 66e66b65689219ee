package front

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/d1"
	"github.com/holdfast-run/holdfast/host/storage/sqltext"
)

// hranaValue is a value with its type.
type hranaValue struct {
	Type   string          `json:"type"`
	Value  json.RawMessage `json:"value"`
	Base64 string          `json:"base64"`
}

func (v hranaValue) decode() (abi.Value, error) {
	bad := func(want string) error {
		return hranaFault(codeArgsInvalid, "A value of type %q has %s, expected %s.", v.Type, v.Value, want)
	}
	var text string
	switch v.Type {
	case "null":
		return abi.Null(), nil
	case "integer":
		if json.Unmarshal(v.Value, &text) != nil {
			text = string(v.Value) // a number, as some clients send
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return abi.Value{}, bad("the digits of a 64-bit integer in a string")
		}
		return abi.Integer(n), nil
	case "float":
		var f float64
		if json.Unmarshal(v.Value, &f) != nil || len(v.Value) == 0 {
			return abi.Value{}, bad("a number")
		}
		return abi.Float(f), nil
	case "text":
		if json.Unmarshal(v.Value, &text) != nil || len(v.Value) == 0 {
			return abi.Value{}, bad("a string")
		}
		return abi.Text(text), nil
	case "blob":
		blob, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(v.Base64, "="))
		if err != nil {
			return abi.Value{}, hranaFault(codeArgsInvalid, "A blob is not in base64.")
		}
		return abi.Blob(blob), nil
	}
	return abi.Value{}, hranaFault(codeArgsInvalid, "A value of type %q is not known.", v.Type)
}

// hranaParams puts the arguments of a statement in their order.
func hranaParams(sql string, stmt hranaStmt) ([]abi.Value, error) {
	if len(stmt.NamedArgs) == 0 {
		params := make([]abi.Value, len(stmt.Args))
		for i, arg := range stmt.Args {
			var err error
			if params[i], err = arg.decode(); err != nil {
				return nil, err
			}
		}
		return params, nil
	}
	if len(stmt.Args) > 0 {
		return nil, hranaFault(codeArgsBoth, "A statement has positional and named arguments.")
	}
	count, numbers := sqltext.Parameters(sql)
	params := make([]abi.Value, min(count, parametersSaneMax))
	for _, arg := range stmt.NamedArgs {
		value, err := arg.Value.decode()
		if err != nil {
			return nil, err
		}
		number := parameterNumber(arg.Name, numbers)
		if number == 0 || number > len(params) {
			return nil, hranaFault(codeArgsInvalid, "The statement has no parameter %q.", arg.Name)
		}
		params[number-1] = value
	}
	return params, nil
}

// parametersSaneMax bounds what is made before SQLite refuses it.
const parametersSaneMax = 32766

// parameterNumber finds a parameter; its name may lack the sign before it.
func parameterNumber(name string, numbers map[string]int) int {
	if number := numbers[name]; number > 0 {
		return number
	}
	for _, sign := range []string{":", "@", "$"} {
		if number := numbers[sign+name]; number > 0 {
			return number
		}
	}
	if number, err := strconv.Atoi(strings.TrimPrefix(name, "?")); err == nil && number > 0 {
		return number
	}
	return 0
}

func appendHranaValue(b []byte, v abi.Value) []byte {
	switch v.Kind {
	case abi.ValueInteger:
		return fmt.Appendf(b, `{"type":"integer","value":"%d"}`, v.Int)
	case abi.ValueFloat:
		if math.IsInf(v.Float, 0) || math.IsNaN(v.Float) {
			return append(b, `{"type":"null"}`...)
		}
		return append(appendFloat(append(b, `{"type":"float","value":`...), v.Float), '}')
	case abi.ValueText:
		return append(appendString(append(b, `{"type":"text","value":`...), string(v.Bytes)), '}')
	case abi.ValueBlob:
		b = append(b, `{"type":"blob","base64":"`...)
		return append(base64.RawStdEncoding.AppendEncode(b, v.Bytes), `"}`...)
	}
	return append(b, `{"type":"null"}`...)
}

func appendHranaRow(b []byte, row []abi.Value) []byte {
	b = append(b, '[')
	for i, v := range row {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHranaValue(b, v)
	}
	return append(b, ']')
}

func appendHranaColumns(b []byte, r d1.Result) []byte {
	b = append(b, '[')
	for i, name := range r.Columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"name":`...), name)
		b = append(b, `,"decltype":`...)
		if i < len(r.Types) && r.Types[i] != "" {
			b = append(appendString(b, r.Types[i]), '}')
		} else {
			b = append(b, "null}"...)
		}
	}
	return append(b, ']')
}

func appendHranaResult(b []byte, r d1.Result) []byte {
	b = appendHranaColumns(append(b, `{"cols":`...), r)
	b = append(b, `,"rows":[`...)
	for i, row := range r.Rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHranaRow(b, row)
	}
	b = fmt.Appendf(b, `],"affected_row_count":%d,"last_insert_rowid":"%d","replication_index":null,"rows_read":%d,"rows_written":%d,"query_duration_ms":`,
		r.Meta.Changes, r.Meta.LastRowID, r.Meta.RowsRead, r.Meta.RowsWritten)
	return append(appendFloat(b, r.Meta.DurationMs), '}')
}
