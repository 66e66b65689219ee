package app

import (
	"fmt"

	"github.com/holdfast-run/holdfast/guest-sdk/cron"
)

// ConfigError is a fault of a configuration file.
type ConfigError struct {
	File string
	Key  string // such as d1_databases[0].binding; empty: the file as a whole
	Want string // what was expected, or what is wrong
}

func (e *ConfigError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%s: %s", e.File, e.Want)
	}
	return fmt.Sprintf("%s: %s: %s", e.File, e.Key, e.Want)
}

// Config is one app's configuration, checked. Paths are absolute. It is not
// changed after Load.
type Config struct {
	File string // the configuration file
	Dir  string // its directory
	Name string

	Guest             *Guest // nil: the app has assets only
	CompatibilityDate string // yyyy-mm-dd, or empty

	Vars       []Var    // sorted by name
	DevKeys    []string // variables that dev makes a key for, where nobody sets them
	Objects    []ObjectBinding
	Migrations []Migration
	D1         []D1Binding
	Crons      []*cron.Schedule
	Routes     []Route // at least one
	Assets     *AssetsConfig

	Standalone  bool     // served only when its directory is named
	Outbound    []string // hosts that the guest may fetch from
	MemoryMiB   int      // of one guest instance; 0: the host's default
	Interleave  bool
	Compression bool // of WebSocket messages, where clients offer it
	Limits      Limits
	Keeping     []Keeping // the app's first, then of single classes
}

// Guest is the Wasm module of an app: built from Package, or Wasm as it is.
type Guest struct {
	Package string // a directory ("/…"), or an import path as seen from Config.Dir
	Wasm    string // a file; empty: built from Package
}

// Var is one variable as guests see it. What is not a string in the
// configuration is JSON here.
type Var struct {
	Name  string
	Value string
}

// ObjectBinding names a Durable Object class.
type ObjectBinding struct {
	Name       string
	ClassName  string
	ScriptName string // the app whose class it is; empty: this one
}

// Migration is one step of the classes' history.
type Migration struct {
	Tag                string
	NewClasses         []string
	NewSQLiteClasses   []string
	RenamedClasses     []Rename
	DeletedClasses     []string
	TransferredClasses []Transfer
}

// Rename gives a class another name; its objects stay.
type Rename struct{ From, To string }

// Transfer takes a class over from another app.
type Transfer struct{ From, FromScript, To string }

// D1Binding names a D1 database, or with a DatabaseName that ends in "*" all
// whose names begin so.
type D1Binding struct {
	Binding         string
	DatabaseName    string
	DatabaseID      string
	MigrationsDir   string // empty: none
	MigrationsTable string
	URL             string // of a remote database; empty: local
	Token           string
}

// Pattern says whether the binding opens databases by name at run time, and
// what their names begin with.
func (d *D1Binding) Pattern() (prefix string, ok bool) {
	if n := len(d.DatabaseName); n > 0 && d.DatabaseName[n-1] == '*' {
		return d.DatabaseName[:n-1], true
	}
	return "", false
}

// Kind says where a route leads.
type Kind uint8

// Kinds of routes.
const (
	KindWorker Kind = iota // to the app's worker
	KindObject             // straight to an object
	KindAssets             // to the assets of an app without a guest
)

// String is the kind's name.
func (k Kind) String() string {
	return [...]string{"worker", "object", "assets"}[k]
}

// Route leads requests whose path matches Pattern to the app. A Pattern that
// begins with "/" is for any host.
type Route struct {
	Pattern      string
	Kind         Kind
	Binding      string // of KindObject
	Name         string // of KindObject: text with :params of the pattern
	BodyBytesMax int64  // of a request; 0: the host's default

	key string // of the configuration, for errors
}

// AssetsConfig is the app's static files.
type AssetsConfig struct {
	Directory        string
	Binding          string
	NotFoundHandling string // "none", "404-page" or "single-page-application"
	RunWorkerFirst   bool
}

// Keeping says how the storage of the app's classes, or of one, is kept. A
// field that is not set is the app's, then what holds already.
type Keeping struct {
	Class       string // "": all
	HistoryDays *int   // how far back its objects can be restored; 0: not at all
	ObjectMiB   int    // of one object; 0: the host's limit
	TotalMiB    int    // of all objects; 0: no limit
	Objects     int    // their number; 0: no limit
}

// Limits are the app's own; 0 is the host's default.
type Limits struct {
	CPUMs            int // of one event
	EventMs          int // wall time of one event
	BodyMiB          int // of a request
	SocketMessageMiB int
	Sockets          int // of one object
	MailboxEvents    int
	MailboxMiB       int
	WorkerInstances  int
	Counters         int // of the app
}
