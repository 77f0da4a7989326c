-- Statements over syncpatterns_record.

-- name: load
-- One key; the primary key is the table itself.
SELECT operation, fingerprint, state, token, nonce, attempts, created,
       lease_until, replay_until, dedupe_until, completed,
       outcome_kind, outcome_status, outcome_headers, outcome_body, notes,
       command, door
FROM syncpatterns_record WHERE key = ?

-- name: save
-- A record is always written whole: what it becomes is decided in the core.
INSERT OR REPLACE INTO syncpatterns_record (
    key, operation, fingerprint, state, token, nonce, attempts, created,
    lease_until, replay_until, dedupe_until, completed,
    outcome_kind, outcome_status, outcome_headers, outcome_body, notes,
    command, door
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: evict
DELETE FROM syncpatterns_record WHERE key = ?

-- name: unresolved
-- Reads the partial index only, however many records there are.
SELECT key, operation, fingerprint, state, token, nonce, attempts, created,
       lease_until, replay_until, dedupe_until, completed,
       outcome_kind, outcome_status, outcome_headers, outcome_body, notes,
       command, door
FROM syncpatterns_record WHERE state = 'unknown' ORDER BY created LIMIT ?

-- name: lapsed
-- Claims whose owner vanished; reads the partial index only. A host whose clock
-- went back does not take back what the database has seen.
SELECT key, operation, fingerprint, state, token, nonce, attempts, created,
       lease_until, replay_until, dedupe_until, completed,
       outcome_kind, outcome_status, outcome_headers, outcome_body, notes,
       command, door
FROM syncpatterns_record
WHERE state = 'in_progress' AND lease_until <= max(?, coalesce(
    (SELECT value FROM syncpatterns_meta WHERE name = 'high_water'), 0
))
ORDER BY lease_until LIMIT ?

-- name: forgotten
-- Looked up on a reading connection, so that no writer waits for the scan.
SELECT key FROM syncpatterns_record
WHERE key > ? AND dedupe_until <= ? ORDER BY key LIMIT ?

-- name: forget
-- The time is checked again: the key may have been claimed anew meanwhile.
DELETE FROM syncpatterns_record WHERE key = ? AND dedupe_until <= ?

-- name: add_resolution
INSERT INTO syncpatterns_resolution (key, operation, happened, actor, reason, at)
VALUES (?, ?, ?, ?, ?, ?)

-- name: resolutions
-- Newest first.
SELECT key, operation, happened, actor, reason, at
FROM syncpatterns_resolution ORDER BY number DESC LIMIT ?
