// Package appconfig reads as much of an app's wrangler.jsonc as a test world
// needs: bindings, variables, D1 migrations, crons and routes. It owns that
// reading; it refuses to check a configuration, which is the host's work.
package appconfig

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Config is what a world takes from an app's configuration.
type Config struct {
	Dir        string
	Name       string
	Vars       map[string]string
	Namespaces []Namespace
	Databases  []Database
	Crons      []string
	Routes     *Router // nil: the app has no routes of its own
	Interleave bool
}

// Namespace is a Durable Object binding.
type Namespace struct {
	Binding string `json:"name"`
	Class   string `json:"class_name"`
}

// Database is a D1 binding. Name may be a pattern with one '*'.
type Database struct {
	Binding       string `json:"binding"`
	Name          string `json:"database_name"`
	MigrationsDir string `json:"migrations_dir"`
	Table         string `json:"migrations_table"`
}

// document is the file as it is written.
type document struct {
	Name    string                     `json:"name"`
	Vars    map[string]json.RawMessage `json:"vars"`
	Objects struct {
		Bindings []Namespace `json:"bindings"`
	} `json:"durable_objects"`
	Databases []Database `json:"d1_databases"`
	Triggers  struct {
		Crons []string `json:"crons"`
	} `json:"triggers"`
	Routes   []json.RawMessage `json:"routes"`
	Holdfast struct {
		Routes     []objectRoute `json:"routes"`
		Interleave bool          `json:"interleave"`
	} `json:"holdfast"`
}

type objectRoute struct {
	Pattern string `json:"pattern"`
	Binding string `json:"binding"`
	Name    string `json:"name"`
}

// names are the files that hold an app's configuration.
var names = []string{"wrangler.jsonc", "wrangler.json"}

// Load reads the configuration in a directory.
func Load(dir string) (*Config, error) {
	for _, n := range names {
		file := filepath.Join(dir, n)
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var d document
		if err := json.Unmarshal(plain(text), &d); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		c, err := d.config(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return c, nil
	}
	return nil, fmt.Errorf("%s: expected a %s", dir, strings.Join(names, " or "))
}

func (d *document) config(dir string) (*Config, error) {
	c := &Config{
		Dir: dir, Name: d.Name, Vars: map[string]string{}, Namespaces: d.Objects.Bindings, Databases: d.Databases,
		Crons: d.Triggers.Crons, Interleave: d.Holdfast.Interleave,
	}
	for k, raw := range d.Vars {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw) // a number or an object is its own text
		}
		c.Vars[k] = s
	}
	for i := range c.Databases {
		if m := c.Databases[i].MigrationsDir; m != "" && !filepath.IsAbs(m) {
			c.Databases[i].MigrationsDir = filepath.Join(dir, m)
		}
	}
	return c, d.route(c)
}

func (d *document) route(c *Config) error {
	if len(d.Routes)+len(d.Holdfast.Routes) == 0 {
		return nil
	}
	c.Routes = &Router{}
	for i, raw := range d.Routes {
		var r objectRoute
		if json.Unmarshal(raw, &r.Pattern) != nil {
			if err := json.Unmarshal(raw, &r); err != nil {
				return fmt.Errorf("routes[%d]: %w", i, err)
			}
		}
		c.Routes.add(r.Pattern, "", "")
	}
	for _, r := range d.Holdfast.Routes {
		c.Routes.add(r.Pattern, r.Binding, r.Name)
	}
	return nil
}

// Class is the class behind a binding, "" without one.
func (c *Config) Class(binding string) string {
	for _, n := range c.Namespaces {
		if n.Binding == binding {
			return n.Class
		}
	}
	return ""
}
