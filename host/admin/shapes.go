package admin

import (
	"context"
	"errors"
	"time"
)

// App is an app that runs.
type App struct {
	Name    string   `json:"name"`
	Version int      `json:"version"`
	Routes  []string `json:"routes"`
	Guest   Guest    `json:"guest"`
}

// Guest is the size of an app's guest.
type Guest struct {
	Bytes      int64 `json:"bytes"`
	ImageBytes int64 `json:"imageBytes"`
}

// Namespace is the objects of a class.
type Namespace struct {
	Namespace string `json:"namespace"` // "<app>.<class>"
	App       string `json:"app"`
	Class     string `json:"class"`
	Binding   string `json:"binding"`
	Objects   int64  `json:"objects"`
}

// Object is an entry of a list of objects.
type Object struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Tier         string `json:"tier"`
	CreatedAt    string `json:"createdAt"`
	LastActiveAt string `json:"lastActiveAt"`
	StorageBytes int64  `json:"storageBytes"`
}

// Detail is one object, seen without waking it.
type Detail struct {
	ID           string  `json:"id"`
	Name         string  `json:"name"`
	Tier         string  `json:"tier"`
	Mailbox      Mailbox `json:"mailbox"`
	MemoryBytes  int64   `json:"memoryBytes"`
	Sockets      int64   `json:"sockets"`
	Alarm        *Alarm  `json:"alarm"`
	Storage      Storage `json:"storage"`
	CreatedAt    string  `json:"createdAt"`
	LastActiveAt string  `json:"lastActiveAt"`
	Version      int64   `json:"version"`
}

// Mailbox is what waits for an object.
type Mailbox struct {
	Events int `json:"events"`
	Bytes  int `json:"bytes"`
}

// Storage is an object's sizes.
type Storage struct {
	KVBytes  int64 `json:"kvBytes"`
	SQLBytes int64 `json:"sqlBytes"`
}

// Alarm is a set alarm, or a dead one.
type Alarm struct {
	Namespace   string `json:"namespace,omitempty"`
	ID          string `json:"id,omitempty"`
	Name        string `json:"name,omitempty"`
	ScheduledAt string `json:"scheduledAt"`
	DueAt       string `json:"dueAt"`
	Retries     int    `json:"retries"`
	Key         string `json:"key,omitempty"` // of a dead one
	DiedAt      string `json:"diedAt,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

// Cron is a trigger of an app.
type Cron struct {
	App     string `json:"app"`
	Index   int    `json:"index"`
	Cron    string `json:"cron"`
	NextAt  string `json:"nextAt"`
	LastAt  string `json:"lastAt,omitempty"`
	Outcome string `json:"outcome,omitempty"`
}

// Database is a local D1 database.
type Database struct {
	Name      string `json:"name"`
	UUID      string `json:"uuid"`
	CreatedAt string `json:"createdAt"`
	FileSize  int64  `json:"fileSize"`
}

// Time formats a time as the API does.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Errors of a Host that have a status of their own.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict")
)

// Host is what the admin API shows. Its methods may be called from any
// goroutine and wake no object; an error that wraps ErrNotFound or
// ErrConflict is the caller's.
type Host interface {
	// Health is nil while the host takes requests and writes.
	Health() error
	Apps() []App
	Namespaces() ([]Namespace, error)
	Objects(namespace, prefix, cursor string, limit int) ([]Object, string, error)
	// Object finds by the text of an id, or by name where byName is set.
	Object(namespace, id string, byName bool) (*Detail, error)
	Evict(ctx context.Context, namespace, id string, byName bool) error
	// Crash discards an object's instance, as a panic would; in dev only.
	Crash(ctx context.Context, namespace, id string, byName bool) error
	Alarms(cursor string, limit int) ([]Alarm, string, error)
	DeadAlarms(cursor string, limit int) ([]Alarm, string, error)
	Databases() ([]Database, error)
	Crons() []Cron
	RunCron(ctx context.Context, app string, index int) (outcome string, took time.Duration, err error)
	Clock() (mode string, now time.Time)
	// Advance moves a manual clock; ErrConflict for the system's.
	Advance(ctx context.Context, d time.Duration) (now time.Time, fired int, err error)
	Keeper
	Tryer
}
