-- Statements over the tables syncpatterns_queue*.
--
-- None of them may scan a table or sort: a test reads the plan of each.

-- ------------------------------------------------------- queues and words

-- name: queue
-- And whether anybody waits for anybody: mostly nobody does.
SELECT id, max_items, max_bytes, on_dead, max_lapses, redeliver_within, durability,
    EXISTS (SELECT 1 FROM syncpatterns_queue_edge WHERE source > 0)
FROM syncpatterns_queue WHERE name = ?

-- name: queue_to_fill
-- And how much is live, and the last number given out.
SELECT q.id, q.max_items, q.max_bytes, q.on_dead, q.max_lapses, q.redeliver_within,
    q.durability,
    EXISTS (SELECT 1 FROM syncpatterns_queue_edge WHERE source > 0), (
        SELECT items FROM syncpatterns_queue_count
        WHERE queue = q.id AND state = -1 AND target = 0
    ), (
        SELECT bytes FROM syncpatterns_queue_count
        WHERE queue = q.id AND state = -1 AND target = 0
    ), (
        SELECT last FROM syncpatterns_queue_count
        WHERE queue = q.id AND state = -1 AND target = 0
    )
FROM syncpatterns_queue AS q WHERE q.name = ?

-- name: queues
SELECT name FROM syncpatterns_queue ORDER BY name

-- name: add_queue
INSERT INTO syncpatterns_queue (
    name, max_items, max_bytes, on_dead, max_lapses, redeliver_within, durability
) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
    max_items = excluded.max_items, max_bytes = excluded.max_bytes,
    on_dead = excluded.on_dead, max_lapses = excluded.max_lapses,
    redeliver_within = excluded.redeliver_within, durability = excluded.durability
RETURNING id

-- name: word_id
SELECT id FROM syncpatterns_queue_word WHERE word = ?

-- name: add_word
INSERT INTO syncpatterns_queue_word (word) VALUES (?) RETURNING id

-- name: word
SELECT word FROM syncpatterns_queue_word WHERE id = ?

-- --------------------------------------------------------------- counters

-- name: live
-- What is live, and the last number given out.
SELECT items, bytes, last FROM syncpatterns_queue_count
WHERE queue = ? AND state = -1 AND target = 0

-- name: count
-- A number was given out, and no item has it.
INSERT INTO syncpatterns_queue_count VALUES (?, -1, 0, 0, 0, ?)
ON CONFLICT DO UPDATE SET last = max(last, excluded.last)

-- name: counts
SELECT c.state, w.word, c.items, c.bytes, c.target
FROM syncpatterns_queue_count AS c
JOIN syncpatterns_queue_word AS w ON w.id = c.target
WHERE c.queue = ? AND c.state >= 0 AND c.items > 0

-- name: empty_counts
-- Targets that nobody uses any more.
DELETE FROM syncpatterns_queue_count
WHERE queue = ? AND state >= 0 AND items = 0

-- ------------------------------------------------------------------- keys

-- name: add_key
INSERT INTO syncpatterns_queue_key VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: key
SELECT seq FROM syncpatterns_queue_key WHERE queue = ? AND identity = ?

-- name: forget_key
DELETE FROM syncpatterns_queue_key WHERE queue = ? AND identity = ? AND seq = ?

-- ------------------------------------------------------------------ items

-- name: add
-- In the order of the table's columns.
INSERT INTO syncpatterns_queue_item VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?
)

-- name: add_plain
INSERT INTO syncpatterns_queue_item (
    id, queue, state, target, rank, operation, version, token, attempts, lapses,
    blocked, created_at, due_at, wake, expires_at, keep_result, place, size, scope,
    key, fingerprint, entity, headers, payload
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
)

-- name: add_payload
INSERT INTO syncpatterns_queue_payload VALUES (?, ?)

-- name: row
-- What is needed to decide about an item; without its payload.
SELECT id, queue, state, target, rank, operation, version, token, attempts, lapses,
    blocked, created_at, due_at, wake, expires_at, lifetime, sent_at, sent_by,
    ended_at, keep_result, place, size, scope, key, fingerprint, lane, entity,
    reason, error, headers
FROM syncpatterns_queue_item WHERE id = ?

-- name: item
SELECT id, queue, state, target, rank, operation, version, token, attempts, lapses,
    blocked, created_at, due_at, wake, expires_at, lifetime, sent_at, sent_by,
    ended_at, keep_result, place, size, scope, key, fingerprint, lane, entity,
    reason, error, headers,
    coalesce(payload, (
        SELECT p.payload FROM syncpatterns_queue_payload AS p
        WHERE p.id = syncpatterns_queue_item.id
    ))
FROM syncpatterns_queue_item WHERE id = ?

-- name: list
SELECT id, queue, state, target, rank, operation, version, token, attempts, lapses,
    blocked, created_at, due_at, wake, expires_at, lifetime, sent_at, sent_by,
    ended_at, keep_result, place, size, scope, key, fingerprint, lane, entity,
    reason, error, headers,
    coalesce(payload, (
        SELECT p.payload FROM syncpatterns_queue_payload AS p
        WHERE p.id = syncpatterns_queue_item.id
    ))
FROM syncpatterns_queue_item WHERE id > ? AND id < ? ORDER BY id

-- name: ids_in_state
-- Reads the index only.
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND state = ? AND state <> 3 AND id > ?

-- name: leased_ids
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND wake IS NOT NULL AND state = ? AND id > ?

-- name: ids_in_lane
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND lane = ? AND state <> 5 AND id > ?

-- name: acknowledge
-- The fence and the end in one statement.
DELETE FROM syncpatterns_queue_item WHERE id = ? AND token = ? AND state = 3
RETURNING id, operation, scope, key, fingerprint, keep_result, lane

-- name: remove
DELETE FROM syncpatterns_queue_item WHERE id = ?

-- name: stand
-- It is nobody's, and in the state that is its due.
UPDATE syncpatterns_queue_item SET state = ?, wake = ? WHERE id = ?

-- name: put_back
UPDATE syncpatterns_queue_item
SET state = ?, wake = ?, due_at = ?, attempts = ?, sent_at = ?, error = ?
WHERE id = ?

-- name: lapse
UPDATE syncpatterns_queue_item
SET state = ?, wake = ?, lapses = lapses + 1 WHERE id = ?

-- name: park
UPDATE syncpatterns_queue_item
SET state = 4, wake = NULL, sent_at = ?, reason = ?, error = ? WHERE id = ?

-- name: sent_before
-- It was first sent from another database.
UPDATE syncpatterns_queue_item SET sent_at = ? WHERE id = ? AND sent_at IS NOT NULL

-- name: count_failure
-- The last one of those that are allowed.
UPDATE syncpatterns_queue_item SET attempts = attempts + 1 WHERE id = ?

-- name: bury
UPDATE syncpatterns_queue_item
SET state = ?, wake = NULL, ended_at = ?, reason = ?, error = ? WHERE id = ?

-- name: revive
-- By hand: it begins anew, and so do its ages.
UPDATE syncpatterns_queue_item
SET state = ?, wake = NULL, due_at = ?, attempts = 0, lapses = 0, blocked = ?,
    sent_at = ?, expires_at = ?, lifetime = ?, ended_at = NULL, reason = NULL,
    error = NULL, place = ?
WHERE id = ?

-- name: unpark
UPDATE syncpatterns_queue_item
SET state = 1, wake = NULL, reason = NULL, error = NULL WHERE id = ?

-- name: blocked
UPDATE syncpatterns_queue_item SET blocked = ? WHERE id = ?

-- ----------------------------------------------------------------- claims

-- name: paused
-- Whether a target, or the whole queue, is not being delivered.
SELECT 1 FROM syncpatterns_queue_pause
WHERE queue = ?1 AND target IN (0, ?2) AND (until IS NULL OR until > ?3) LIMIT 1

-- name: ready_targets
SELECT c.target FROM syncpatterns_queue_count AS c
WHERE c.queue = ?1 AND c.state = 0 AND c.items > 0 AND NOT EXISTS (
    SELECT 1 FROM syncpatterns_queue_pause AS p
    WHERE p.queue = ?1 AND p.target IN (0, c.target)
    AND (p.until IS NULL OR p.until > ?2)
)

-- name: heads
-- The first READY item of every target that is not paused: one step each.
SELECT c.target, (
    SELECT i.id FROM syncpatterns_queue_item AS i
    WHERE i.queue = ?1 AND i.state = 0 AND i.state <> 3 AND i.target = c.target
    ORDER BY i.rank, i.place LIMIT 1
) FROM syncpatterns_queue_count AS c
WHERE c.queue = ?1 AND c.state = 0 AND c.items > 0 AND NOT EXISTS (
    SELECT 1 FROM syncpatterns_queue_pause AS p
    WHERE p.queue = ?1 AND p.target IN (0, c.target)
    AND (p.until IS NULL OR p.until > ?2)
)

-- name: ready
SELECT rank, place, id FROM syncpatterns_queue_item
WHERE queue = ? AND state = 0 AND state <> 3 AND target = ?
ORDER BY rank, place LIMIT ?

-- name: claim
UPDATE syncpatterns_queue_item
SET state = 3, wake = ?1, token = token + 1,
    sent_by = iif(sent_at IS NULL, token + 1, sent_by),
    sent_at = coalesce(sent_at, ?2)
WHERE id = ?3
RETURNING id, queue, state, target, rank, operation, version, token, attempts,
    lapses, blocked, created_at, due_at, wake, expires_at, lifetime, sent_at,
    sent_by, ended_at, keep_result, place, size, scope, key, fingerprint, lane,
    entity, reason, error, headers,
    coalesce(payload, (
        SELECT p.payload FROM syncpatterns_queue_payload AS p
        WHERE p.id = syncpatterns_queue_item.id
    ))

-- name: extend
UPDATE syncpatterns_queue_item SET wake = ?
WHERE id = ? AND token = ? AND state = 3

-- ------------------------------------------------------------------- time

-- name: queue_in_time
-- The queue, and whether time alone has something to do in it: one step each in
-- three indexes.
SELECT q.id, q.max_items, q.max_bytes, q.on_dead, q.max_lapses, q.redeliver_within,
    q.durability,
    EXISTS (SELECT 1 FROM syncpatterns_queue_edge WHERE source > 0), EXISTS (
        SELECT 1 FROM syncpatterns_queue_item AS i
        WHERE i.queue = q.id AND i.wake <= ?2
    ) OR EXISTS (
        SELECT 1 FROM syncpatterns_queue_item AS i
        WHERE i.queue = q.id AND i.expires_at <= ?3 AND i.sent_at IS NULL
        AND i.state < 5
    ) OR EXISTS (
        SELECT 1 FROM syncpatterns_queue_item AS i
        WHERE i.queue = q.id AND i.sent_at <= ?3 - q.redeliver_within AND i.state < 3
    )
FROM syncpatterns_queue AS q WHERE q.name = ?1

-- name: wakes
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND wake <= ? ORDER BY wake, id LIMIT ?

-- name: expired
-- Of those whose time ended together the one with the lower number first.
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND expires_at <= ? AND sent_at IS NULL AND state < 5
ORDER BY expires_at, id LIMIT ?

-- name: too_old
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND sent_at <= ? AND state < 3 ORDER BY sent_at, id LIMIT ?

-- name: next_wake
SELECT min(wake) FROM syncpatterns_queue_item
WHERE queue = ? AND wake IS NOT NULL

-- name: next_expiry
SELECT min(expires_at) FROM syncpatterns_queue_item
WHERE queue = ? AND expires_at IS NOT NULL AND sent_at IS NULL AND state < 5

-- name: next_too_old
SELECT min(sent_at) FROM syncpatterns_queue_item
WHERE queue = ? AND sent_at IS NOT NULL AND state < 3

-- ------------------------------------------------------------------ lanes

-- name: head
SELECT id, state, blocked, due_at, place FROM syncpatterns_queue_item
WHERE queue = ? AND lane = ? AND state <> 5 ORDER BY place LIMIT 1

-- name: second
SELECT id, state FROM syncpatterns_queue_item
WHERE queue = ? AND lane = ? AND state <> 5 AND place > ? ORDER BY place LIMIT 1

-- name: last
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND lane = ? AND state <> 5 ORDER BY place DESC LIMIT 1

-- name: held
SELECT 1 FROM syncpatterns_queue_item
WHERE queue = ? AND lane = ? AND state = 3 LIMIT 1

-- name: behind
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND lane = ? AND place > ? AND state <> 5 AND state < 3
ORDER BY place

-- name: backwards
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND lane = ? AND state <> 5 ORDER BY place DESC LIMIT ?

-- name: undelivered
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND entity = ? AND scope = ? AND sent_at IS NULL AND state < 5
ORDER BY id DESC

-- name: of_entity
-- Sent ones too.
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND entity = ? AND scope = ? AND state < 5

-- name: partners
-- Those of one operation that are worth doing, the newest first.
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND entity = ? AND sent_at IS NULL AND state < 5 AND operation = ?
AND (expires_at IS NULL OR expires_at > ?) AND scope = ?
ORDER BY id DESC

-- name: partner
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND entity = ? AND sent_at IS NULL AND state < 5 AND operation = ?
AND (expires_at IS NULL OR expires_at > ?) AND lane IS ? AND scope = ?
ORDER BY id DESC LIMIT 1

-- name: blocked_lanes
SELECT lane, id FROM syncpatterns_queue_item
WHERE queue = ? AND state = 6 AND state <> 3

-- name: free_the_dead
UPDATE syncpatterns_queue_item SET state = 5
WHERE queue = ? AND state = ? AND state <> 3

-- --------------------------------------------------------------- outcomes

-- name: add_outcome
INSERT INTO syncpatterns_queue_outcome (
    id, queue, state, operation, token, survivor, at, forget_at, identity,
    key_hash, fingerprint, reason, error, result
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: outcome
SELECT state, result, reason, error, survivor, at, operation, key_hash,
    fingerprint, forget_at, token, identity
FROM syncpatterns_queue_outcome WHERE id = ?

-- name: forgotten
SELECT id, identity FROM syncpatterns_queue_outcome
WHERE queue = ? AND forget_at <= ? ORDER BY forget_at LIMIT ?

-- name: forget
DELETE FROM syncpatterns_queue_outcome WHERE id = ?

-- --------------------------------------------------------------- children

-- name: add_edge
INSERT INTO syncpatterns_queue_edge VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: edges
SELECT parent, source, policy, open, state, operation, key_hash, at, reason, error,
    result
FROM syncpatterns_queue_edge WHERE child = ? ORDER BY parent

-- name: children
SELECT child, parent, policy FROM syncpatterns_queue_edge
WHERE source = ? AND open = 1

-- name: follow
-- The survivor stands for the one that it replaced.
UPDATE syncpatterns_queue_edge SET source = ? WHERE source = ? AND open = 1

-- name: conclude
UPDATE syncpatterns_queue_edge
SET open = ?, state = ?, operation = ?, key_hash = ?, at = ?, reason = ?, error = ?,
    result = ?
WHERE child = ? AND parent = ?

-- name: reopen
-- The parent runs again: it has not ended any more.
UPDATE syncpatterns_queue_edge
SET state = NULL, at = NULL, reason = NULL, error = NULL, result = NULL
WHERE source = ? AND open = 1

-- name: let_go
-- Parents that ended badly are not waited for again.
UPDATE syncpatterns_queue_edge SET open = 0
WHERE child = ? AND open = 1 AND state IS NOT NULL

-- name: open_edges
SELECT count(*) FROM syncpatterns_queue_edge WHERE child = ? AND open = 1

-- name: remove_edges
DELETE FROM syncpatterns_queue_edge WHERE child = ?

-- ----------------------------------------------------------------- pauses

-- name: pauses
SELECT p.target, w.word, p.until, p.reason FROM syncpatterns_queue_pause AS p
LEFT JOIN syncpatterns_queue_word AS w ON w.id = p.target
WHERE p.queue = ?

-- name: pause
-- A longer one is never cut short by a shorter one.
INSERT INTO syncpatterns_queue_pause VALUES (?, ?, ?, ?)
ON CONFLICT (queue, target) DO UPDATE
SET until = excluded.until, reason = excluded.reason
WHERE until IS NOT NULL AND (excluded.until IS NULL OR excluded.until > until)

-- name: end_pause
DELETE FROM syncpatterns_queue_pause WHERE queue = ? AND target = ?

-- name: signed_out
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND state = 4 AND state <> 3 AND target = ? AND reason = 'sign-in'

-- name: parked_targets
SELECT target FROM syncpatterns_queue_count
WHERE queue = ? AND state = 4 AND items > 0

-- name: state
SELECT state FROM syncpatterns_queue_item WHERE id = ?

-- name: take_key
UPDATE syncpatterns_queue_key SET seq = ? WHERE queue = ? AND identity = ?

-- name: next_rank
-- The next priority that is there, and its first item: one step each.
SELECT rank, place, id FROM syncpatterns_queue_item
WHERE queue = ?1 AND state = ?2 AND state <> 3 AND target = ?3
AND (rank, place) > (?4, ?5)
ORDER BY rank, place LIMIT 1

-- name: created
SELECT created_at FROM syncpatterns_queue_item WHERE id = ?

-- name: dead_in_lane
-- The DEAD have left the lane's index; they are few, or somebody has to look.
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND state = ? AND state <> 3 AND id > ? AND lane = ?
