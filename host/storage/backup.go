package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// A directory of backups:
//
//	files/<identity>-<name>  tables: they never change, and are kept once
//	<time>/                  one backup: its small files, and
//	<time>/backup.json       written last: what belongs to it, with checksums
//
// So a second backup into the same directory copies only what is new.
const (
	backupFiles    = "files"
	backupManifest = "backup.json"
	backupVersion  = 1
	backupStamp    = "20060102T150405.000Z"
	checkpointName = "checkpoint.tmp"
)

// ErrBackup is a backup that is damaged or none.
var ErrBackup = errors.New("not a whole backup")

// Backup describes one backup.
type Backup struct {
	Name    string       `json:"name"` // of its directory: the time, sortable
	Version int          `json:"version"`
	Format  int          `json:"format"` // of the data directory
	TakenAt time.Time    `json:"takenAt"`
	Files   []BackupFile `json:"files"`

	Bytes       int64 `json:"-"` // of all its files
	CopiedBytes int64 `json:"-"` // of those that were not there yet
}

// BackupFile is one file of a backup.
type BackupFile struct {
	Name   string `json:"name"`             // in the data directory
	Shared string `json:"shared,omitempty"` // its name in files/
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Backup writes a consistent copy of everything that is committed now into
// the directory to, while the host works. to may hold earlier backups; it
// must not lie in the data directory.
func (e *Engine) Backup(to string) (*Backup, error) {
	e.backing.Lock()
	defer e.backing.Unlock()
	fs := e.cfg.FS
	if err := fs.MkdirAll(fs.PathJoin(to, backupFiles), 0o755); err != nil {
		return nil, store.Errorf("make %s: %w", to, err)
	}
	known, err := backupSums(fs, to)
	if err != nil {
		return nil, err
	}
	checkpoint := fs.PathJoin(e.cfg.Dir, checkpointName)
	if err := fs.RemoveAll(checkpoint); err != nil {
		return nil, store.Errorf("remove %s: %w", checkpoint, err)
	}
	taken := e.cfg.Clock().UTC()
	if err := e.checkpoint(checkpoint); err != nil {
		return nil, err
	}
	b := &Backup{Name: taken.Format(backupStamp), Version: backupVersion, Format: formatVersion, TakenAt: taken}
	c := copier{fs: fs, from: checkpoint, to: to, identity: e.identity, known: known, backup: b}
	return b, errors.Join(c.run(), fs.RemoveAll(checkpoint))
}

// copier copies a checkpoint into a directory of backups.
type copier struct {
	fs       vfs.FS
	from, to string
	identity string
	known    map[string]BackupFile // by shared name
	backup   *Backup
}

func (c *copier) run() error {
	dir := c.fs.PathJoin(c.to, c.backup.Name)
	if _, err := c.fs.Stat(dir); err == nil {
		return fmt.Errorf("storage: %s exists already", dir)
	}
	partial := dir + ".tmp"
	if err := errors.Join(c.fs.RemoveAll(partial), c.fs.MkdirAll(partial, 0o755)); err != nil {
		return store.Errorf("make %s: %w", partial, err)
	}
	names, err := c.fs.List(c.from)
	if err != nil {
		return store.Errorf("list %s: %w", c.from, err)
	}
	slices.Sort(names)
	for _, name := range names {
		f, err := c.file(partial, name)
		if err != nil {
			return err
		}
		c.backup.Files = append(c.backup.Files, f)
		c.backup.Bytes += f.Bytes
	}
	text, err := json.MarshalIndent(c.backup, "", "  ")
	if err != nil {
		return store.Errorf("encode %s: %w", backupManifest, err)
	}
	if err := writeFile(c.fs, c.fs.PathJoin(partial, backupManifest), text); err != nil {
		return err
	}
	err = errors.Join(syncDir(c.fs, c.fs.PathJoin(c.to, backupFiles)), syncDir(c.fs, partial), c.fs.Rename(partial, dir), syncDir(c.fs, c.to))
	if err != nil {
		return store.Errorf("finish %s: %w", dir, err)
	}
	return nil
}

// file copies one file, unless it is a table that is there already.
func (c *copier) file(partial, name string) (BackupFile, error) {
	f := BackupFile{Name: name}
	if !strings.HasSuffix(name, ".sst") && !strings.HasSuffix(name, ".blob") {
		var err error
		f.Bytes, f.SHA256, err = copyFile(c.fs, c.fs.PathJoin(c.from, name), c.fs.PathJoin(partial, name))
		c.backup.CopiedBytes += f.Bytes
		return f, err
	}
	f.Shared = c.identity + "-" + name
	source, target := c.fs.PathJoin(c.from, name), c.fs.PathJoin(c.to, backupFiles, f.Shared)
	if known, ok := c.known[f.Shared]; ok && sizeOf(c.fs, source) == known.Bytes && sizeOf(c.fs, target) == known.Bytes {
		known.Name = name
		return known, nil
	}
	var err error
	if f.Bytes, f.SHA256, err = copyFile(c.fs, source, target+".tmp"); err != nil {
		return f, err
	}
	c.backup.CopiedBytes += f.Bytes
	if err := c.fs.Rename(target+".tmp", target); err != nil {
		return f, store.Errorf("rename %s: %w", target, err)
	}
	return f, nil
}

func sizeOf(fs vfs.FS, name string) int64 {
	info, err := fs.Stat(name)
	if err != nil {
		return -1
	}
	return info.Size()
}

// copyFile copies, syncs and sums up a file.
func copyFile(fs vfs.FS, from, to string) (bytes int64, sum string, err error) {
	in, err := fs.Open(from, vfs.SequentialReadsOption)
	if err != nil {
		return 0, "", store.Errorf("read %s: %w", from, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := fs.Create(to, vfs.WriteCategoryUnspecified)
	if err != nil {
		return 0, "", store.Errorf("write %s: %w", to, err)
	}
	hash := sha256.New()
	bytes, err = io.Copy(io.MultiWriter(out, hash), in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return 0, "", store.Errorf("copy %s to %s: %w", from, to, err)
	}
	return bytes, hex.EncodeToString(hash.Sum(nil)), nil
}

func writeFile(fs vfs.FS, name string, text []byte) error {
	out, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return store.Errorf("write %s: %w", name, err)
	}
	_, err = out.Write(text)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return store.Errorf("write %s: %w", name, err)
	}
	return nil
}

func syncDir(fs vfs.FS, name string) error {
	dir, err := fs.OpenDir(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// backupSums are the tables of all whole backups in a directory.
func backupSums(fs vfs.FS, dir string) (map[string]BackupFile, error) {
	sums := map[string]BackupFile{}
	all, err := Backups(fs, dir)
	for _, b := range all {
		for _, f := range b.Files {
			if f.Shared != "" {
				sums[f.Shared] = f
			}
		}
	}
	return sums, err
}

// Backups lists the whole backups in a directory, oldest first. A nil fs is
// the operating system's.
func Backups(fs vfs.FS, dir string) ([]*Backup, error) {
	if fs == nil {
		fs = vfs.Default
	}
	names, err := fs.List(dir)
	if err != nil {
		return nil, store.Errorf("list %s: %w", dir, err)
	}
	slices.Sort(names)
	var all []*Backup
	for _, name := range names {
		if _, err := time.Parse(backupStamp, name); err != nil {
			continue
		}
		b, err := readBackup(fs, fs.PathJoin(dir, name))
		if err != nil {
			return all, err
		}
		all = append(all, b)
	}
	return all, nil
}

func readBackup(fs vfs.FS, dir string) (*Backup, error) {
	name := fs.PathJoin(dir, backupManifest)
	in, err := fs.Open(name)
	if err != nil {
		return nil, fmt.Errorf("storage: %s: %w: %w", dir, ErrBackup, err)
	}
	text, err := io.ReadAll(in)
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, store.Errorf("read %s: %w", name, err)
	}
	b := &Backup{}
	if err := json.Unmarshal(text, b); err != nil || len(b.Files) == 0 {
		return nil, fmt.Errorf("storage: %s: %w (%v)", name, ErrBackup, err)
	}
	if b.Version > backupVersion || b.Format > formatVersion {
		return nil, fmt.Errorf("storage: %s is of version %d and format %d, this host knows %d and %d: %w",
			name, b.Version, b.Format, backupVersion, formatVersion, store.ErrVersion)
	}
	b.Name = fs.PathBase(dir)
	for _, f := range b.Files {
		b.Bytes += f.Bytes
	}
	return b, nil
}
