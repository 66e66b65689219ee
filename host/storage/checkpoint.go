package storage

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// checkpointTries is how often a checkpoint is taken whose log was torn.
const checkpointTries = 20

// checkpoint puts tables and log as of now into dir, which is not there. Pebble
// copies the log while turns go on: a copy may have a piece as it was before
// them and what lies behind it as it is after, and then nobody could open it.
// So the copy is read, and taken again where it is torn.
func (e *Engine) checkpoint(dir string) error {
	for try := 1; ; try++ {
		err := e.read(func() error { return e.db.Checkpoint(dir, pebble.WithFlushedWAL()) })
		if err != nil {
			return store.Errorf("checkpoint: %w", err)
		}
		if err = readLogs(e.cfg.FS, dir); err == nil {
			return nil
		}
		if try == checkpointTries {
			return store.Errorf("checkpoint: %d copies of the log could not be read: %w", try, err)
		}
		if err := e.cfg.FS.RemoveAll(dir); err != nil {
			return store.Errorf("remove %s: %w", dir, err)
		}
	}
}

// readLogs reads the logs of a directory as an Open would.
func readLogs(fs vfs.FS, dir string) error {
	logs, err := wal.Scan(wal.Dir{FS: fs, Dirname: dir})
	if err != nil {
		return err
	}
	for i, l := range logs {
		if err := readLog(l, i == len(logs)-1); err != nil {
			return fmt.Errorf("log %d: %w", l.Num, err)
		}
	}
	return nil
}

// readLog reads a log. The newest one may end in the middle of a record.
func readLog(l wal.LogicalLog, newest bool) error {
	r := l.OpenForRead()
	for {
		rec, _, err := r.NextRecord()
		if err == nil {
			_, err = io.Copy(io.Discard, rec)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), newest && errors.Is(err, record.ErrUnexpectedEOF):
			return r.Close()
		default:
			return errors.Join(err, r.Close())
		}
	}
}
