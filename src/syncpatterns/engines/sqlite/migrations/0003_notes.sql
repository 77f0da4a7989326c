-- What a claim keeps until it is settled, and who settled what nobody knew.

ALTER TABLE syncpatterns_record
    ADD COLUMN notes TEXT;         -- JSON object: name to base64; NULL for none

-- Whose owner may have died; holds a row only while a call is under way.
CREATE INDEX syncpatterns_record_in_progress
    ON syncpatterns_record (lease_until) WHERE state = 'in_progress';

-- One row for every outcome that somebody settled by hand; never swept.
CREATE TABLE syncpatterns_resolution (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL,             -- storage key, 32 bytes
    operation TEXT NOT NULL,
    happened INTEGER NOT NULL,     -- 1: it had been done, 0: it had not
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    at REAL NOT NULL               -- seconds since the epoch
);
