package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// configNames are the files that make a directory an app's.
var configNames = []string{"wrangler.jsonc", "wrangler.json", "wrangler.toml"}

// Find lists the configuration files of the apps below dirs, sorted and each
// once. It skips directories named testdata or node_modules and those that
// begin with "." or "_", unless one of dirs is such, and does not look below
// an app. One of dirs may be a configuration file itself.
func Find(dirs []string) ([]string, error) {
	var files []string
	for _, dir := range dirs {
		root, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if isFile(root) {
			if !slices.Contains(configNames, filepath.Base(root)) {
				return nil, fmt.Errorf("%s: want a directory or one of %s", dir, strings.Join(configNames, ", "))
			}
			files = append(files, root)
			continue
		}
		below, err := findBelow(root)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

func findBelow(root string) (files []string, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if path != root && errors.Is(err, fs.ErrPermission) {
				return filepath.SkipDir
			}
			return err
		}
		if !entry.IsDir() {
			return nil
		}
		if path != root && skipped(entry.Name()) {
			return filepath.SkipDir
		}
		file, err := configIn(path)
		if err != nil {
			return err
		}
		if file == "" {
			return nil
		}
		files = append(files, file)
		return filepath.SkipDir
	})
	return files, err
}

func skipped(name string) bool {
	return name == "testdata" || name == "node_modules" || name[0] == '.' || name[0] == '_'
}

// configIn is the configuration file of a directory, or "".
func configIn(dir string) (string, error) {
	var found []string
	for _, name := range configNames {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return filepath.Join(dir, found[0]), nil
	}
	return "", &ConfigError{filepath.Join(dir, found[0]), "", "want one configuration, but " + found[1] + " stands beside it"}
}

// Discover finds and loads the apps below dirs. A standalone app is among them
// only where its directory, or its file, is one of dirs. Two apps of one name,
// and a binding to an app that is not among them, are errors.
func Discover(dirs []string) ([]*Config, error) {
	files, err := Find(dirs)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, dir := range dirs {
		if abs, err := filepath.Abs(dir); err == nil {
			named[abs] = true
		}
	}
	var apps []*Config
	for _, file := range files {
		c, err := Load(file)
		if err != nil {
			return nil, err
		}
		if !c.Standalone || named[c.Dir] || named[c.File] {
			apps = append(apps, c)
		}
	}
	return apps, together(apps)
}

// together checks what no app's configuration can say alone.
func together(apps []*Config) error {
	byName := map[string]*Config{}
	for _, c := range apps {
		if other := byName[c.Name]; other != nil {
			return &ConfigError{c.File, "name", fmt.Sprintf("%s is the name of the app in %s already", c.Name, other.File)}
		}
		byName[c.Name] = c
	}
	for _, c := range apps {
		for i, b := range c.Objects {
			if b.ScriptName != "" && byName[b.ScriptName] == nil {
				return &ConfigError{c.File, indexed("durable_objects.bindings", i) + ".script_name", "there is no app " + b.ScriptName}
			}
		}
	}
	return nil
}
