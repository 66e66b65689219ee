-- The index of one firm. Times are milliseconds since 1970, UTC. The truth is in the firm's objects: a row here is a copy with its
-- version, which reconciliation can write again. Tables keep their rowid and refer to no other.
CREATE TABLE conversation_index (
  firmId           TEXT    NOT NULL,
  sessionId        TEXT    NOT NULL,
  userId           TEXT,
  clientName       TEXT,
  clientEmail      TEXT,
  practiceArea     TEXT,
  status           TEXT    CHECK (status IN ('active', 'completed', 'terminated')),
  phase            TEXT    CHECK (phase IN ('pre_login', 'secured')),
  assignedTo       TEXT,
  conflictStatus   TEXT    CHECK (conflictStatus IN ('pending', 'clear', 'conflict_detected')),
  goalsCompleted   INTEGER NOT NULL DEFAULT 0 CHECK (goalsCompleted >= 0),
  goalsTotal       INTEGER NOT NULL DEFAULT 0 CHECK (goalsTotal >= 0),
  dataQualityScore INTEGER NOT NULL DEFAULT 0 CHECK (dataQualityScore BETWEEN 0 AND 100),
  createdAt        INTEGER NOT NULL DEFAULT 0,
  lastActivity     INTEGER NOT NULL DEFAULT 0,
  isDeleted        INTEGER NOT NULL DEFAULT 0 CHECK (isDeleted IN (0, 1)),
  version          INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (firmId, sessionId)
);

-- Lists: newest activity first, by each filter.
CREATE INDEX idx_conversation_index_lastActivity ON conversation_index (lastActivity, sessionId) WHERE isDeleted = 0;
CREATE INDEX idx_conversation_index_status_lastActivity ON conversation_index (status, lastActivity, sessionId) WHERE isDeleted = 0;
CREATE INDEX idx_conversation_index_assignedTo_lastActivity ON conversation_index (assignedTo, lastActivity, sessionId) WHERE isDeleted = 0;
CREATE INDEX idx_conversation_index_practiceArea_lastActivity ON conversation_index (practiceArea, lastActivity, sessionId) WHERE isDeleted = 0;
CREATE INDEX idx_conversation_index_conflictStatus_lastActivity ON conversation_index (conflictStatus, lastActivity, sessionId) WHERE isDeleted = 0;
-- Reports: each is answered from its index alone.
CREATE INDEX idx_conversation_index_attention ON conversation_index (assignedTo, lastActivity, sessionId, clientName, practiceArea, goalsCompleted, goalsTotal, dataQualityScore)
  WHERE isDeleted = 0 AND status = 'active';
CREATE INDEX idx_conversation_index_stale ON conversation_index (lastActivity, sessionId, assignedTo, clientName, practiceArea, goalsCompleted, goalsTotal, dataQualityScore)
  WHERE isDeleted = 0 AND status = 'active';
CREATE INDEX idx_conversation_index_practiceArea_createdAt ON conversation_index (practiceArea, createdAt, status, dataQualityScore, lastActivity) WHERE isDeleted = 0;
-- Counters of users, and what is a person's.
CREATE INDEX idx_conversation_index_userId ON conversation_index (userId, isDeleted);
CREATE INDEX idx_conversation_index_clientEmail ON conversation_index (clientEmail COLLATE NOCASE);

CREATE TABLE user_index (
  firmId                    TEXT    NOT NULL,
  userId                    TEXT    NOT NULL,
  auth0UserId               TEXT,
  email                     TEXT,
  name                      TEXT,
  role                      TEXT,
  status                    TEXT    CHECK (status IN ('active', 'inactive', 'suspended')),
  lastLogin                 INTEGER,
  conversationCount         INTEGER NOT NULL DEFAULT 0,
  assignedConversationCount INTEGER NOT NULL DEFAULT 0,
  createdAt                 INTEGER NOT NULL DEFAULT 0,
  version                   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (firmId, userId)
);

CREATE INDEX idx_user_index_status_userId ON user_index (status, userId, name, role);
CREATE INDEX idx_user_index_email ON user_index (email);

CREATE TABLE case_assignment_index (
  firmId         TEXT    NOT NULL,
  assignmentId   TEXT    NOT NULL,
  sessionId      TEXT    NOT NULL,
  assignedTo     TEXT    NOT NULL,
  assignedBy     TEXT,
  assignedAt     INTEGER NOT NULL DEFAULT 0,
  status         TEXT    CHECK (status IN ('pending', 'active', 'completed', 'reassigned')),
  priority       TEXT    CHECK (priority IN ('urgent', 'high', 'normal', 'low')),
  dueDate        INTEGER,
  estimatedHours REAL,
  actualHours    REAL,
  notes          TEXT,
  version        INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (firmId, assignmentId)
);

CREATE INDEX idx_case_assignment_index_sessionId ON case_assignment_index (sessionId, assignmentId);
CREATE INDEX idx_case_assignment_index_assignedTo_status ON case_assignment_index (assignedTo, status, estimatedHours);
CREATE INDEX idx_case_assignment_index_priority_dueDate ON case_assignment_index (priority, dueDate) WHERE status = 'active';
CREATE INDEX idx_case_assignment_index_dueDate ON case_assignment_index (dueDate) WHERE status = 'active';

CREATE TABLE conflict_detection_index (
  firmId         TEXT    NOT NULL,
  conflictId     TEXT    NOT NULL,
  sessionId      TEXT    NOT NULL,
  conflictType   TEXT    CHECK (conflictType IN ('client', 'opposing_party', 'matter', 'entity')),
  conflictEntity TEXT,
  matchType      TEXT    CHECK (matchType IN ('exact', 'fuzzy', 'phonetic', 'alias')),
  confidence     REAL    CHECK (confidence BETWEEN 0 AND 1),
  detectedAt     INTEGER NOT NULL DEFAULT 0,
  detectedBy     TEXT,
  status         TEXT    CHECK (status IN ('detected', 'reviewing', 'cleared', 'confirmed')),
  resolvedAt     INTEGER,
  resolvedBy     TEXT,
  resolution     TEXT    CHECK (resolution IN ('waived', 'client_consented', 'no_conflict', 'cannot_represent')),
  notes          TEXT,
  version        INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (firmId, conflictId)
);

CREATE INDEX idx_conflict_detection_index_sessionId ON conflict_detection_index (sessionId, conflictId);
CREATE INDEX idx_conflict_detection_index_status_detectedAt ON conflict_detection_index (status, detectedAt);
CREATE INDEX idx_conflict_detection_index_report ON conflict_detection_index (conflictType, matchType, detectedAt, status, confidence);

-- The audit trail: rows are only ever added, each with the hash of the one before.
CREATE TABLE audit_log_index (
  seq          INTEGER PRIMARY KEY CHECK (seq > 0), -- the rowid: the chain's order is the table's
  firmId       TEXT    NOT NULL,
  auditId      TEXT    NOT NULL,
  userId       TEXT,
  action       TEXT    NOT NULL,
  resourceType TEXT    NOT NULL,
  resourceId   TEXT,
  timestamp    INTEGER NOT NULL,
  ipAddress    TEXT,
  userAgent    TEXT,
  outcome      TEXT    NOT NULL CHECK (outcome IN ('success', 'failure', 'blocked')),
  details      TEXT,
  nonce        TEXT,
  digest       TEXT    NOT NULL,
  prevHash     TEXT    NOT NULL,
  hash         TEXT    NOT NULL,
  accessDay    INTEGER, -- days since 1970, of actions that only read
  UNIQUE (firmId, auditId)
);

CREATE INDEX idx_audit_log_index_timestamp ON audit_log_index (timestamp);
CREATE INDEX idx_audit_log_index_userId ON audit_log_index (userId, timestamp);
CREATE INDEX idx_audit_log_index_action ON audit_log_index (action, timestamp);
CREATE INDEX idx_audit_log_index_resource ON audit_log_index (resourceType, resourceId, seq);
CREATE INDEX idx_audit_log_index_access ON audit_log_index (accessDay, userId, resourceId, outcome, timestamp) WHERE accessDay IS NOT NULL;

-- While this has a row, the personal half of audit rows may be taken out, and nothing else may change. It has one only inside the
-- transaction of an erasure.
CREATE TABLE audit_erasure (id INTEGER PRIMARY KEY CHECK (id = 1));

CREATE TRIGGER audit_log_index_no_update BEFORE UPDATE ON audit_log_index
WHEN NOT EXISTS (SELECT 1 FROM audit_erasure)
  OR NEW.userId IS NOT NULL OR NEW.resourceId IS NOT NULL OR NEW.ipAddress IS NOT NULL OR NEW.userAgent IS NOT NULL OR NEW.details IS NOT NULL
  OR NEW.nonce IS NOT NULL OR NEW.seq <> OLD.seq OR NEW.firmId <> OLD.firmId OR NEW.auditId <> OLD.auditId OR NEW.action <> OLD.action
  OR NEW.resourceType <> OLD.resourceType OR NEW.timestamp <> OLD.timestamp OR NEW.outcome <> OLD.outcome OR NEW.digest <> OLD.digest
  OR NEW.prevHash <> OLD.prevHash OR NEW.hash <> OLD.hash
BEGIN
  SELECT RAISE(ABORT, 'audit_log_index is append-only: UPDATE is refused');
END;

CREATE TRIGGER audit_log_index_no_delete BEFORE DELETE ON audit_log_index
BEGIN
  SELECT RAISE(ABORT, 'audit_log_index is append-only: DELETE is refused');
END;

-- REPLACE deletes without asking the trigger above.
CREATE TRIGGER audit_log_index_no_replace BEFORE INSERT ON audit_log_index
WHEN EXISTS (SELECT 1 FROM audit_log_index WHERE firmId = NEW.firmId AND auditId = NEW.auditId)
  OR EXISTS (SELECT 1 FROM audit_log_index WHERE seq = NEW.seq)
BEGIN
  SELECT RAISE(ABORT, 'audit_log_index is append-only: a row of that auditId or seq is there');
END;

-- The counters of user_index follow conversation_index.
CREATE TRIGGER conversation_index_counts_insert AFTER INSERT ON conversation_index WHEN NEW.isDeleted = 0
BEGIN
  UPDATE user_index SET conversationCount = conversationCount + 1 WHERE firmId = NEW.firmId AND userId = NEW.userId;
  UPDATE user_index SET assignedConversationCount = assignedConversationCount + 1 WHERE firmId = NEW.firmId AND userId = NEW.assignedTo;
END;

CREATE TRIGGER conversation_index_counts_delete AFTER DELETE ON conversation_index WHEN OLD.isDeleted = 0
BEGIN
  UPDATE user_index SET conversationCount = conversationCount - 1 WHERE firmId = OLD.firmId AND userId = OLD.userId;
  UPDATE user_index SET assignedConversationCount = assignedConversationCount - 1 WHERE firmId = OLD.firmId AND userId = OLD.assignedTo;
END;

CREATE TRIGGER conversation_index_counts_update AFTER UPDATE ON conversation_index
WHEN OLD.userId IS NOT NEW.userId OR OLD.assignedTo IS NOT NEW.assignedTo OR OLD.isDeleted <> NEW.isDeleted
BEGIN
  UPDATE user_index SET conversationCount = conversationCount - 1 WHERE OLD.isDeleted = 0 AND firmId = OLD.firmId AND userId = OLD.userId;
  UPDATE user_index SET assignedConversationCount = assignedConversationCount - 1 WHERE OLD.isDeleted = 0 AND firmId = OLD.firmId AND userId = OLD.assignedTo;
  UPDATE user_index SET conversationCount = conversationCount + 1 WHERE NEW.isDeleted = 0 AND firmId = NEW.firmId AND userId = NEW.userId;
  UPDATE user_index SET assignedConversationCount = assignedConversationCount + 1 WHERE NEW.isDeleted = 0 AND firmId = NEW.firmId AND userId = NEW.assignedTo;
END;
