package hostcall_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// decoded reads an answer that must be ok into m, which it returns.
func decoded[M interface{ Decode([]byte) error }](t *testing.T, what string, a answer, m M) M {
	t.Helper()
	if a.st != abi.OK {
		t.Fatalf("%s: %v %q", what, a.st, a.body)
	}
	if err := m.Decode(a.body); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return m
}

func entries(n int, value string) *abi.KVEntries {
	m := &abi.KVEntries{}
	for i := range n {
		m.Entries = append(m.Entries, abi.KVEntry{Key: fmt.Sprintf("k%03d", i), Value: []byte(value)})
	}
	return m
}

func TestKV_Limits(t *testing.T) {
	s := newStage(t)
	keys := func(n int) *abi.KeysRequest {
		m := &abi.KeysRequest{}
		for i := range n {
			m.Keys = append(m.Keys, fmt.Sprint(i))
		}
		return m
	}
	long := strings.Repeat("k", store.KeyBytesMax+1)
	for _, c := range []struct {
		fn string
		m  request
		st abi.Status
	}{
		{"kv_put", entries(store.KeysPerCallMax, "v"), abi.OK},
		{"kv_put", entries(store.KeysPerCallMax+1, "v"), abi.Invalid},
		{"kv_get_many", keys(store.KeysPerCallMax), abi.OK},
		{"kv_get_many", keys(store.KeysPerCallMax + 1), abi.Invalid},
		{"kv_delete", keys(store.KeysPerCallMax), abi.OK},
		{"kv_delete", keys(store.KeysPerCallMax + 1), abi.Invalid},
		{"kv_put", &abi.KVEntries{Entries: []abi.KVEntry{{Key: ""}}}, abi.Invalid},
		{"kv_put", &abi.KVEntries{Entries: []abi.KVEntry{{Key: long}}}, abi.TooLarge},
		{"kv_put", &abi.KVEntries{Entries: []abi.KVEntry{{Key: long[1:], Value: []byte("v")}}}, abi.OK},
		{"kv_put", &abi.KVEntries{Entries: []abi.KVEntry{{Key: "big", Value: make([]byte, store.KeyValueBytesMax)}}}, abi.TooLarge},
		{"kv_put", &abi.KVEntries{Entries: []abi.KVEntry{{Key: "big", Value: make([]byte, store.KeyValueBytesMax-3)}}}, abi.OK},
		{"kv_get", &abi.KeyRequest{Key: "none"}, abi.NotFound},
		{"kv_list", &abi.KVListRequest{HasStart: true, Start: "a", HasStartAfter: true, StartAfter: "a"}, abi.Invalid},
	} {
		expect(t, c.fn, s.ask("a", c.fn, c.m), c.st)
	}
}

func TestKV_ManyAreSortedAndOnce(t *testing.T) {
	s := newStage(t)
	s.ask("a", "kv_put", entries(5, "v"))
	m := decoded(t, "kv_get_many", s.ask("a", "kv_get_many", &abi.KeysRequest{Keys: []string{"k003", "none", "k001", "k003"}}), &abi.KVEntries{})
	if len(m.Entries) != 2 || m.Entries[0].Key != "k001" || m.Entries[1].Key != "k003" {
		t.Errorf("got %+v", m.Entries)
	}
	n := decoded(t, "kv_delete", s.ask("a", "kv_delete", &abi.KeysRequest{Keys: []string{"k001", "k001", "none", "k002"}}), &abi.Count{})
	if n.Count != 2 {
		t.Errorf("%d were deleted", n.Count)
	}
}

func TestKVList_PagesEndBySize(t *testing.T) {
	s := newStage(t)
	value := strings.Repeat("v", 2000)
	s.ask("a", "kv_put", entries(100, value))
	var keys []string
	m := &abi.KVListRequest{Prefix: "k"}
	pages := 0
	for more := true; more; pages++ {
		a := s.ask("a", "kv_list", m)
		if len(a.body) > abi.PageBytes+4096 {
			t.Fatalf("a page of %d bytes", len(a.body))
		}
		p := decoded(t, "kv_list", a, &abi.KVEntries{})
		for _, e := range p.Entries {
			keys = append(keys, e.Key)
		}
		more = p.More
		m = &abi.KVListRequest{Prefix: "k", HasStartAfter: true, StartAfter: keys[len(keys)-1]}
	}
	if len(keys) != 100 || keys[0] != "k000" || keys[99] != "k099" || pages != 4 {
		t.Errorf("%d keys on %d pages", len(keys), pages)
	}
}

func TestTransactions_NestAndRefuse(t *testing.T) {
	s := newStage(t)
	s.perform("a", func(p *puppet, _ uint64) bool {
		put := func(v string) {
			expect(t, "kv_put", p.call("kv_put", &abi.KVEntries{Entries: []abi.KVEntry{{Key: "k", Value: []byte(v)}}}), abi.OK)
		}
		expect(t, "commit without begin", p.call("tx_commit", nil), abi.Invalid)
		expect(t, "begin", p.call("tx_begin", nil), abi.OK)
		put("outer")
		expect(t, "begin", p.call("tx_begin", nil), abi.OK)
		put("inner")
		expect(t, "delete_all", p.call("delete_all", nil), abi.WrongPhase)
		expect(t, "sync", p.call("sync", &abi.EventRequest{}), abi.WrongPhase, "transaction")
		expect(t, "rollback", p.call("tx_rollback", nil), abi.OK)
		expect(t, "commit", p.call("tx_commit", nil), abi.OK)
		for i := range store.SavepointsMax {
			expect(t, fmt.Sprint("begin ", i), p.call("tx_begin", nil), abi.OK)
		}
		expect(t, "one too many", p.call("tx_begin", nil), abi.TooLarge)
		for range store.SavepointsMax {
			expect(t, "rollback", p.call("tx_rollback", nil), abi.OK)
		}
		return false
	})
	if a := s.ask("a", "kv_get", &abi.KeyRequest{Key: "k"}); string(a.body) != "outer" {
		t.Errorf("kept %q", a.body)
	}
}

func sql(query string, args ...abi.Value) *abi.SQLExecRequest {
	return &abi.SQLExecRequest{Query: query, Args: args}
}

func TestSQL_PagesAndCursors(t *testing.T) {
	s := newStage(t)
	const series = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 20000) SELECT i, 'row ' || i FROM n"
	var kept uint32
	s.perform("a", func(p *puppet, _ uint64) bool {
		page := decoded(t, "sql_exec", p.call("sql_exec", sql(series)), &abi.SQLPage{})
		next, pages := int64(1), 1
		for {
			for i := 0; i < len(page.Values); i += 2 {
				if page.Values[i].Int != next || string(page.Values[i+1].Bytes) != fmt.Sprint("row ", next) {
					t.Fatalf("row %d is %v", next, page.Values[i:i+2])
				}
				next++
			}
			if page.Cursor == 0 {
				break
			}
			page = decoded(t, "sql_next", p.call("sql_next", &abi.CursorRequest{Cursor: page.Cursor}), &abi.SQLPage{})
			pages++
		}
		if next != 20001 || pages < 5 {
			t.Errorf("%d rows on %d pages", next-1, pages)
		}
		page = decoded(t, "sql_exec", p.call("sql_exec", sql(series)), &abi.SQLPage{})
		expect(t, "sql_close", p.call("sql_close", &abi.CursorRequest{Cursor: page.Cursor}), abi.OK)
		expect(t, "a closed cursor", p.call("sql_next", &abi.CursorRequest{Cursor: page.Cursor}), abi.NotFound, "cursor")
		expect(t, "sql_close again", p.call("sql_close", &abi.CursorRequest{Cursor: page.Cursor}), abi.OK)
		kept = decoded(t, "sql_exec", p.call("sql_exec", sql(series)), &abi.SQLPage{}).Cursor
		return false
	})
	expect(t, "a cursor of an earlier turn", s.ask("a", "sql_next", &abi.CursorRequest{Cursor: kept}), abi.NotFound, "turn")
}

func TestSQL_ErrorsAndArguments(t *testing.T) {
	s := newStage(t)
	expect(t, "no table", s.ask("a", "sql_exec", sql("SELECT * FROM missing")), abi.SQLFailed, "no such table: missing")
	expect(t, "begin", s.ask("a", "sql_exec", sql("BEGIN")), abi.SQLFailed, "state.storage.transaction()")
	expect(t, "attach", s.ask("a", "sql_exec", sql("ATTACH 'x' AS y")), abi.SQLFailed)
	expect(t, "too few arguments", s.ask("a", "sql_exec", sql("SELECT ?, ?", abi.Integer(1))), abi.SQLFailed)
	page := decoded(t, "sql_exec", s.ask("a", "sql_exec", sql("SELECT ?, ?, ?, ?, ?", abi.Null(), abi.Integer(-7), abi.Float(0.5), abi.Text("tä"), abi.Blob([]byte{0, 1}))), &abi.SQLPage{})
	if len(page.Values) != 5 || page.Values[0].Kind != abi.ValueNull || page.Values[1].Int != -7 || page.Values[2].Float != 0.5 ||
		string(page.Values[3].Bytes) != "tä" || !bytes.Equal(page.Values[4].Bytes, []byte{0, 1}) || page.Cursor != 0 {
		t.Errorf("got %+v", page)
	}
	if n := decoded(t, "sql_size", s.ask("a", "sql_size", nil), &abi.Int{}); n.Value != 0 {
		t.Errorf("a database that was only read has %d bytes", n.Value)
	}
}

func TestIDs_AreStableAndTheirNamespaces(t *testing.T) {
	s := newStage(t)
	id := func(fn, text string) string {
		t.Helper()
		a := s.ask("a", fn, &abi.IDRequest{Binding: "PUPPET", Text: text})
		if a.st != abi.OK || len(a.body) != 64 {
			t.Fatalf("%s %q: %v %q", fn, text, a.st, a.body)
		}
		return string(a.body)
	}
	ann := id("id_from_name", "ann")
	if ann != id("id_from_name", "ann") || ann == id("id_from_name", "bob") || ann != object.IDFromName("stage.Puppet", "ann").String() {
		t.Error("names and ids do not go together")
	}
	if id("id_from_string", ann) != ann || id("id_unique", "") == id("id_unique", "") {
		t.Error("ids are not themselves, or not unique")
	}
	foreign := object.IDFromName("other.Puppet", "ann").String()
	for _, text := range []string{"", "zz", ann[1:], strings.Repeat("0", 64), foreign} {
		expect(t, "id_from_string "+text, s.ask("a", "id_from_string", &abi.IDRequest{Binding: "PUPPET", Text: text}), abi.Invalid)
	}
	for _, fn := range []string{"id_from_name", "id_from_string", "id_unique"} {
		expect(t, fn, s.ask("a", fn, &abi.IDRequest{Binding: "NONE", Text: ann}), abi.NotFound, `"NONE"`)
	}
}

func TestStubs_ReachOthersAndRefuse(t *testing.T) {
	s := newStage(t)
	bob := object.IDFromName("stage.Puppet", "bob").String()
	call := func(change func(*abi.StubCallRequest)) answer {
		t.Helper()
		return s.await("ann", "stub_call", func(event uint64) request {
			m := &abi.StubCallRequest{Event: event, Binding: "PUPPET", Name: "bob", Method: "greet", Payload: []byte("ann")}
			change(m)
			return m
		})
	}
	if a := call(func(*abi.StubCallRequest) {}); a.st != abi.OK || string(a.body) != "greet ann" {
		t.Errorf("by name: %v %q", a.st, a.body)
	}
	if a := call(func(m *abi.StubCallRequest) { m.Name, m.ID = "", bob }); a.st != abi.OK || string(a.body) != "greet ann" {
		t.Errorf("by id: %v %q", a.st, a.body)
	}
	expect(t, "neither", call(func(m *abi.StubCallRequest) { m.Name = "" }), abi.Invalid, "id or a name")
	expect(t, "another's id", call(func(m *abi.StubCallRequest) { m.ID = strings.Repeat("0", 64) }), abi.Invalid, "bob")
	expect(t, "no id", call(func(m *abi.StubCallRequest) { m.Name, m.ID = "", "zz" }), abi.Invalid)
	expect(t, "no binding", call(func(m *abi.StubCallRequest) { m.Binding = "NONE" }), abi.NotFound, `"NONE"`)
	expect(t, "too much", call(func(m *abi.StubCallRequest) { m.Payload = make([]byte, abi.CallBytesMax+1) }), abi.TooLarge, "32 MiB")
	a := s.await("ann", "stub_fetch", func(event uint64) request {
		return &abi.StubFetchRequest{Event: event, Binding: "PUPPET", Name: "bob", Upgrade: 77, Request: abi.Request{URL: "http://bob/"}}
	})
	expect(t, "an upgrade that nobody offers", a, abi.NotFound, "upgrade")
}

func TestD1_AnswersAndErrors(t *testing.T) {
	s := newStage(t)
	query := func(statements int) answer {
		return s.await("a", "d1_query", func(event uint64) request {
			return &abi.D1QueryRequest{Event: event, Binding: "DB", Statements: make([]abi.D1Statement, statements)}
		})
	}
	if m := decoded(t, "d1_query", query(2), &abi.D1Results{}); m.Bookmark != "b1" || len(s.d1.queries) != 1 || len(s.d1.queries[0].Statements) != 2 {
		t.Errorf("got %+v, asked %d", m, len(s.d1.queries))
	}
	expect(t, "too many", query(abi.D1StatementsMax+1), abi.TooLarge, "10,000")
	exec := func() answer {
		return s.await("a", "d1_exec", func(event uint64) request { return &abi.D1ExecRequest{Event: event, SQL: "x"} })
	}
	if m := decoded(t, "d1_exec", exec(), &abi.D1ExecResult{}); m.Count != 2 {
		t.Errorf("got %+v", m)
	}
	s.d1.err = &object.Error{Status: abi.D1Failed, Message: "D1_ERROR: no such table: t"}
	expect(t, "d1_query", query(1), abi.D1Failed, "no such table")
	expect(t, "d1_exec", exec(), abi.D1Failed, "no such table")
}

func TestAlarm_SetGetDelete(t *testing.T) {
	s := newStage(t)
	at := int64(4e12)
	expect(t, "alarm_set", s.ask("a", "alarm_set", &abi.TimeRequest{TimeMs: at}), abi.OK)
	if m := decoded(t, "alarm_get", s.ask("a", "alarm_get", nil), &abi.AlarmState{}); !m.Set || m.TimeMs != at {
		t.Errorf("got %+v", m)
	}
	expect(t, "alarm_delete", s.ask("a", "alarm_delete", nil), abi.OK)
	if m := decoded(t, "alarm_get", s.ask("a", "alarm_get", nil), &abi.AlarmState{}); m.Set || m.TimeMs != 0 {
		t.Errorf("got %+v", m)
	}
}

// FuzzCalls gives any function any request, in an object and in a worker.
func FuzzCalls(f *testing.F) {
	s := newStage(f)
	for i := range abi.Functions {
		f.Add(uint8(i), []byte("\x01\x00\x00\x00k"), true)
	}
	f.Add(uint8(number(f, "sql_exec")), sql("SELECT 1").Append(nil), false)
	f.Add(uint8(number(f, "kv_put")), entries(2, "v").Append(nil), false)
	f.Fuzz(func(t *testing.T, fn uint8, req []byte, worker bool) {
		s.t = t
		name := "a"
		if worker {
			name = ""
		}
		i := int(fn) % len(abi.Functions)
		switch abi.Functions[i].Name {
		case "now", "random", "result", "abort", "done", "respond", "block", "wait_until": // of other shapes, or they end the event
			return
		}
		var a answer
		s.perform(name, func(p *puppet, _ uint64) bool {
			a = p.raw(i, req)
			return false
		})
		if int(a.st) >= len(abi.StatusNames) {
			t.Fatalf("%s: status %d", abi.Functions[i].Name, a.st)
		}
		if a.st == abi.Internal {
			t.Fatalf("%s with %x: %s", abi.Functions[i].Name, req, a.message(t))
		}
	})
}

func TestMetric_IsCheckedAndCounted(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct {
		name  string
		delta int64
		st    abi.Status
		says  string
	}{
		{"visits", 2, abi.OK, ""},
		{"visits", 0, abi.OK, ""},
		{"visits", 40, abi.OK, ""},
		{"visits", -1, abi.Invalid, "visits: the delta is -1, expected 0 or more"},
		{"", 1, abi.Invalid, `"" is no name of a counter: expected 1 to 64 letters`},
		{"Visits", 1, abi.Invalid, `"Visits" is no name`},
		{strings.Repeat("v", 200), 1, abi.Invalid, `v" is no name`},
		{"full", 1, abi.TooLarge, "one counter too many"},
	} {
		a := s.ask("a", "metric", &abi.MetricRequest{Name: c.name, Delta: c.delta})
		if a.st != c.st || !strings.Contains(string(a.body), c.says) {
			t.Errorf("%.20s %d: %v %q, want %v %q", c.name, c.delta, a.st, a.body, c.st, c.says)
		}
	}
	if len(s.counters) != 1 || s.counters["visits"] != 42 {
		t.Errorf("counted: %v", s.counters)
	}
}
