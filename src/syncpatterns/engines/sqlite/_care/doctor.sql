-- What the doctor counts.

-- name: lapsed_leases
-- The time is the latest one that the database has seen on its steady clock.
SELECT count(*) FROM syncpatterns_queue_item
WHERE state = 3 AND wake < coalesce(
    (SELECT value FROM syncpatterns_meta WHERE name = 'steady_seen'), 0
)
