package edge

import (
	"fmt"
	"iter"
	"reflect"
	"strconv"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Rows decodes the rows that are left: into a struct by the names of its
// fields or their tags `sql:"column"`, or into a single value where T is not
// a struct.
func Rows[T any](c *Cursor) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		plan, err := planFor(reflect.TypeFor[T](), c.columns)
		for {
			var v T
			var row []abi.Value
			var ok bool
			if err == nil {
				row, ok, err = c.Next()
			}
			if err == nil && !ok {
				return
			}
			if err == nil {
				err = plan.scan(reflect.ValueOf(&v).Elem(), row)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// All is Rows as a slice.
func All[T any](c *Cursor) ([]T, error) {
	var out []T
	for v, err := range Rows[T](c) {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// One is the only row: ErrNoRows without one, ErrManyRows with more.
func One[T any](c *Cursor) (T, error) {
	var v T
	n := 0
	for row, err := range Rows[T](c) {
		if err != nil {
			return v, err
		}
		if n++; n > 1 {
			return v, ErrManyRows
		}
		v = row
	}
	if n == 0 {
		return v, ErrNoRows
	}
	return v, nil
}

// plan maps columns to fields; field -1 is the value itself.
type plan struct {
	columns []string
	fields  []int
}

func planFor(t reflect.Type, columns []string) (*plan, error) {
	p := &plan{columns: columns, fields: make([]int, len(columns))}
	if t.Kind() != reflect.Struct {
		if len(columns) != 1 {
			return nil, fmt.Errorf("scan into %v: expected one column, got %d", t, len(columns))
		}
		p.fields[0] = -1
		return p, nil
	}
	for i, col := range columns {
		p.fields[i] = fieldFor(t, col)
		if p.fields[i] < 0 {
			return nil, fmt.Errorf("scan into %v: no field for column %q", t, col)
		}
	}
	return p, nil
}

func fieldFor(t reflect.Type, column string) int {
	match := -1
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		if tag, ok := f.Tag.Lookup("sql"); ok {
			if tag == column {
				return i
			}
			continue
		}
		if match < 0 && strings.EqualFold(strings.ReplaceAll(column, "_", ""), f.Name) {
			match = i
		}
	}
	return match
}

func (p *plan) scan(dst reflect.Value, row []abi.Value) error {
	for i, f := range p.fields {
		to := dst
		if f >= 0 {
			to = dst.Field(f)
		}
		if err := assign(to, row[i]); err != nil {
			return fmt.Errorf("column %q: %w", p.columns[i], err)
		}
	}
	return nil
}

// assign sets dst from v. NULL zeroes, and needs a pointer to be told apart.
func assign(dst reflect.Value, v abi.Value) error {
	if dst.Type() == reflect.TypeFor[abi.Value]() {
		dst.Set(reflect.ValueOf(v))
		return nil
	}
	if v.Kind == abi.ValueNull {
		dst.SetZero()
		return nil
	}
	switch dst.Kind() {
	case reflect.Pointer:
		p := reflect.New(dst.Type().Elem())
		if err := assign(p.Elem(), v); err != nil {
			return err
		}
		dst.Set(p)
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.Kind == abi.ValueInteger && !dst.OverflowInt(v.Int) {
			dst.SetInt(v.Int)
			return nil
		}
		if v.Kind == abi.ValueFloat && v.Float == float64(int64(v.Float)) && !dst.OverflowInt(int64(v.Float)) {
			dst.SetInt(int64(v.Float))
			return nil
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Kind == abi.ValueInteger && v.Int >= 0 && !dst.OverflowUint(uint64(v.Int)) {
			dst.SetUint(uint64(v.Int))
			return nil
		}
	case reflect.Float32, reflect.Float64:
		if f, ok := number(v); ok {
			dst.SetFloat(f)
			return nil
		}
	case reflect.Bool:
		if v.Kind == abi.ValueInteger {
			dst.SetBool(v.Int != 0)
			return nil
		}
	case reflect.String:
		if v.Kind == abi.ValueText {
			dst.SetString(string(v.Bytes))
			return nil
		}
	case reflect.Slice:
		if dst.Type().Elem().Kind() == reflect.Uint8 && (v.Kind == abi.ValueBlob || v.Kind == abi.ValueText) {
			dst.SetBytes(v.Bytes)
			return nil
		}
	case reflect.Interface:
		if dst.NumMethod() == 0 {
			dst.Set(reflect.ValueOf(goValue(v)))
			return nil
		}
	}
	return fmt.Errorf("cannot put %s into %v", valueText(v), dst.Type())
}

func number(v abi.Value) (float64, bool) {
	switch v.Kind {
	case abi.ValueInteger:
		return float64(v.Int), true
	case abi.ValueFloat:
		return v.Float, true
	}
	return 0, false
}

// goValue is v as int64, float64, string or []byte.
func goValue(v abi.Value) any {
	switch v.Kind {
	case abi.ValueInteger:
		return v.Int
	case abi.ValueFloat:
		return v.Float
	case abi.ValueText:
		return string(v.Bytes)
	case abi.ValueBlob:
		return v.Bytes
	}
	return nil
}

func valueText(v abi.Value) string {
	switch v.Kind {
	case abi.ValueInteger:
		return "integer " + strconv.FormatInt(v.Int, 10)
	case abi.ValueFloat:
		return "real " + strconv.FormatFloat(v.Float, 'g', -1, 64)
	case abi.ValueText:
		return "text"
	case abi.ValueBlob:
		return "blob"
	}
	return "null"
}

// reflectedValue is the error for an argument of a type that SQL lacks.
func reflectedValue(a any) error {
	return badArg("D1_TYPE_ERROR: Type '%v' not supported for value '%v'", reflect.TypeOf(a), a)
}
