-- Statements over syncpatterns_outbox.

-- name: write
-- The next offset is one step to the end of the channel's part of the index.
INSERT INTO syncpatterns_outbox (channel, offset, event_id, type, body, created)
VALUES (
    ?1,
    1 + coalesce(
        (SELECT max(offset) FROM syncpatterns_outbox WHERE channel = ?1), 0
    ),
    ?2, ?3, ?4, ?5
)

-- name: after
-- What the relay has not seen yet, in commit order.
SELECT pos, channel, offset, event_id, type, body, created
FROM syncpatterns_outbox WHERE pos > ? ORDER BY pos LIMIT ?

-- name: history
-- What a subscriber of one channel missed.
SELECT pos, channel, offset, event_id, type, body, created
FROM syncpatterns_outbox WHERE channel = ? AND offset > ? ORDER BY offset LIMIT ?

-- name: bounds
-- Two steps in the index. One SELECT with both min and max would read it all.
SELECT
    (SELECT min(offset) FROM syncpatterns_outbox WHERE channel = ?1),
    (SELECT max(offset) FROM syncpatterns_outbox WHERE channel = ?1)

-- name: top
SELECT coalesce(max(pos), 0) FROM syncpatterns_outbox

-- name: cut
-- The first row that is young enough to stay. Rows stand in the order of time,
-- so the walk ends there and costs as much as there is to delete.
SELECT coalesce(
    (SELECT pos FROM syncpatterns_outbox WHERE created >= ?1 ORDER BY pos LIMIT 1),
    (SELECT max(pos) FROM syncpatterns_outbox),
    0
)

-- name: stale
-- Old rows that are not the newest of their channel.
SELECT pos FROM syncpatterns_outbox AS old
WHERE pos > ?1 AND pos < ?2 AND EXISTS (
    SELECT 1 FROM syncpatterns_outbox AS newer
    WHERE newer.channel = old.channel AND newer.offset > old.offset
)
ORDER BY pos LIMIT ?3

-- name: forget
DELETE FROM syncpatterns_outbox WHERE pos = ?
