-- What a salvaged database needs before it can be used: rows that belong
-- together were on different pages, and some of them may be gone.

-- name: without_payload
-- Items whose long payload could not be read: nobody can carry them out.
SELECT id FROM syncpatterns_queue_item AS item
WHERE payload IS NULL AND NOT EXISTS (
    SELECT 1 FROM syncpatterns_queue_payload AS long WHERE long.id = item.id
)

-- name: also_ended
-- Items that have an outcome too: a stale copy of their row was found.
SELECT id FROM syncpatterns_queue_item
WHERE id IN (SELECT id FROM syncpatterns_queue_outcome)

-- name: drop_item
DELETE FROM syncpatterns_queue_item WHERE id = ?

-- name: drop_payloads_of_nobody
DELETE FROM syncpatterns_queue_payload
WHERE id NOT IN (SELECT id FROM syncpatterns_queue_item)

-- name: drop_edges_of_nobody
DELETE FROM syncpatterns_queue_edge
WHERE child NOT IN (SELECT id FROM syncpatterns_queue_item)

-- name: park_children_of_nobody
-- The parent is gone and nobody knows how it ended: a person has to look.
UPDATE syncpatterns_queue_item
SET state = 4, blocked = 0, reason = 'parent-lost'
WHERE id IN (
    SELECT child FROM syncpatterns_queue_edge
    WHERE open = 1
      AND source NOT IN (SELECT id FROM syncpatterns_queue_item)
      AND source NOT IN (SELECT id FROM syncpatterns_queue_outcome)
)

-- name: close_edges_to_nobody
UPDATE syncpatterns_queue_edge SET open = 0
WHERE open = 1
  AND source NOT IN (SELECT id FROM syncpatterns_queue_item)
  AND source NOT IN (SELECT id FROM syncpatterns_queue_outcome)

-- name: name_lost_words
-- Operations and targets whose names are gone keep their items together.
INSERT OR IGNORE INTO syncpatterns_queue_word (id, word)
SELECT DISTINCT number, 'lost-' || number FROM (
    SELECT operation AS number FROM syncpatterns_queue_item
    UNION SELECT target FROM syncpatterns_queue_item
    UNION SELECT operation FROM syncpatterns_queue_outcome
) WHERE number NOT IN (SELECT id FROM syncpatterns_queue_word)

-- name: queues_without_row
SELECT DISTINCT queue FROM syncpatterns_queue_item
WHERE queue NOT IN (SELECT id FROM syncpatterns_queue)

-- name: add_queue
INSERT OR IGNORE INTO syncpatterns_queue
    (id, name, max_items, max_bytes, on_dead, max_lapses, redeliver_within,
     durability)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: items_without_key
SELECT item.queue, item.id & 1099511627775, item.scope, word.word, item.key
FROM syncpatterns_queue_item AS item
JOIN syncpatterns_queue_word AS word ON word.id = item.operation
WHERE item.id NOT IN (SELECT (queue << 40) + seq FROM syncpatterns_queue_key)

-- name: items_with_key
SELECT item.id, item.scope, word.word, item.key, known.identity
FROM syncpatterns_queue_key AS known
JOIN syncpatterns_queue_item AS item ON item.id = (known.queue << 40) + known.seq
JOIN syncpatterns_queue_word AS word ON word.id = item.operation
WHERE item.state < 5

-- name: park_damaged
-- Delivered under another key than before, it could be done twice.
UPDATE syncpatterns_queue_item
SET state = 4, wake = NULL, reason = 'damaged' WHERE id = ?

-- name: add_key
INSERT OR IGNORE INTO syncpatterns_queue_key VALUES (?, ?, ?)

-- name: add_keys_of_outcomes
INSERT OR IGNORE INTO syncpatterns_queue_key
SELECT queue, identity, id & 1099511627775 FROM syncpatterns_queue_outcome

-- name: drop_keys_of_nobody
DELETE FROM syncpatterns_queue_key
WHERE (queue << 40) + seq NOT IN (SELECT id FROM syncpatterns_queue_item)
  AND (queue << 40) + seq NOT IN (SELECT id FROM syncpatterns_queue_outcome)

-- name: last_numbers
-- The highest id of each queue that anything remembers.
SELECT id >> 40, max(id) & 1099511627775 FROM (
    SELECT id FROM syncpatterns_queue_item
    UNION ALL SELECT id FROM syncpatterns_queue_outcome
    UNION ALL SELECT (queue << 40) + seq FROM syncpatterns_queue_key
    UNION ALL SELECT parent FROM syncpatterns_queue_edge
) GROUP BY id >> 40

-- name: set_last_number
-- Numbers are never given twice, also not those of rows that were lost.
INSERT INTO syncpatterns_queue_count VALUES (?1, -1, 0, 0, 0, ?2)
ON CONFLICT DO UPDATE SET last = max(coalesce(last, 0), ?2)
