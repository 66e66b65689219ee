package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// verified fails the test if Verify finds anything.
func verified(t *testing.T, e *Engine) *Verified {
	t.Helper()
	v, err := e.Verify(context.Background())
	must(t, err)
	if len(v.Problems) > 0 {
		t.Fatalf("verify: %s", strings.Join(v.Problems, "\n"))
	}
	return v
}

// TestBackup_WhileTurnsRun: what was acknowledged before the backup began is
// in it, each object of one turn; a second backup copies only new tables.
func TestBackup_WhileTurnsRun(t *testing.T) {
	fs := vfs.NewMem()
	clock := &ticking{ms: 1_700_000_000_000}
	const objects = 6
	e := openMem(t, fs, func(c *Config) { c.MemTableBytes, c.Clock, c.Logger = 256<<10, clock.now, quiet() })
	must(t, e.SetHistory("app.History", time.Hour))
	a := newAcks(objects)
	stop, enough := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	seen := 0
	go func() {
		ended <- runHistories(e, 1, objects, 1<<20, stop, func(i int, turn uint64) {
			a.add(i, turn)
			if seen++; seen == 300 {
				close(enough)
			}
		})
	}()
	<-enough
	var acked [2][]uint64
	var backups [2]*Backup
	for i := range backups {
		acked[i] = a.snapshot()
		var err error
		backups[i], err = e.Backup("backups")
		must(t, err)
		clock.extra.Add(60_000)
	}
	close(stop)
	must(t, <-ended)
	must(t, e.db.Compact(context.Background(), []byte{0}, []byte{0xff}, false)) // nothing moves by itself any more
	var more [2]*Backup
	for i := range more {
		must(t, e.SetSetting("s", nil))
		var err error
		more[i], err = e.Backup("more")
		must(t, err)
		clock.extra.Add(60_000)
	}
	if b := more[1]; more[0].CopiedBytes != more[0].Bytes || b.CopiedBytes*2 > b.Bytes || b.CopiedBytes == 0 {
		t.Errorf("of %d bytes the first backup copied %d, the second %d", b.Bytes, more[0].CopiedBytes, b.CopiedBytes)
	}
	must(t, e.Close())
	for i, name := range []string{backups[0].Name, backups[1].Name} {
		to := fmt.Sprintf("restored%d", i)
		b, err := RestoreBackup(fs, "backups", name, to)
		must(t, err)
		if b.Name != backups[i].Name {
			t.Errorf("restored %s, want %s", b.Name, backups[i].Name)
		}
		r := openMem(t, fs, func(c *Config) { c.Dir, c.Logger = to, quiet() })
		verifyHistories(t, r, acked[i])
		verified(t, r)
		if r.identity == e.identity {
			t.Error("the restored directory has the identity of the old one")
		}
		must(t, r.Close())
	}
	if _, err := RestoreBackup(fs, "backups", "", "restored0"); err == nil {
		t.Error("restored into a directory that is not empty")
	}
}

// TestRestoreBackup_Damaged: a flipped byte, a missing file, a missing
// manifest are found.
func TestRestoreBackup_Damaged(t *testing.T) {
	fs := vfs.NewMem()
	e := openMem(t, fs, nil)
	o := mustOpen(t, e, 1)
	must(t, o.Put("k", []byte("v")))
	commitDurably(t, o)
	must(t, o.Close())
	must(t, e.db.Flush())
	b, err := e.Backup("backups")
	must(t, err)
	must(t, e.Close())
	for i, f := range b.Files {
		name := fs.PathJoin("backups", b.Name, f.Name)
		if f.Shared != "" {
			name = fs.PathJoin("backups", backupFiles, f.Shared)
		}
		if f.Bytes == 0 {
			continue
		}
		whole := readAll(t, fs, name)
		bad := bytes.Clone(whole)
		bad[len(bad)/2] ^= 1
		must(t, writeFile(fs, name, bad))
		_, err := RestoreBackup(fs, "backups", "", fmt.Sprintf("flipped%d", i))
		wantErr(t, err, ErrBackup)
		must(t, fs.Remove(name))
		_, err = RestoreBackup(fs, "backups", "", fmt.Sprintf("missing%d", i))
		wantErr(t, err, ErrBackup)
		must(t, writeFile(fs, name, whole))
	}
	_, err = RestoreBackup(fs, "backups", "", "whole")
	must(t, err)
	must(t, fs.Remove(fs.PathJoin("backups", b.Name, backupManifest)))
	_, err = RestoreBackup(fs, "backups", "", "unlisted")
	wantErr(t, err, ErrBackup)
	_, err = RestoreBackup(fs, "whole", "", "none")
	wantErr(t, err, ErrBackup)
}

func readAll(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	must(t, err)
	b := make([]byte, sizeOf(fs, name))
	_, err = f.ReadAt(b, 0)
	must(t, err)
	must(t, f.Close())
	return b
}

// TestVerify_FindsDamage plants one fault at a time.
func TestVerify_FindsDamage(t *testing.T) {
	number := func(e *Engine) uint32 { ns, _ := e.namespaces.find("app.History"); return ns.number }
	set := func(e *Engine, key, value []byte) error { return e.db.Set(key, value, pebble.Sync) }
	faults := map[string]func(e *Engine) error{
		"kv holds": func(e *Engine) error {
			return set(e, append(append(objectPrefix(number(e), historyRef(1).ID), kindKV), 'x'), []byte("stray"))
		},
		"data without a record": func(e *Engine) error { return set(e, append(objectPrefix(number(e), store.ID{9}), kindKV, 'x'), nil) },
		"SQL: ": func(e *Engine) error {
			return set(e, appendPageKey(nil, objectPrefix(number(e), historyRef(1).ID), 2), bytes.Repeat([]byte{0xee}, pageBytesNew))
		},
		"is not in the index of names": func(e *Engine) error {
			return e.db.Delete(nameKey(number(e), historyRef(1).Name, historyRef(1).ID), pebble.Sync)
		},
		"its alarm is not in the index": func(e *Engine) error {
			return e.db.DeleteRange([]byte{familyAlarm}, []byte{familyAlarm + 1}, pebble.Sync)
		},
		"alarms in the index": func(e *Engine) error {
			return set(e, alarmKey(1<<41, number(e), store.ID{8}), appendAlarm(nil, store.Alarm{}))
		},
		"objects are counted": func(e *Engine) error { return e.db.Merge(countKey(number(e)), appendInt(nil, 1), pebble.Sync) },
		"bytes are counted":   func(e *Engine) error { return e.db.Merge(usageKey(number(e)), appendInt(nil, 1), pebble.Sync) },
		"history of": func(e *Engine) error {
			key := append(historyPrefix(number(e), historyRef(1).ID), make([]byte, 24)...)
			binary.BigEndian.PutUint64(key[prefixBytes:], 1<<40)
			return set(e, key, newRecorder(&meta{epoch: 1 << 39}).value)
		},
	}
	for want, plant := range faults {
		e := openMem(t, vfs.NewMem(), nil)
		must(t, e.SetHistory("app.History", time.Hour))
		must(t, runHistories(e, 1, 2, 20, nil, func(int, uint64) {}))
		if v := verified(t, e); v.Objects != 2 || v.Databases != 2 || v.Alarms != 2 || v.Records != 40 {
			t.Fatalf("%+v", v)
		}
		must(t, plant(e))
		v, err := e.Verify(context.Background())
		must(t, err)
		if !strings.Contains(strings.Join(v.Problems, "\n"), want) {
			t.Errorf("%q was not found: %q", want, v.Problems)
		}
		must(t, e.Close())
	}
}

// TestExport_AndImport: every object comes back as it was, under its own
// namespace and under another; damage is found.
func TestExport_AndImport(t *testing.T) {
	e := openMem(t, vfs.NewMem(), nil)
	defer e.Close()
	r := rand.New(rand.NewPCG(1, 2))
	want := map[string]string{}
	for n := range 8 {
		o := openPast(t, e, n)
		for range 5 {
			pastTurn(t, o, r)
		}
		must(t, o.Put("k0", nil))
		must(t, o.Put("k9", fmt.Append(nil, n)))
		commitDurably(t, o)
		want[pastRef(n).Name] = contents(t, o)
		must(t, o.Close())
	}
	var file bytes.Buffer
	n, err := e.Export(context.Background(), pastNamespace, &file)
	if err != nil || n != 8 {
		t.Fatal(n, err)
	}
	for _, namespace := range []string{pastNamespace, "app.Other"} {
		n, err := ReadExport(bytes.NewReader(file.Bytes()), func(origin string, ref store.Ref, image *Image) error {
			if origin != pastNamespace {
				t.Errorf("origin %q", origin)
			}
			ref.Namespace = namespace
			o, err := e.OpenWith(ref, ObjectOptions{})
			must(t, err)
			must(t, o.Put("k0", []byte("later")))
			must(t, o.Put("later", []byte("x")))
			commitDurably(t, o)
			_, err = o.Adopt(image, nil)
			must(t, err)
			if got := contents(t, o); got != want[ref.Name] {
				t.Errorf("%s: got %s, want %s", ref.Name, got, want[ref.Name])
			}
			return o.Close()
		})
		if err != nil || n != 8 {
			t.Fatal(n, err)
		}
	}
	verified(t, e)
	ignore := func(string, store.Ref, *Image) error { return nil }
	for i := 0; i < file.Len(); i += 61 {
		if _, err := ReadExport(bytes.NewReader(file.Bytes()[:i]), ignore); !errors.Is(err, ErrExport) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	for i := 0; i < file.Len(); i += 101 {
		bad := bytes.Clone(file.Bytes())
		bad[i] ^= 0x40
		if _, err := ReadExport(bytes.NewReader(bad), ignore); err == nil {
			t.Fatalf("a flipped byte at %d was taken", i)
		}
	}
	if _, err := ReadExport(strings.NewReader(file.String()+"x"), ignore); !errors.Is(err, ErrExport) {
		t.Fatal(err)
	}
	_, err = e.Export(context.Background(), "none", &file)
	wantErr(t, err, store.ErrNotFound)
}
