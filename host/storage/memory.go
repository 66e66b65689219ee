package storage

// Memory is what an engine has in memory. CacheBytes and MemTableBytes share
// Config.CacheBytes and two memtables; while more memtables wait to become
// tables, there are fewer blocks.
type Memory struct {
	CacheBytes    int64 // blocks of tables
	MemTableBytes int64 // writes that are not in tables yet, and room for them
	Databases     int   // SQLite databases open, idle or in a turn
}

// Memory is a snapshot; zero once the engine is closed. Any goroutine.
func (e *Engine) Memory() (m Memory) {
	_ = e.read(func() error { // of a closed engine there is nothing to say
		p := e.db.Metrics()
		m.CacheBytes, m.MemTableBytes = p.BlockCache.Size, int64(p.MemTable.Size)+int64(p.MemTable.ZombieSize)
		return nil
	})
	e.databases.mu.Lock()
	defer e.databases.mu.Unlock()
	m.Databases = e.databases.count
	return m
}
