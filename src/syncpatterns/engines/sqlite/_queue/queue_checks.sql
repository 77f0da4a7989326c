-- Statements with which a check compares the tables of queues with themselves.
-- These look at every item: somebody asked for it.

-- name: wrong_kinds
-- A column takes any value in SQLite, whatever its type says.
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND (
    typeof(state) <> 'integer' OR state NOT BETWEEN 0 AND 7
    OR typeof(rank) <> 'integer' OR typeof(version) <> 'integer'
    OR typeof(token) <> 'integer' OR typeof(attempts) <> 'integer'
    OR typeof(lapses) <> 'integer' OR typeof(blocked) <> 'integer'
    OR typeof(place) <> 'integer' OR typeof(size) <> 'integer'
    OR min(version, token, attempts, lapses, blocked, place, size) < 0
    OR NOT EXISTS (SELECT 1 FROM syncpatterns_queue_word AS word
        WHERE word.id = syncpatterns_queue_item.operation)
    OR NOT EXISTS (SELECT 1 FROM syncpatterns_queue_word AS word
        WHERE word.id = syncpatterns_queue_item.target)
    OR typeof(created_at) <> 'real' OR typeof(keep_result) <> 'real'
    OR typeof(due_at) NOT IN ('real', 'null')
    OR typeof(wake) NOT IN ('real', 'null')
    OR typeof(lifetime) NOT IN ('real', 'null')
    OR typeof(sent_by) NOT IN ('integer', 'null')
    OR typeof(ended_at) NOT IN ('real', 'null')
    OR typeof(expires_at) NOT IN ('real', 'null')
    OR typeof(sent_at) NOT IN ('real', 'null')
    OR typeof(scope) <> 'text' OR typeof(key) <> 'text'
    OR typeof(fingerprint) <> 'blob'
    OR typeof(lane) NOT IN ('text', 'null')
    OR typeof(entity) NOT IN ('text', 'null')
    OR typeof(reason) NOT IN ('text', 'null')
    OR typeof(error) NOT IN ('text', 'null')
    OR typeof(headers) NOT IN ('text', 'null')
    OR typeof(payload) NOT IN ('blob', 'null')
)
ORDER BY id

-- name: wrong_outcomes
SELECT id FROM syncpatterns_queue_outcome
WHERE queue = ? AND (
    state NOT IN ('done', 'dead', 'expired', 'cancelled', 'superseded')
    OR typeof(token) <> 'integer' OR typeof(survivor) <> 'integer'
    OR NOT EXISTS (SELECT 1 FROM syncpatterns_queue_word AS word
        WHERE word.id = syncpatterns_queue_outcome.operation)
    OR typeof(at) <> 'real' OR typeof(forget_at) <> 'real'
    OR typeof(identity) <> 'blob' OR typeof(key_hash) <> 'blob'
    OR typeof(fingerprint) <> 'blob'
    OR typeof(reason) NOT IN ('text', 'null')
    OR typeof(error) NOT IN ('text', 'null')
    OR typeof(result) NOT IN ('blob', 'null')
)
ORDER BY id

-- name: wrong_edges
SELECT DISTINCT child FROM syncpatterns_queue_edge
WHERE child > ?1 AND child < ?2 AND (
    typeof(parent) <> 'integer' OR typeof(source) <> 'integer'
    OR policy NOT IN ('cascade', 'hold', 'run')
    OR open NOT IN (0, 1)
    OR coalesce(state, 'done') NOT IN (
        'done', 'dead', 'expired', 'cancelled', 'superseded'
    )
    OR (state IS NOT NULL AND (
        typeof(at) <> 'real' OR typeof(key_hash) <> 'blob'
        OR NOT EXISTS (SELECT 1 FROM syncpatterns_queue_word AS word
            WHERE word.id = syncpatterns_queue_edge.operation)
    ))
    OR typeof(reason) NOT IN ('text', 'null')
    OR typeof(error) NOT IN ('text', 'null')
    OR typeof(result) NOT IN ('blob', 'null')
)
ORDER BY child

-- name: wrong_pauses
SELECT target FROM syncpatterns_queue_pause
WHERE queue = ? AND (
    typeof(until) NOT IN ('real', 'null') OR typeof(reason) <> 'text'
    OR (target <> 0 AND NOT EXISTS (SELECT 1 FROM syncpatterns_queue_word AS word
        WHERE word.id = syncpatterns_queue_pause.target))
)

-- name: wrong_rules
SELECT id FROM syncpatterns_queue
WHERE id = ? AND (
    typeof(max_items) <> 'integer' OR typeof(max_bytes) <> 'integer'
    OR on_dead NOT IN ('continue', 'block', 'cascade')
    OR typeof(max_lapses) <> 'integer' OR typeof(redeliver_within) <> 'real'
    OR durability NOT IN ('enqueue', 'full', 'normal')
)

-- name: kept_counts
SELECT state, target, items, bytes FROM syncpatterns_queue_count
WHERE queue = ?

-- name: real_counts
SELECT state, target, count(*), sum(size) FROM syncpatterns_queue_item
WHERE queue = ? GROUP BY state, target

-- name: clear_counts
DELETE FROM syncpatterns_queue_count WHERE queue = ? AND state >= 0

-- name: count_anew
INSERT INTO syncpatterns_queue_count
SELECT queue, state, target, count(*), sum(size), NULL FROM syncpatterns_queue_item
WHERE queue = ? GROUP BY state, target

-- name: count_live
INSERT INTO syncpatterns_queue_count
SELECT ?1, -1, 0, coalesce(sum(items), 0), coalesce(sum(bytes), 0), 0
FROM syncpatterns_queue_count WHERE queue = ?1 AND state BETWEEN 0 AND 4
ON CONFLICT DO UPDATE SET items = excluded.items, bytes = excluded.bytes

-- name: count_from
UPDATE syncpatterns_queue_count SET last = ?
WHERE queue = ? AND state = -1 AND target = 0

-- name: no_payload
SELECT id FROM syncpatterns_queue_item AS i
WHERE queue = ? AND payload IS NULL AND NOT EXISTS (
    SELECT 1 FROM syncpatterns_queue_payload AS p WHERE p.id = i.id
)

-- name: last_number
SELECT coalesce(max(seq), 0) FROM syncpatterns_queue_key WHERE queue = ?

-- name: wrong_blocked
SELECT id, blocked, open FROM (
    SELECT i.id, i.blocked, (
        SELECT count(*) FROM syncpatterns_queue_edge AS e
        WHERE e.child = i.id AND e.open = 1
    ) AS open
    FROM syncpatterns_queue_item AS i WHERE i.queue = ?
) WHERE blocked <> open

-- name: orphans
-- An ended parent has left its end with the child.
SELECT e.child, e.source FROM syncpatterns_queue_edge AS e
WHERE e.child > ?1 AND e.child < ?2 AND e.open = 1 AND e.state IS NULL
AND NOT EXISTS (SELECT 1 FROM syncpatterns_queue_item AS i WHERE i.id = e.source)

-- name: stranded_alone
SELECT id FROM syncpatterns_queue_item
WHERE queue = ? AND state = 1 AND state <> 3 AND lane IS NULL AND blocked = 0

-- name: lanes
SELECT DISTINCT lane FROM syncpatterns_queue_item
WHERE queue = ? AND lane IS NOT NULL AND state <> 5

-- name: active
SELECT count(*) FROM syncpatterns_queue_item
WHERE queue = ? AND lane = ? AND state IN (0, 2, 3) AND state <> 5
