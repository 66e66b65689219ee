package front

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

// recorded is what D1 answered; see testdata/d1/record.mjs.
type recorded struct {
	Given json.RawMessage
	recordedResult
	Batch []recordedResult
	Error string
}

type recordedResult struct {
	Results     any
	Changes     *int64
	LastRowID   int64 `json:"last_row_id"`
	ChangedDB   bool  `json:"changed_db"`
	RowsWritten int64 `json:"rows_written"`
}

// different are the cases that are answered otherwise on purpose, or by
// chance (versions), and why.
var different = map[string]string{
	`"SELECT sin(0), pi(), sqrt(16), ceil(1.2), floor(-1.2), power(2, 10), log10(1000)"`: "power is allowed here",
	`{"batch":["PRAGMA defer_foreign_keys = on","INSERT INTO child VALUES (6, 60)"]}`:    "the text of a deferred violation: no object is reset",
	`"PRAGMA table_list"`:          "the tables of its own that D1 has, and the order",
	`"PRAGMA page_size"`:           "newer D1 allows it",
	`"PRAGMA page_count"`:          "allowed here",
	`"SELECT load_extension('x')"`: "the function is not even compiled in",
	`"SELECT * FROM _cf_METADATA"`: "there is no such table here",
	`"DROP TABLE _cf_METADATA"`:    "there is no such table here",
}

// wireBody is a case as the binding sends it.
func wireBody(t *testing.T, given json.RawMessage) string {
	t.Helper()
	var sql string
	if json.Unmarshal(given, &sql) == nil {
		given, _ = json.Marshal([]string{sql}) // a string
	}
	one := func(list []any) map[string]any {
		for i, v := range list {
			if b, ok := v.(bool); ok { // as the binding does
				if list[i] = 0; b {
					list[i] = 1
				}
			}
		}
		return map[string]any{"sql": list[0], "params": list[1:]}
	}
	var body any
	var list []any
	var batch struct{ Batch []any }
	if json.Unmarshal(given, &list) == nil {
		body = one(list)
	} else if err := json.Unmarshal(given, &batch); err != nil {
		t.Fatal(err)
	} else {
		var all []any
		for _, s := range batch.Batch {
			if text, ok := s.(string); ok {
				s = []any{text}
			}
			all = append(all, one(s.([]any)))
		}
		body = all
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// wireResult is what is compared of an answer.
type wireResult struct {
	Results any
	Meta    struct {
		Changes     int64
		LastRowID   int64 `json:"last_row_id"`
		ChangedDB   bool  `json:"changed_db"`
		RowsWritten int64 `json:"rows_written"`
	}
}

func recordedCases(t *testing.T) (cases []recorded) {
	t.Helper()
	text, err := os.ReadFile("testdata/d1/answers.json")
	if err == nil {
		err = json.Unmarshal(text, &cases)
	}
	if err != nil || len(cases) < 200 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	return cases
}

func TestDifferential(t *testing.T) {
	cases := recordedCases(t)
	b := newBench(t)
	equal := 0
	for _, c := range cases {
		body := b.ask("POST", "/d1/db/query", wireBody(t, c.Given)).Response.Body()
		var fault struct{ Error string }
		var results []wireResult
		if json.Unmarshal(body, &results) != nil {
			if err := json.Unmarshal(body, &fault); err != nil {
				t.Fatalf("%s: %s", c.Given, body)
			}
		}
		want := c.Batch
		if want == nil && c.Error == "" {
			want = []recordedResult{c.recordedResult}
		}
		same := fault.Error == c.Error && len(results) == len(want)
		for i := range results {
			same = same && sameResult(results[i], want[i])
		}
		_, known := different[string(c.Given)]
		switch {
		case same && known:
			t.Errorf("%s: is listed as different, and is equal", c.Given)
		case !same && !known:
			t.Errorf("%s:\n got %s\nwant %q %s", c.Given, body, c.Error, show(want))
		case same:
			equal++
		}
	}
	t.Logf("%d of %d cases are equal, %d differ on purpose", equal, len(cases), len(different))
}

func show(v any) []byte {
	b, _ := json.Marshal(v) // for people
	return b
}

// sameResult leaves out what differs always: rows_written, which is counted
// otherwise, and last_row_id before the first insertion.
func sameResult(got wireResult, want recordedResult) bool {
	return reflect.DeepEqual(got.Results, want.Results) && want.Changes != nil && got.Meta.Changes == *want.Changes &&
		got.Meta.ChangedDB == want.ChangedDB && (*want.Changes == 0 || got.Meta.LastRowID == want.LastRowID)
}
