package app

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const wholeJSON = `{
	// every key that is read
	"$schema": "x", "account_id": "y", "observability": {"enabled": true}, "compatibility_flags": ["nodejs_compat"],
	"name": "shop", "main": "main.go", "compatibility_date": "2026-04-07",
	"vars": {"TEXT": "plain", "NUMBER": 1.50, "LIST": ["a<b", {"c": null}], "FLAG": true},
	"durable_objects": {"bindings": [
		{"name": "CART", "class_name": "Cart"},
		{"name": "OTHER", "class_name": "Log", "script_name": "logs"},
	]},
	"migrations": [
		{"tag": "v1", "new_sqlite_classes": ["Basket", "Old"], "new_classes": ["Plain"]},
		{"tag": "v2", "renamed_classes": [{"from": "Basket", "to": "Cart"}], "deleted_classes": ["Old"], "transferred_classes": [{"from": "A", "from_script": "b", "to": "C"}]},
	],
	"d1_databases": [
		{"binding": "DB", "database_name": "shop", "database_id": "id", "migrations_dir": "mig", "migrations_table": "m", "preview_database_id": "z"},
		{"binding": "TENANT", "database_name": "tenant-*"},
		{"binding": "FAR", "database_id": "far"},
	],
	"triggers": {"crons": ["0 2 * * *", "*/5 * * * mon-fri"]},
	"routes": ["example.com/shop/*", {"pattern": "/shop", "zone_name": "example.com"}, {"pattern": "shop.example.com", "custom_domain": true}],
	"assets": {"directory": "./static", "binding": "ASSETS", "not_found_handling": "single-page-application"},
	"limits": {"cpu_ms": 100, "subrequests": 5},
	"holdfast": {
		"standalone": true, "interleave": true, "websocket_compression": true, "memory_mib": 128, "outbound": ["api.example.com", "*.example.org", "10.0.0.1:80"],
		"dev_keys": ["ADMIN_KEY", "TEXT"],
		"routes": [{"pattern": "/cart/:id/*", "binding": "CART", "name": "cart-:id", "body_mib": 2}],
		"d1": [{"binding": "FAR", "url": "libsql://db.example.com", "token": "secret"}],
		"limits": {"socket_message_mib": 1, "body_mib": 3, "mailbox_events": 10, "counters": 5},
		"history_days": 7, "classes": [{"class": "Cart", "history_days": 0, "object_mib": 5, "total_mib": 6, "objects": 7}, {"class": "Plain"}],
	},
}`

const wholeTOML = `
"$schema" = "x"
account_id = "y"
compatibility_flags = ["nodejs_compat"]
name = "shop"
main = "main.go"
compatibility_date = 2026-04-07
routes = [ "example.com/shop/*", { pattern = "/shop", zone_name = "example.com" }, { pattern = "shop.example.com", custom_domain = true } ]
observability = { enabled = true }
[vars]
TEXT = "plain"
NUMBER = 1.50
LIST = ["a<b", { c = 1 }]
FLAG = true
[durable_objects]
bindings = [ { name = "CART", class_name = "Cart" }, { name = "OTHER", class_name = "Log", script_name = "logs" } ]
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Basket", "Old"]
new_classes = ["Plain"]
[[migrations]]
tag = "v2"
renamed_classes = [ { from = "Basket", to = "Cart" } ]
deleted_classes = ["Old"]
transferred_classes = [ { from = "A", from_script = "b", to = "C" } ]
[[d1_databases]]
binding = "DB"
database_name = "shop"
database_id = "id"
migrations_dir = "mig"
migrations_table = "m"
[[d1_databases]]
binding = "TENANT"
database_name = "tenant-*"
[[d1_databases]]
binding = "FAR"
database_id = "far"
[triggers]
crons = ["0 2 * * *", "*/5 * * * mon-fri"]
[assets]
directory = "./static"
binding = "ASSETS"
not_found_handling = "single-page-application"
[limits]
cpu_ms = 100
[holdfast]
standalone = true
interleave = true
history_days = 7
classes = [ { class = "Cart", history_days = 0, object_mib = 5, total_mib = 6, objects = 7 }, { class = "Plain" } ]
websocket_compression = true
memory_mib = 128
outbound = ["api.example.com", "*.example.org", "10.0.0.1:80"]
dev_keys = ["ADMIN_KEY", "TEXT"]
routes = [ { pattern = "/cart/:id/*", binding = "CART", name = "cart-:id", body_mib = 2 } ]
d1 = [ { binding = "FAR", url = "libsql://db.example.com", token = "secret" } ]
[holdfast.limits]
socket_message_mib = 1
body_mib = 3
mailbox_events = 10
counters = 5
`

func TestLoad_ReadsEveryKey(t *testing.T) {
	for name, text := range map[string]string{"wrangler.jsonc": wholeJSON, "wrangler.toml": wholeTOML} {
		t.Run(name, func(t *testing.T) {
			c, err := loadText(t, name, text)
			if err != nil {
				t.Fatal(err)
			}
			list := `["a<b",{"c":null}]`
			if name == "wrangler.toml" {
				list = `["a<b",{"c":1}]` // TOML has no null
			}
			number := "1.50"
			if name == "wrangler.toml" {
				number = "1.5"
			}
			want := &Config{
				File: c.File, Dir: filepath.Dir(c.File), Name: "shop", Guest: &Guest{Package: c.Dir}, CompatibilityDate: "2026-04-07",
				Vars:    []Var{{"FLAG", "true"}, {"LIST", list}, {"NUMBER", number}, {"TEXT", "plain"}},
				DevKeys: []string{"ADMIN_KEY", "TEXT"},
				Objects: []ObjectBinding{{"CART", "Cart", ""}, {"OTHER", "Log", "logs"}},
				Migrations: []Migration{
					{Tag: "v1", NewClasses: []string{"Plain"}, NewSQLiteClasses: []string{"Basket", "Old"}},
					{Tag: "v2", RenamedClasses: []Rename{{"Basket", "Cart"}}, DeletedClasses: []string{"Old"}, TransferredClasses: []Transfer{{"A", "b", "C"}}},
				},
				D1: []D1Binding{
					{Binding: "DB", DatabaseName: "shop", DatabaseID: "id", MigrationsDir: filepath.Join(c.Dir, "mig"), MigrationsTable: "m"},
					{Binding: "TENANT", DatabaseName: "tenant-*", MigrationsTable: "d1_migrations"},
					{Binding: "FAR", DatabaseName: "far", DatabaseID: "far", MigrationsTable: "d1_migrations", URL: "libsql://db.example.com", Token: "secret"},
				},
				Crons: c.Crons,
				Routes: []Route{
					{Pattern: "example.com/shop/*", BodyBytesMax: 3 << 20, key: "routes[0]"},
					{Pattern: "/shop", BodyBytesMax: 3 << 20, key: "routes[1]"},
					{Pattern: "shop.example.com/*", BodyBytesMax: 3 << 20, key: "routes[2]"},
					{Pattern: "/cart/:id/*", Kind: KindObject, Binding: "CART", Name: "cart-:id", BodyBytesMax: 2 << 20, key: "holdfast.routes[0]"},
				},
				Assets:     &AssetsConfig{filepath.Join(c.Dir, "static"), "ASSETS", "single-page-application", false},
				Standalone: true, Outbound: []string{"api.example.com", "*.example.org", "10.0.0.1:80"}, MemoryMiB: 128, Interleave: true, Compression: true,
				Limits:  Limits{CPUMs: 100, SocketMessageMiB: 1, BodyMiB: 3, MailboxEvents: 10, Counters: 5},
				Keeping: []Keeping{{HistoryDays: new(7)}, {Class: "Cart", HistoryDays: new(0), ObjectMiB: 5, TotalMiB: 6, Objects: 7}, {Class: "Plain"}},
			}
			if !reflect.DeepEqual(c, want) {
				t.Errorf("got  %+v\nwant %+v", c, want)
			}
			if len(c.Crons) != 2 || c.Crons[1].String() != "*/5 * * * mon-fri" {
				t.Errorf("crons are %v", c.Crons)
			}
			if prefix, ok := c.D1[1].Pattern(); !ok || prefix != "tenant-" {
				t.Errorf("pattern is %q, %v", prefix, ok)
			}
		})
	}
}

func TestLoad_GuestAndDefaultRoute(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want Guest
	}{
		"main is a file":      {`{"name":"a","main":"guest/g.go"}`, Guest{Package: "DIR/guest"}},
		"main is a directory": {`{"name":"a","main":"."}`, Guest{Package: "DIR"}},
		"main is Wasm":        {`{"name":"a","main":"app.wasm"}`, Guest{Wasm: "DIR/app.wasm"}},
		"guest before main":   {`{"name":"a","main":"src/index.ts","holdfast":{"guest":"./guest"}}`, Guest{Package: "DIR/guest"}},
		"guest is imported":   {`{"name":"a","holdfast":{"guest":"example.com/m/guest"}}`, Guest{Package: "example.com/m/guest"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := loadText(t, "wrangler.json", test.text)
			if err != nil {
				t.Fatal(err)
			}
			want := Guest{strings.Replace(test.want.Package, "DIR", c.Dir, 1), strings.Replace(test.want.Wasm, "DIR", c.Dir, 1)}
			if *c.Guest != want {
				t.Errorf("guest is %+v, want %+v", *c.Guest, want)
			}
			if len(c.Routes) != 1 || c.Routes[0].Pattern != "/*" || c.Routes[0].Kind != KindWorker {
				t.Errorf("routes are %+v", c.Routes)
			}
		})
	}
	c, err := loadText(t, "wrangler.json", `{"name":"a","assets":{"directory":"static"},"route":"/pages/*"}`)
	if err != nil || c.Guest != nil || c.Routes[0].Kind != KindAssets || c.Routes[0].Pattern != "/pages/*" {
		t.Errorf("an app of assets alone: %+v, %v", c, err)
	}
}

// loadFaults are configurations and the key that each error must name.
var loadFaults = map[string]string{
	`{"main":"."}`:                                                                                                         "name",
	`{"name":"A B","main":"."}`:                                                                                            "name",
	`{"name":1,"main":"."}`:                                                                                                "name",
	`{"name":"a"}`:                                                                                                         "main",
	`{"name":"a","main":"src/index.ts"}`:                                                                                   "main",
	`{"name":"a","main":"none.wasm"}`:                                                                                      "main",
	`{"name":"a","main":"none.go"}`:                                                                                        "main",
	`{"name":"a","main":"static"}`:                                                                                         "main",
	`{"name":"a","holdfast":{"guest":"./none"}}`:                                                                           "holdfast.guest",
	`{"name":"a","main":".","compatibility_date":"today"}`:                                                                 "compatibility_date",
	`{"name":"a","main":".","kv_namespaces":[]}`:                                                                           "kv_namespaces",
	`{"name":"a","main":".","build":{"command":"make"}}`:                                                                   "build",
	`{"name":"a","main":".","holdfast":{"nonsense":1}}`:                                                                    "holdfast.nonsense",
	`{"name":"a","main":".","holdfast":{"memory_mib":0}}`:                                                                  "holdfast.memory_mib",
	`{"name":"a","main":".","holdfast":{"memory_mib":1.5}}`:                                                                "holdfast.memory_mib",
	`{"name":"a","main":".","holdfast":{"standalone":"yes"}}`:                                                              "holdfast.standalone",
	`{"name":"a","main":".","holdfast":{"limits":{"x":1}}}`:                                                                "holdfast.limits.x",
	`{"name":"a","main":".","holdfast":[]}`:                                                                                "holdfast",
	`{"name":"a","main":".","holdfast":{"outbound":["http://x/"]}}`:                                                        "holdfast.outbound[0]",
	`{"name":"a","main":".","holdfast":{"history_days":-1}}`:                                                               "holdfast.history_days",
	`{"name":"a","main":".","holdfast":{"classes":[{"class":"C","history_days":3651}]}}`:                                   "holdfast.classes[0].history_days",
	`{"name":"a","main":".","holdfast":{"classes":[{"class":"C"},{"class":"C"}]}}`:                                         "holdfast.classes[1].class",
	`{"name":"a","main":".","holdfast":{"classes":[{"object_mib":1}]}}`:                                                    "holdfast.classes[0].class",
	`{"name":"a","main":".","holdfast":{"dev_keys":"K"}}`:                                                                  "holdfast.dev_keys",
	`{"name":"a","main":".","holdfast":{"dev_keys":["K",""]}}`:                                                             "holdfast.dev_keys[1]",
	`{"name":"a","main":".","holdfast":{"dev_keys":["K-1"]}}`:                                                              "holdfast.dev_keys[0]",
	`{"name":"a","main":".","holdfast":{"dev_keys":["K","K"]}}`:                                                            "holdfast.dev_keys[1]",
	`{"name":"a","main":".","vars":{"K":"x"},"holdfast":{"dev_keys":["K","K"]}}`:                                           "holdfast.dev_keys[1]",
	`{"name":"a","main":".","d1_databases":[{"binding":"D","database_name":"x"}],"holdfast":{"dev_keys":["D"]}}`:           "holdfast.dev_keys[0]",
	`{"name":"a","assets":{"directory":"static"},"holdfast":{"dev_keys":["K"]}}`:                                           "holdfast.dev_keys",
	`{"name":"a","main":".","vars":{"A-B":"x"}}`:                                                                           "vars.A-B",
	`{"name":"a","main":".","vars":[]}`:                                                                                    "vars",
	`{"name":"a","main":".","limits":{"x":1}}`:                                                                             "limits.x",
	`{"name":"a","main":".","triggers":{"crons":["0 2 * * *","x"]}}`:                                                       "triggers.crons[1]",
	`{"name":"a","main":".","triggers":{"crons":"0 2 * * *"}}`:                                                             "triggers.crons",
	`{"name":"a","main":".","assets":{"directory":"none"}}`:                                                                "assets.directory",
	`{"name":"a","main":".","assets":{}}`:                                                                                  "assets.directory",
	`{"name":"a","main":".","assets":{"directory":"static","not_found_handling":"x"}}`:                                     "assets.not_found_handling",
	`{"name":"a","main":".","assets":{"directory":"static","html_handling":"none"}}`:                                       "assets.html_handling",
	`{"name":"a","main":".","assets":{"directory":"static","binding":"X"},"vars":{"X":"1"}}`:                               "vars.X",
	`{"name":"a","main":".","durable_objects":{"bindings":[{"name":"X"}]}}`:                                                "durable_objects.bindings[0].class_name",
	`{"name":"a","main":".","durable_objects":{"bindings":[{"name":"X","class_name":"C","y":1}]}}`:                         "durable_objects.bindings[0].y",
	`{"name":"a","main":".","durable_objects":{"bindings":["X"]}}`:                                                         "durable_objects.bindings[0]",
	`{"name":"a","main":".","durable_objects":{"bindings":[{"name":"X","class_name":"C"},{"name":"X","class_name":"D"}]}}`: "durable_objects.bindings[1].name",
	`{"name":"a","main":".","durable_objects":{"bindings":[{"name":"X","class_name":"C"}]},"migrations":[{"tag":"1","new_sqlite_classes":["D"]}]}`:               "durable_objects.bindings[0].class_name",
	`{"name":"a","assets":{"directory":"static"},"durable_objects":{"bindings":[{"name":"X","class_name":"C"}]}}`:                                                "durable_objects.bindings[0].class_name",
	`{"name":"a","assets":{"directory":"static"},"triggers":{"crons":["0 2 * * *"]}}`:                                                                            "triggers.crons",
	`{"name":"a","main":".","migrations":[{"new_classes":["C"]}]}`:                                                                                               "migrations[0].tag",
	`{"name":"a","main":".","migrations":[{"tag":"1"},{"tag":"1"}]}`:                                                                                             "migrations[1].tag",
	`{"name":"a","main":".","migrations":[{"tag":"1","new_classes":["C","C"]}]}`:                                                                                 "migrations[0].new_classes",
	`{"name":"a","main":".","migrations":[{"tag":"1","new_classes":[""]}]}`:                                                                                      "migrations[0].new_classes[0]",
	`{"name":"a","main":".","migrations":[{"tag":"1","deleted_classes":["C"]}]}`:                                                                                 "migrations[0].deleted_classes",
	`{"name":"a","main":".","migrations":[{"tag":"1","renamed_classes":[{"from":"C","to":"D"}]}]}`:                                                               "migrations[0].renamed_classes",
	`{"name":"a","main":".","migrations":[{"tag":"1","renamed_classes":[{"from":"C"}]}]}`:                                                                        "migrations[0].renamed_classes[0].to",
	`{"name":"a","main":".","migrations":[{"tag":"1","transferred_classes":[{"from":"C","to":"D"}]}]}`:                                                           "migrations[0].transferred_classes[0].from_script",
	`{"name":"a","main":".","d1_databases":[{"binding":"D"}]}`:                                                                                                   "d1_databases[0].database_name",
	`{"name":"a","main":".","d1_databases":[{"binding":"D","database_name":"a*b"}]}`:                                                                             "d1_databases[0].database_name",
	`{"name":"a","main":".","d1_databases":[{"binding":"D","database_name":"x","migrations_dir":"none"}]}`:                                                       "d1_databases[0].migrations_dir",
	`{"name":"a","main":".","holdfast":{"d1":[{"binding":"D","url":"http://h"}]}}`:                                                                               "holdfast.d1[0].binding",
	`{"name":"a","main":".","d1_databases":[{"binding":"D","database_name":"x"}],"holdfast":{"d1":[{"binding":"D","url":"h"}]}}`:                                 "holdfast.d1[0].url",
	`{"name":"a","main":".","d1_databases":[{"binding":"D","database_name":"x*"}],"holdfast":{"d1":[{"binding":"D","url":"http://h"}]}}`:                         "holdfast.d1[0].binding",
	`{"name":"a","main":".","routes":[{"pattern":"/a*b"}]}`:                                                                                                      "routes[0].pattern",
	`{"name":"a","main":".","routes":["/ok",7]}`:                                                                                                                 "routes[1]",
	`{"name":"a","main":".","routes":"/a"}`:                                                                                                                      "routes",
	`{"name":"a","main":".","routes":[{"pattern":"/a","x":1}]}`:                                                                                                  "routes[0].x",
	`{"name":"a","main":".","holdfast":{"routes":[{"pattern":"/a","binding":"X","name":"n"}]}}`:                                                                  "holdfast.routes[0].binding",
	`{"name":"a","main":".","durable_objects":{"bindings":[{"name":"X","class_name":"C"}]},"holdfast":{"routes":[{"pattern":"/:a","binding":"X","name":":b"}]}}`: "holdfast.routes[0].name",
	`{"name":"a","name":"b"}`:        "",
	`{"vars":{"A":[{"B":1,"B":2}]}}`: "",
	`[]`:                             "",
	`null`:                           "",
	`{`:                              "",
	`{} {}`:                          "",
	``:                               "",
}

func TestLoad_FaultsNameTheKey(t *testing.T) {
	for text, key := range loadFaults {
		c, err := loadText(t, "wrangler.jsonc", text)
		var fault *ConfigError
		if !errors.As(err, &fault) {
			t.Errorf("%s: got %+v, %v, want a fault of %s", text, c, err, key)
			continue
		}
		if fault.Key != key || fault.Want == "" || !strings.HasSuffix(fault.File, "wrangler.jsonc") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: fault is %q, want key %s", text, err, key)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "wrangler.toml")); err == nil {
		t.Error("a file that is not there was loaded")
	}
	if _, err := loadText(t, "wrangler.toml", "name = "); err == nil {
		t.Error("bad TOML was loaded")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(wholeJSON, false)
	f.Add(wholeTOML, true)
	f.Add(`{"name":"a","main":".","routes":["*.x/*"]}`, false)
	f.Add("name = 1", true)
	dir := tree(f, map[string]string{"main.go": "package main", "static/index.html": "x", "mig/0001.sql": ""})
	f.Fuzz(func(t *testing.T, text string, isTOML bool) {
		name := "wrangler.jsonc"
		if isTOML {
			name = "wrangler.toml"
		}
		c, err := parse(filepath.Join(dir, name), []byte(text))
		if err != nil {
			var fault *ConfigError
			if !errors.As(err, &fault) || fault.Want == "" {
				t.Fatalf("error without a place: %v", err)
			}
			return
		}
		if len(c.Routes) == 0 || c.Name == "" || c.Guest == nil && c.Assets == nil {
			t.Fatalf("loaded without what every app has: %+v", c)
		}
		if _, err := NewRouter([]*Config{c}); err != nil && !strings.Contains(err.Error(), "routed twice") {
			t.Fatalf("loaded routes cannot be routed: %v", err)
		}
	})
}
