package storage

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// noise is bytes that do not compress.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestMemory_HasItsLimits: whatever is written and read, the cache and the
// memtables stay within what they are given together, the cache has its part of
// it, and so many databases are open.
func TestMemory_HasItsLimits(t *testing.T) {
	const cacheMax, memTable, objects, keys = 8 << 20, 4 << 20, 64, 32
	e := openMem(t, vfs.NewMem(), func(c *Config) {
		c.CacheBytes, c.MemTableBytes, c.OpenDatabasesMax, c.Logger = cacheMax, memTable, 3, quiet()
	})
	value, all := noise(16<<10), make([]*Object, objects)
	for i := range all {
		o := mustOpen(t, e, i)
		for k := range keys {
			must(t, o.Put(strconv.Itoa(k), value))
		}
		commitDurably(t, o)
		all[i] = o
	}
	must(t, e.Compact(t.Context())) // none goes on meanwhile: it would empty the cache
	for i, o := range all {
		for k := range keys {
			if _, ok, err := o.Get(strconv.Itoa(k)); !ok || err != nil {
				t.Fatalf("object %d: %v, %v", i, ok, err)
			}
		}
		must(t, runSQL(o, "SELECT 1"))
		must(t, o.Abort())
	}
	const slack = 1 << 20 // a block more in each part of the cache
	m := e.Memory()
	if m.CacheBytes < cacheMax/2 || m.CacheBytes+m.MemTableBytes > cacheMax+2*memTable+slack {
		t.Errorf("%d MiB were read: %+v, want a cache of some %d beside two memtables of %d", objects*keys*len(value)>>20, m, cacheMax, memTable)
	}
	if m.Databases != 3 {
		t.Errorf("%d databases are open, 3 are allowed", m.Databases)
	}
	for _, o := range all {
		must(t, o.Close())
	}
	must(t, e.Close())
	if m := e.Memory(); m != (Memory{}) {
		t.Errorf("closed: %+v", m)
	}
}

// TestRest_KeepsNoBuffers: what a large turn needed is not kept by an object
// that rests, and a turn under way is not disturbed.
func TestRest_KeepsNoBuffers(t *testing.T) {
	e := openMem(t, vfs.NewMem(), nil)
	o := mustOpen(t, e, 1)
	must(t, o.Put("k", noise(512<<10)))
	must(t, runSQL(o, "CREATE TABLE t (a)"))
	must(t, o.Rest())
	commitDurably(t, o)
	if cap(o.turn.arena) == 0 || e.Memory().Databases != 1 {
		t.Fatal("nothing is kept: the test tests nothing")
	}
	must(t, o.Rest())
	if cap(o.turn.arena)+cap(o.turn.writes)+cap(o.key) != 0 || o.turn.index != nil || e.Memory().Databases != 0 {
		t.Errorf("kept: %d bytes, %d entries, %d databases", cap(o.turn.arena), cap(o.turn.writes), e.Memory().Databases)
	}
	if v, ok, err := o.Get("k"); len(v) != 512<<10 || !ok || err != nil {
		t.Errorf("%d bytes, %v, %v", len(v), ok, err)
	}
	must(t, runSQL(o, "SELECT a FROM t"))
	must(t, o.Close())
	must(t, o.Rest())
	must(t, e.Close())
}
