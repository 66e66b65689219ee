-- Times are milliseconds since 1970, UTC.
CREATE TABLE log_metadata (
  id              TEXT    NOT NULL PRIMARY KEY,
  name            TEXT    NOT NULL,
  owner_namespace TEXT    NOT NULL,
  created_at      INTEGER NOT NULL,
  retention_days  INTEGER
) STRICT;

CREATE INDEX idx_log_metadata_owner_namespace_created_at_id ON log_metadata (owner_namespace, created_at, id);

CREATE TABLE log_events (
  log_id          TEXT    NOT NULL REFERENCES log_metadata (id),
  seq             INTEGER NOT NULL CHECK (seq > 0),
  id              TEXT    NOT NULL,
  owner_namespace TEXT    NOT NULL,
  author_id       TEXT    NOT NULL,
  content         TEXT    NOT NULL,
  created_at      INTEGER NOT NULL,
  PRIMARY KEY (log_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_log_events_log_id_author_id_seq ON log_events (log_id, author_id, seq);
CREATE INDEX idx_log_events_log_id_created_at_seq ON log_events (log_id, created_at, seq);
CREATE INDEX idx_log_events_owner_namespace_created_at ON log_events (owner_namespace, created_at, log_id, seq);
