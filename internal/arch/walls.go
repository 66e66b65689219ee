package arch

import "strings"

// Wall is a third-party module and the packages that may import it.
type Wall struct {
	Module string
	Inside []string
	Tests  []string // packages whose tests may import it besides
}

// Walls names every module that the repository uses: an import of any other
// is a finding, so that a new dependency is a decision.
var Walls = []Wall{
	{"github.com/tetratelabs/wazero", []string{"runtime/engine/..."}, nil},
	{"github.com/klauspost/compress", []string{"runtime/engine", "host/socket"}, nil},
	{"github.com/valyala/fasthttp",
		[]string{"host/ingress", "host/socket", "host/admin", "host/d1/front", "objects/logroom/client", "objects/conversation/client", "examples/load/..."}, nil},
	{"github.com/fasthttp/websocket",
		[]string{"host/socket", "internal/wasmtest", "objects/logroom/client", "objects/conversation/client", "examples/load/..."},
		[]string{"host", "host/ingress", "objects/...", "examples/..."}},
	{"github.com/klauspost/compress", []string{"host/socket"}, []string{"host/ingress"}},
	{"github.com/ncruces/go-sqlite3", []string{"host/storage", "host/d1", "guest-sdk/edge/edgetest/..."}, nil},
	{"github.com/cockroachdb/pebble/v2", []string{"host/storage/..."}, []string{"host/d1/..."}},
	{"github.com/tursodatabase/libsql-client-go", []string{"host/d1"}, nil},
	{"github.com/prometheus/client_golang", []string{"host", "host/admin"}, nil},
	{"github.com/tailscale/hujson", []string{"host/app", "internal/cli"}, nil},
	{"github.com/BurntSushi/toml", []string{"host/app"}, nil},
	{"github.com/fsnotify/fsnotify", []string{"host/app"}, nil},
	{"github.com/chromedp/chromedp", []string{"internal/browsertest"}, []string{"examples/...", "host/admin"}},
	{"github.com/chromedp/cdproto", []string{"internal/browsertest"}, []string{"examples/...", "host/admin"}},
	{"golang.org/x/sys", []string{"host", "host/ingress", "host/socket", "host/storage", "runtime/engine/...", "examples/load/..."}, nil},
	{"golang.org/x/text", []string{"objects/conversation/match"}, nil},
}

// WallsKept checks every third-party import against walls.
func WallsKept(t Tree, walls []Wall) []Finding {
	var out []Finding
	for _, f := range t {
		if f.AST == nil {
			continue
		}
		for name, pos := range f.imports() {
			if _, ours := ownPackage(name); ours || !thirdParty(name) {
				continue
			}
			w := wallOf(walls, name)
			switch {
			case w == nil:
				out = append(out, f.finding(pos, "%s is of no module in the table of walls", name))
			case matchAny(w.Inside, f.Package()) || f.Test && matchAny(w.Tests, f.Package()):
			default:
				out = append(out, f.finding(pos, "%s may not import %s", f.Package(), name))
			}
		}
	}
	return sorted(out)
}

// thirdParty reports whether a package is of no standard library: its first
// element is a host's name.
func thirdParty(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.Contains(first, ".")
}

func wallOf(walls []Wall, name string) *Wall {
	for i, w := range walls {
		if name == w.Module || strings.HasPrefix(name, w.Module+"/") {
			return &walls[i]
		}
	}
	return nil
}
