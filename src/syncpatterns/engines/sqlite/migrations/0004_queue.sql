-- Offline queues: what is still to be done, and how what was done ended.

-- One row a queue, with the rules that were told last.
CREATE TABLE syncpatterns_queue (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    max_items INTEGER NOT NULL,
    max_bytes INTEGER NOT NULL,
    on_dead TEXT NOT NULL,         -- continue, block, cascade
    max_lapses INTEGER NOT NULL,
    redeliver_within REAL NOT NULL,
    durability TEXT NOT NULL       -- enqueue, full, normal
);

-- Names of operations and targets: an item holds their numbers. Never deleted.
CREATE TABLE syncpatterns_queue_word (
    id INTEGER PRIMARY KEY,
    word TEXT NOT NULL UNIQUE
);

-- How many items a target has in each state, kept by the triggers below, so that
-- statistics and the capacity cost the same however much there is. All of it is
-- one page. State -1 holds all live items of a queue, and the last number that was
-- given out: numbers are never given twice, and AUTOINCREMENT would keep its own in
-- a further page of every commit.
CREATE TABLE syncpatterns_queue_count (
    queue INTEGER NOT NULL,
    state INTEGER NOT NULL,
    target INTEGER NOT NULL,       -- a word; 0 for all
    items INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    last INTEGER,
    PRIMARY KEY (queue, state, target)
) WITHOUT ROWID;

-- What is found by its key, live or ended. The identity begins with a part of
-- the key itself, because keys that are made one after the other mostly begin
-- alike: a digest alone would touch a page of its own for every item.
CREATE TABLE syncpatterns_queue_key (
    queue INTEGER NOT NULL,
    identity BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (queue, identity)
) WITHOUT ROWID;

-- An id is the queue times 2^40 plus the number in the queue, so that the items
-- of a queue lie together and are listed in their order without a further index.
--
-- States: 0 READY, 1 WAITING, 2 SCHEDULED, 3 LEASED, 4 PARKED, 5 DEAD; 6 and 7
-- are DEAD too, but keep their place in their lane (on_dead = block): 6 is the
-- head of its lane, 7 is not.
--
-- wake, due_at and the end of a pause are on the steady clock, the others on the
-- wall clock. What is mostly absent is NULL and takes one byte.
CREATE TABLE syncpatterns_queue_item (
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    state INTEGER NOT NULL,
    target INTEGER NOT NULL,       -- a word
    rank INTEGER NOT NULL,         -- the priority below zero: less goes first
    operation INTEGER NOT NULL,    -- a word
    version INTEGER NOT NULL,
    token INTEGER NOT NULL,        -- how often it was claimed; only grows
    attempts INTEGER NOT NULL,
    lapses INTEGER NOT NULL,
    blocked INTEGER NOT NULL,      -- parents it still waits for
    created_at REAL NOT NULL,
    due_at REAL,                   -- NULL: from the start
    wake REAL,                     -- SCHEDULED: due_at; LEASED: end of the lease
    expires_at REAL,               -- NULL: never
    lifetime REAL,                 -- seconds it is worth doing, where requeue moved it
    sent_at REAL,
    sent_by INTEGER,               -- the token under which sent_at was set
    ended_at REAL,                 -- when it became DEAD
    keep_result REAL NOT NULL,
    place INTEGER NOT NULL,        -- its number, or the place that it took over
    size INTEGER NOT NULL,         -- bytes of the payload
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    lane TEXT,
    entity TEXT,
    reason TEXT,
    error TEXT,
    headers TEXT,                  -- NULL: {}
    payload BLOB                   -- NULL: in syncpatterns_queue_payload
);

-- A payload of more than a KB lies apart: to claim an item of 64 KiB would write
-- all its pages anew.
CREATE TABLE syncpatterns_queue_payload (
    id INTEGER PRIMARY KEY,
    payload BLOB NOT NULL
);

-- Claims walk the READY part of one target after the other, in this order and no
-- further than they need. LEASED items are not in it but in the next one: that is
-- a page less for every acknowledgement.
CREATE INDEX syncpatterns_queue_item_order
    ON syncpatterns_queue_item (queue, state, target, rank, place)
    WHERE state <> 3;

-- The others are partial: they cost nothing where the thing is not used.
CREATE INDEX syncpatterns_queue_item_wake
    ON syncpatterns_queue_item (queue, wake) WHERE wake IS NOT NULL;

CREATE INDEX syncpatterns_queue_item_expires
    ON syncpatterns_queue_item (queue, expires_at)
    WHERE expires_at IS NOT NULL AND sent_at IS NULL AND state < 5;

CREATE INDEX syncpatterns_queue_item_sent
    ON syncpatterns_queue_item (queue, sent_at)
    WHERE sent_at IS NOT NULL AND state < 3;

CREATE INDEX syncpatterns_queue_item_lane
    ON syncpatterns_queue_item (queue, lane, place)
    WHERE lane IS NOT NULL AND state <> 5;

-- Who is being delivered: at most one of a lane.
CREATE INDEX syncpatterns_queue_item_held
    ON syncpatterns_queue_item (queue, lane)
    WHERE lane IS NOT NULL AND state = 3;

CREATE INDEX syncpatterns_queue_item_entity
    ON syncpatterns_queue_item (queue, entity)
    WHERE entity IS NOT NULL AND sent_at IS NULL AND state < 5;

-- How an item ended, for as long as somebody may ask.
CREATE TABLE syncpatterns_queue_outcome (
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    state TEXT NOT NULL,           -- done, dead, expired, cancelled, superseded
    operation INTEGER NOT NULL,    -- a word
    token INTEGER NOT NULL,        -- of the claim that ended it; 0: of none
    survivor INTEGER NOT NULL,     -- who took its place; 0: nobody
    at REAL NOT NULL,
    forget_at REAL NOT NULL,
    identity BLOB NOT NULL,        -- its row in syncpatterns_queue_key
    key_hash BLOB NOT NULL,        -- 4 bytes
    fingerprint BLOB NOT NULL,
    reason TEXT,
    error TEXT,
    result BLOB
);

CREATE INDEX syncpatterns_queue_outcome_forget
    ON syncpatterns_queue_outcome (queue, forget_at);

-- Children and whom they wait for. How a parent ended is copied here, so that it
-- is known for as long as the child needs it.
CREATE TABLE syncpatterns_queue_edge (
    child INTEGER NOT NULL,
    parent INTEGER NOT NULL,       -- as the child named it
    source INTEGER NOT NULL,       -- the parent, or who took its place
    policy TEXT NOT NULL,          -- cascade, hold, run
    open INTEGER NOT NULL,         -- 1: the child still waits for it
    state TEXT,                    -- how it ended; NULL: it has not
    operation INTEGER,
    key_hash BLOB,
    at REAL,
    reason TEXT,
    error TEXT,
    result BLOB,
    PRIMARY KEY (child, parent)
) WITHOUT ROWID;

CREATE INDEX syncpatterns_queue_edge_source
    ON syncpatterns_queue_edge (source);

CREATE TABLE syncpatterns_queue_pause (
    queue INTEGER NOT NULL,
    target INTEGER NOT NULL,       -- a word; 0 for the whole queue
    until REAL,                    -- NULL: until somebody ends it
    reason TEXT NOT NULL,
    PRIMARY KEY (queue, target)
) WITHOUT ROWID;

CREATE TRIGGER syncpatterns_queue_item_added
AFTER INSERT ON syncpatterns_queue_item
BEGIN
    INSERT INTO syncpatterns_queue_count
    VALUES (new.queue, new.state, new.target, 1, new.size, NULL)
    ON CONFLICT DO UPDATE SET items = items + 1, bytes = bytes + excluded.bytes;
    INSERT INTO syncpatterns_queue_count VALUES (
        new.queue, -1, 0, new.state < 5, iif(new.state < 5, new.size, 0),
        new.id & 1099511627775 -- 2^40 - 1
    )
    ON CONFLICT DO UPDATE SET items = items + excluded.items,
        bytes = bytes + excluded.bytes, last = max(last, excluded.last);
END;

CREATE TRIGGER syncpatterns_queue_item_removed
AFTER DELETE ON syncpatterns_queue_item
BEGIN
    UPDATE syncpatterns_queue_count
    SET items = items - 1, bytes = bytes - old.size
    WHERE queue = old.queue AND state = old.state AND target = old.target;
    UPDATE syncpatterns_queue_count
    SET items = items - 1, bytes = bytes - old.size
    WHERE queue = old.queue AND state = -1 AND target = 0 AND old.state < 5;
END;

CREATE TRIGGER syncpatterns_queue_item_moved
AFTER UPDATE OF state ON syncpatterns_queue_item WHEN old.state <> new.state
BEGIN
    UPDATE syncpatterns_queue_count
    SET items = items - 1, bytes = bytes - old.size
    WHERE queue = old.queue AND state = old.state AND target = old.target;
    INSERT INTO syncpatterns_queue_count
    VALUES (new.queue, new.state, new.target, 1, new.size, NULL)
    ON CONFLICT DO UPDATE SET items = items + 1, bytes = bytes + excluded.bytes;
END;

-- Apart, because most changes of state leave it as live as it was.
CREATE TRIGGER syncpatterns_queue_item_died
AFTER UPDATE OF state ON syncpatterns_queue_item
WHEN (old.state < 5) <> (new.state < 5)
BEGIN
    UPDATE syncpatterns_queue_count
    SET items = items + iif(new.state < 5, 1, -1),
        bytes = bytes + iif(new.state < 5, new.size, -new.size)
    WHERE queue = new.queue AND state = -1 AND target = 0;
END;

CREATE TRIGGER syncpatterns_queue_payload_removed
AFTER DELETE ON syncpatterns_queue_item WHEN old.payload IS NULL
BEGIN
    DELETE FROM syncpatterns_queue_payload WHERE id = old.id;
END;
