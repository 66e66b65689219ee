package app

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	defaultMigrationsDir   = "migrations"
	defaultMigrationsTable = "d1_migrations"
)

var databaseForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\*?$`)

func indexed(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

func (l *loader) loadObjects(root *object) {
	o := root.child("durable_objects")
	for _, b := range o.children("bindings") {
		binding := ObjectBinding{b.need("name"), b.need("class_name"), b.text("script_name")}
		b.ignore("environment")
		b.end()
		l.bind(b, "name", binding.Name)
		if !classForm.MatchString(binding.ClassName) {
			b.fail("class_name", "want the name of a class")
		}
		if binding.ScriptName == l.Name {
			binding.ScriptName = ""
		}
		if binding.ScriptName == "" && l.Guest == nil {
			b.fail("class_name", "an app without a guest has no classes")
		}
		l.Objects = append(l.Objects, binding)
	}
	o.end()
}

// loadMigrations reads the history and plays it, so that a step that cannot
// be, or a binding to a class that is not, is found here.
func (l *loader) loadMigrations(root *object) {
	classes := map[string]bool{}
	for i, o := range root.children("migrations") {
		m := Migration{
			Tag:              o.need("tag"),
			NewClasses:       o.texts("new_classes"),
			NewSQLiteClasses: o.texts("new_sqlite_classes"),
			DeletedClasses:   o.texts("deleted_classes"),
		}
		for _, r := range o.children("renamed_classes") {
			m.RenamedClasses = append(m.RenamedClasses, Rename{r.need("from"), r.need("to")})
			r.end()
		}
		for _, t := range o.children("transferred_classes") {
			m.TransferredClasses = append(m.TransferredClasses, Transfer{t.need("from"), t.need("from_script"), t.need("to")})
			t.end()
		}
		o.end()
		if slices.ContainsFunc(l.Migrations, func(earlier Migration) bool { return earlier.Tag == m.Tag }) {
			root.doc.fail(indexed("migrations", i)+".tag", "tag %s stands twice", m.Tag)
		}
		m.play(o, classes)
		l.Migrations = append(l.Migrations, m)
	}
	if len(l.Migrations) == 0 {
		return
	}
	for i, b := range l.Objects {
		if b.ScriptName == "" && !classes[b.ClassName] {
			root.doc.fail(indexed("durable_objects.bindings", i)+".class_name", "no migration makes the class %s", b.ClassName)
		}
	}
}

// play applies a step to the classes that there are.
func (m *Migration) play(o *object, classes map[string]bool) {
	make := func(key, class string) {
		if !classForm.MatchString(class) {
			o.fail(key, "want the name of a class, got %q", class)
		}
		if classes[class] {
			o.fail(key, "the class %s exists already", class)
		}
		classes[class] = true
	}
	drop := func(key, class string) {
		if !classes[class] {
			o.fail(key, "there is no class %s", class)
		}
		delete(classes, class)
	}
	for _, class := range m.NewClasses {
		make("new_classes", class)
	}
	for _, class := range m.NewSQLiteClasses {
		make("new_sqlite_classes", class)
	}
	for _, r := range m.RenamedClasses {
		drop("renamed_classes", r.From)
		make("renamed_classes", r.To)
	}
	for _, t := range m.TransferredClasses {
		make("transferred_classes", t.To)
	}
	for _, class := range m.DeletedClasses {
		drop("deleted_classes", class)
	}
}

func (l *loader) loadD1(root, own *object) {
	for _, o := range root.children("d1_databases") {
		d := D1Binding{
			Binding:         o.need("binding"),
			DatabaseName:    o.text("database_name"),
			DatabaseID:      o.text("database_id"),
			MigrationsTable: o.text("migrations_table"),
		}
		l.bind(o, "binding", d.Binding)
		if d.DatabaseName == "" {
			d.DatabaseName = d.DatabaseID
		}
		if !databaseForm.MatchString(d.DatabaseName) {
			o.fail("database_name", "want letters, digits, . - and _, with one * at the end for a pattern")
		}
		if d.MigrationsTable == "" {
			d.MigrationsTable = defaultMigrationsTable
		}
		d.MigrationsDir = l.migrationsDir(o)
		o.ignore("preview_database_id", "remote", "experimental_remote", "database_internal_env")
		o.end()
		l.D1 = append(l.D1, d)
	}
	for _, o := range own.children("d1") {
		l.loadRemoteD1(o)
	}
}

// migrationsDir is the directory that is named, or the usual one if it is
// there.
func (l *loader) migrationsDir(o *object) string {
	name := o.text("migrations_dir")
	if name == "" {
		if usual := l.resolve(defaultMigrationsDir); isDir(usual) {
			return usual
		}
		return ""
	}
	dir := l.resolve(name)
	if !isDir(dir) {
		o.fail("migrations_dir", "no such directory: %s", dir)
	}
	return dir
}

// loadRemoteD1 gives a D1 binding its URL and token.
func (l *loader) loadRemoteD1(o *object) {
	name, address, token := o.need("binding"), o.need("url"), o.text("token")
	o.end()
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !slices.Contains([]string{"libsql", "http", "https", "ws", "wss"}, u.Scheme) {
		o.fail("url", "want a libsql:// or http(s):// URL")
	}
	i := slices.IndexFunc(l.D1, func(d D1Binding) bool { return d.Binding == name })
	if i < 0 {
		o.fail("binding", "d1_databases has no binding %s", name)
		return
	}
	if l.D1[i].URL != "" {
		o.fail("binding", "%s stands twice", name)
	}
	if _, isPattern := l.D1[i].Pattern(); isPattern {
		o.fail("binding", "%s is a pattern; a remote database is one", name)
	}
	l.D1[i].URL, l.D1[i].Token = address, token
}

func (l *loader) loadRoutes(root, own *object) {
	kind := KindWorker
	if l.Guest == nil {
		kind = KindAssets
	}
	list := root.list("routes", "patterns")
	if single, ok := root.take("route"); ok {
		list = append(list, single)
	}
	for i, value := range list {
		key := indexed("routes", i)
		if text, ok := value.(string); ok {
			value = map[string]any{"pattern": text}
		}
		o := root.table(key, value)
		pattern, whole := o.need("pattern"), o.flag("custom_domain")
		o.ignore("zone_id", "zone_name", "enabled", "previews_enabled")
		o.end()
		if whole && !strings.Contains(pattern, "/") {
			pattern += "/*"
		}
		l.addRoute(o, Route{Pattern: pattern, Kind: kind, key: key})
	}
	for i, o := range own.children("routes") {
		r := Route{Pattern: o.need("pattern"), Kind: KindObject, Binding: o.need("binding"), Name: o.need("name"), key: indexed("holdfast.routes", i)}
		r.BodyBytesMax = int64(o.number("body_mib", 4096)) << 20
		o.end()
		if !slices.ContainsFunc(l.Objects, func(b ObjectBinding) bool { return b.Name == r.Binding }) {
			o.fail("binding", "durable_objects has no binding %s", r.Binding)
		}
		l.addRoute(o, r)
	}
	if len(l.Routes) == 0 {
		l.addRoute(root, Route{Pattern: "/*", Kind: kind, key: "routes"})
	}
}

// addRoute checks a route's pattern and name.
func (l *loader) addRoute(o *object, r Route) {
	if r.BodyBytesMax == 0 {
		r.BodyBytesMax = int64(l.Limits.BodyMiB) << 20
	}
	p, err := parsePattern(r.Pattern)
	if err == nil && r.Kind == KindObject {
		_, err = parseName(r.Name, p.params)
		if err != nil {
			o.fail("name", "%v", err)
		}
	} else if err != nil {
		o.fail("pattern", "%v", err)
	}
	l.Routes = append(l.Routes, r)
}
