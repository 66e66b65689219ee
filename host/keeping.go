package host

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-run/holdfast/host/app"
	"github.com/holdfast-run/holdfast/host/storage"
)

func (h *Host) storageConfig() storage.Config {
	l := h.cfg.Limits
	return storage.Config{
		Dir: h.cfg.DataDir, Logger: h.cfg.Log, Clock: h.now, OpenDatabasesMax: l.OpenDatabases,
		CacheBytes: l.CacheMiB << 20, MemTableBytes: uint64(max(0, l.MemTableMiB)) << 20,
		ObjectBytesMax: l.ObjectMiB << 20, HostBytesMax: l.StorageMiB << 20, SQLOpsMax: l.SQLMillionSteps * 1_000_000,
		DiskFreeBytesSoft: uint64(l.DiskSoftMiB) << 20, DiskFreeBytesHard: uint64(l.DiskHardMiB) << 20,
		Failing: func(error) { close(h.broken) },
	}
}

// Broken is closed when a write has failed for good: the host answers reads
// and takes no more writes. It should be shut down and started again.
func (h *Host) Broken() <-chan struct{} { return h.broken }

// sweepEvery is how often histories are trimmed.
const sweepEvery = time.Hour

// sweepHistory trims histories now and then until it is stopped.
func (h *Host) sweepHistory() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			if err := h.storage.SweepHistory(); err != nil {
				h.cfg.Log.Error("histories not trimmed", "error", err.Error())
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() { cancel(); <-done }
}

// migrateClasses applies the steps of an app's migrations that this data
// directory has not seen, each once. No object of the classes may be open.
func (h *Host) migrateClasses(c *app.Config) error {
	setting := "migrations/" + c.Name
	text, _, err := h.storage.Setting(setting)
	if err != nil {
		return err
	}
	var applied []string
	if len(text) > 0 {
		if err := json.Unmarshal(text, &applied); err != nil {
			return fmt.Errorf("setting %s: %w", setting, err)
		}
	}
	for _, m := range c.Migrations {
		if slices.Contains(applied, m.Tag) {
			continue
		}
		if err := h.migrateClass(c.Name, m); err != nil {
			return fmt.Errorf("migration %s: %w", m.Tag, err)
		}
		applied = append(applied, m.Tag)
		if text, err = json.Marshal(applied); err != nil {
			return err
		}
		if err := h.storage.SetSetting(setting, text); err != nil {
			return err
		}
	}
	return nil
}

// migrateClass applies one step. Each part may be applied again: a crash may
// come before the step is noted.
func (h *Host) migrateClass(name string, m app.Migration) error {
	rename := func(from, to string) error {
		if objects, _ := h.storage.Usage(from); objects == 0 {
			return nil // nothing to keep, or done already
		}
		h.cfg.Log.Info("class renamed", "migration", m.Tag, "from", from, "to", to)
		return h.storage.RenameNamespace(from, to)
	}
	for _, r := range m.RenamedClasses {
		if err := rename(name+"."+r.From, name+"."+r.To); err != nil {
			return err
		}
	}
	for _, t := range m.TransferredClasses {
		if err := rename(t.FromScript+"."+t.From, name+"."+t.To); err != nil {
			return err
		}
	}
	for _, class := range m.DeletedClasses {
		if objects, _ := h.storage.Usage(name + "." + class); objects > 0 {
			h.cfg.Log.Warn("class deleted with its objects", "migration", m.Tag, "class", class, "objects", objects)
		}
		if err := h.storage.DeleteNamespace(name + "." + class); err != nil {
			return err
		}
	}
	return nil
}

// keep puts the app's history and quotas in force.
func (h *Host) keep(c *app.Config, classes []string) error {
	for _, class := range classes {
		namespace, q, days := c.Name+"."+class, storage.Quota{}, (*int)(nil)
		for _, k := range c.Keeping {
			if k.Class != "" && k.Class != class {
				continue
			}
			if k.HistoryDays != nil {
				days = k.HistoryDays
			}
			q = storage.Quota{ObjectBytes: int64(k.ObjectMiB) << 20, Bytes: int64(k.TotalMiB) << 20, Objects: int64(k.Objects)}
		}
		h.storage.SetQuota(namespace, q)
		if days == nil {
			continue
		}
		if err := h.storage.SetHistory(namespace, time.Duration(*days)*24*time.Hour); err != nil {
			return fmt.Errorf("history of %s: %w", namespace, err)
		}
	}
	for _, k := range c.Keeping {
		if k.Class != "" && !slices.Contains(classes, k.Class) {
			return &app.ConfigError{File: c.File, Key: "holdfast.classes", Want: fmt.Sprintf("no guest registers a class %q", k.Class)}
		}
	}
	return nil
}
