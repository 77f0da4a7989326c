-- What the library keeps about idempotency keys, and about itself.

-- name: 'schema' is the number of the last migration, 'epoch' identifies this
-- outbox for ever, 'high_water' is the latest time this database has seen.
CREATE TABLE syncpatterns_meta (
    name TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

-- One row a key, in one B-tree: a rowid table would need a second, random page
-- for its index in every commit.
CREATE TABLE syncpatterns_record (
    key BLOB PRIMARY KEY,          -- storage key, 32 bytes
    operation TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    state TEXT NOT NULL,
    token INTEGER NOT NULL,        -- only grows
    nonce TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    created REAL NOT NULL,
    lease_until REAL NOT NULL,
    replay_until REAL NOT NULL,
    dedupe_until REAL NOT NULL,
    completed REAL,
    outcome_kind TEXT,
    outcome_status INTEGER,
    outcome_headers TEXT,          -- JSON list of pairs, in order
    outcome_body BLOB
) WITHOUT ROWID;

-- Partial, so that it costs nothing until an outcome is unknown.
CREATE INDEX syncpatterns_record_unknown
    ON syncpatterns_record (created) WHERE state = 'unknown';
