package storage

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// RestoreBackup makes the data directory to from a backup in the directory
// from: the one of that name, "" for the latest. Checksums are compared, and
// the directory is opened once. to must be empty or not exist. A nil fs is
// the operating system's.
func RestoreBackup(fs vfs.FS, from, name, to string) (*Backup, error) {
	if fs == nil {
		fs = vfs.Default
	}
	b, err := findBackup(fs, from, name)
	if err != nil {
		return nil, err
	}
	if names, err := fs.List(to); err == nil && len(names) > 0 {
		return nil, fmt.Errorf("storage: %s is not empty", to)
	}
	if err := fs.MkdirAll(to, 0o755); err != nil {
		return nil, store.Errorf("make %s: %w", to, err)
	}
	for _, f := range b.Files {
		if err := restoreFile(fs, from, b.Name, to, f); err != nil {
			return nil, err
		}
	}
	if err := syncDir(fs, to); err != nil {
		return nil, store.Errorf("sync %s: %w", to, err)
	}
	e, err := Open(Config{Dir: to, FS: fs, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	// Both would else go on to give their tables the same names.
	return b, errors.Join(e.newIdentity(), e.Close())
}

func findBackup(fs vfs.FS, from, name string) (*Backup, error) {
	if name != "" {
		return readBackup(fs, fs.PathJoin(from, name))
	}
	all, err := Backups(fs, from)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("storage: %s holds no backup: %w", from, ErrBackup)
	}
	return all[len(all)-1], nil
}

func restoreFile(fs vfs.FS, from, backup, to string, f BackupFile) error {
	source := fs.PathJoin(from, backup, f.Name)
	if f.Shared != "" {
		source = fs.PathJoin(from, backupFiles, f.Shared)
	}
	if f.Name != fs.PathBase(f.Name) || f.Shared != "" && f.Shared != fs.PathBase(f.Shared) {
		return fmt.Errorf("storage: %q is no name of a file: %w", f.Name, ErrBackup)
	}
	bytes, sum, err := copyFile(fs, source, fs.PathJoin(to, f.Name))
	if err != nil {
		return errors.Join(ErrBackup, err)
	}
	if bytes != f.Bytes || sum != f.SHA256 {
		return fmt.Errorf("storage: %s has another checksum than %s says: %w", source, backupManifest, ErrBackup)
	}
	return nil
}

const identityBytes = 8

// loadIdentity reads what tells this data directory from others.
func (e *Engine) loadIdentity() error {
	value, ok, err := e.get(keyIdentity)
	if err != nil {
		return err
	}
	if !ok {
		return e.newIdentity()
	}
	e.identity = hex.EncodeToString(value)
	return nil
}

func (e *Engine) newIdentity() error {
	value := make([]byte, identityBytes)
	_, _ = rand.Read(value) // never fails, says crypto/rand
	err := e.writeAlways(func(batch *pebble.Batch) error { return batch.Set(keyIdentity, value, nil) })
	if err == nil {
		e.identity = hex.EncodeToString(value)
	}
	return err
}
