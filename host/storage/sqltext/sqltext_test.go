package sqltext

import (
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		sql  string
		want []string
	}{
		{"", nil},
		{" ; -- nothing\n ; /* ; */ ", nil},
		{"SELECT 1", []string{"SELECT 1"}},
		{"SELECT 1; SELECT 2;", []string{"SELECT 1", "SELECT 2"}},
		{"SELECT ';', \"a;b\", [c;d], `e;f`, 'it''s;'; SELECT 2", []string{"SELECT ';', \"a;b\", [c;d], `e;f`, 'it''s;'", "SELECT 2"}},
		{"SELECT 1 -- one; two\n; SELECT 2 /* ; */", []string{"SELECT 1 -- one; two", "SELECT 2 /* ; */"}},
		{"CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM b; END; SELECT 1",
			[]string{"CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM b; END", "SELECT 1"}},
		{"create temp trigger t delete on a begin select 1; end;select 2", []string{"create temp trigger t delete on a begin select 1; end", "select 2"}},
		{"CREATE TABLE trigger (a); SELECT 1", []string{"CREATE TABLE trigger (a)", "SELECT 1"}},
		{"SELECT 'unclosed; SELECT 2", []string{"SELECT 'unclosed; SELECT 2"}},
		{"SELECT 1 /* unclosed; SELECT 2", []string{"SELECT 1 /* unclosed; SELECT 2"}},
	}
	for _, test := range tests {
		got := Split(test.sql)
		if strings.Join(got, "\x00") != strings.Join(test.want, "\x00") {
			t.Errorf("Split(%q) = %q, want %q", test.sql, got, test.want)
		}
	}
}

func TestNumber(t *testing.T) {
	tests := []struct {
		sql, want string
		params    int
	}{
		{"SELECT 1", "SELECT 1", 0},
		{"SELECT ?, ?", "SELECT ?1, ?2", 2},
		{"SELECT ?3, ?", "SELECT ?3, ?4", 4},
		{"SELECT :a, @b, $c, :a, ?", "SELECT ?1, ?2, ?3, ?1, ?4", 4},
		{"SELECT '?', \":a\", [?] -- ?\n, ? /* ? */", "SELECT '?', \":a\", [?] -- ?\n, ?1 /* ? */", 1},
		{"SELECT a->'$.x', b FROM t WHERE c=?1 AND d=?1", "SELECT a->'$.x', b FROM t WHERE c=?1 AND d=?1", 1},
	}
	for _, test := range tests {
		got, params := Number(test.sql)
		if got != test.want || params != test.params {
			t.Errorf("Number(%q) = %q, %d, want %q, %d", test.sql, got, params, test.want, test.params)
		}
	}
}

func TestWords(t *testing.T) {
	for sql, want := range map[string]string{
		"": "", " ;-- x\n select 1": "SELECT", "/* a */begin": "BEGIN", "'x'": "", "(select 1)": "",
	} {
		if got := FirstWord(sql); got != want {
			t.Errorf("FirstWord(%q) = %q, want %q", sql, got, want)
		}
	}
	if !HasWord("INSERT INTO t VALUES (1) returning *", "RETURNING") || HasWord("SELECT 'returning', \"returning\" -- returning", "RETURNING") {
		t.Error("HasWord looks into quotes or comments, or not at words")
	}
}

// FuzzSplit: nothing that is cut out is lost, and each piece is one statement.
func FuzzSplit(f *testing.F) {
	f.Add("SELECT 1; SELECT ';' -- x\n; CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; END; /* ")
	f.Fuzz(func(t *testing.T, sql string) {
		for _, statement := range Split(sql) {
			if again := Split(statement); len(again) != 1 || again[0] != statement {
				t.Fatalf("%q of %q splits into %q", statement, sql, again)
			}
		}
		first, rest := First(sql)
		if first+rest != sql {
			t.Fatalf("First(%q) = %q, %q", sql, first, rest)
		}
		numbered, params := Number(sql)
		if again, same := Number(numbered); again != numbered || same != params {
			t.Fatalf("Number(%q) = %q, %d; again %q, %d", sql, numbered, params, again, same)
		}
	})
}
