-- Events that were published in a transaction, until they are old.
--
-- One insert writes two pages besides the business rows: the last leaf of the
-- table and one leaf of the index. That is the least with which the relay can
-- read in commit order (pos) and a subscriber can resume (channel, offset).
-- Neither event_id nor created has an index: each would be a page of its own in
-- every commit, and the sweep finds old rows by walking pos from the front.
--
-- No AUTOINCREMENT: it would keep its number in a third page. A plain rowid is
-- the largest plus one, and because the sweep keeps the newest row of all and
-- of each channel, neither pos nor offset is ever given twice.
CREATE TABLE syncpatterns_outbox (
    pos INTEGER PRIMARY KEY,       -- commit order: there is one writer at a time
    channel TEXT NOT NULL,
    offset INTEGER NOT NULL,       -- 1, 2, 3 and so on within the channel
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    body BLOB NOT NULL,            -- JSON object: version, occurred_at, data ...
    created REAL NOT NULL          -- seconds since the epoch
);

CREATE UNIQUE INDEX syncpatterns_outbox_channel
    ON syncpatterns_outbox (channel, offset);
