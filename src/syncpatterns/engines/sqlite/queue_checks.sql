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
    OR NOT EXISTS (SELECT 1 FROM syncpatterns_queue_word AS word
        WHERE word.id = syncpatterns_queue_item.operation)
    OR NOT EXISTS (SELECT 1 FROM syncpatterns_queue_word AS word
        WHERE word.id = syncpatterns_queue_item.target)
    OR typeof(created_at) <> 'real' OR typeof(keep_result) <> 'real'
    OR typeof(due_at) NOT IN ('real', 'null')
    OR typeof(wake) NOT IN ('real', 'null')
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
