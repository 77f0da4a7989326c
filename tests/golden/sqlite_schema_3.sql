-- A database as schema 3 wrote it. Never edited: releases to come must read it.
PRAGMA application_id=1937330273;
BEGIN TRANSACTION;
CREATE TABLE syncpatterns_meta (
    name TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;
INSERT INTO "syncpatterns_meta" VALUES('epoch','0badcafe');
INSERT INTO "syncpatterns_meta" VALUES('high_water',1700000000.0);
INSERT INTO "syncpatterns_meta" VALUES('schema',3);
CREATE TABLE syncpatterns_outbox (
    pos INTEGER PRIMARY KEY,       -- commit order: there is one writer at a time
    channel TEXT NOT NULL,
    offset INTEGER NOT NULL,       -- 1, 2, 3 and so on within the channel
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    body BLOB NOT NULL,            -- JSON object: version, occurred_at, data ...
    created REAL NOT NULL          -- seconds since the epoch
);
INSERT INTO "syncpatterns_outbox" VALUES(4,'tenant.acme.bookings',4,'018bcfe5-6800-7000-8000-000000000004','booking.changed',X'7B2276657273696F6E223A312C226F636375727265645F6174223A22323032332D31312D31345432323A31333A32305A222C2264617461223A7B226964223A226234227D7D',1700000000.0);
INSERT INTO "syncpatterns_outbox" VALUES(5,'tenant.acme.bookings',5,'018bcfe5-6800-7000-8000-000000000005','booking.changed',X'7B2276657273696F6E223A312C226F636375727265645F6174223A22323032332D31312D31345432323A31333A32305A222C2264617461223A7B226964223A226235227D7D',1700000000.0);
CREATE TABLE syncpatterns_record (
    key BLOB PRIMARY KEY,          -- storage key, 32 bytes
    operation TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    state TEXT NOT NULL,
    token INTEGER NOT NULL,        -- only grows
    nonce TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    created REAL NOT NULL,
    lease_until REAL NOT NULL,
    replay_until REAL NOT NULL,
    dedupe_until REAL NOT NULL,
    completed REAL,
    outcome_kind TEXT,
    outcome_status INTEGER,
    outcome_headers TEXT,          -- JSON list of pairs, in order
    outcome_body BLOB
, notes TEXT) WITHOUT ROWID;
INSERT INTO "syncpatterns_record" VALUES(X'ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB','bookings.confirm',X'0101010101010101010101010101010101010101010101010101010101010101','completed',1700000000000000,'0123456789abcdef-0',2,1700000000.25,1700000001.5,1700000061.5,1700086401.5,1700000001.5,'value',201,'[["ETag","\"1\""],["Location","/b1"]]',X'7B226964223A226231227D',NULL);
INSERT INTO "syncpatterns_record" VALUES(X'CDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCD','sms.send',X'0202020202020202020202020202020202020202020202020202020202020202','unknown',1700000000000001,'0123456789abcdef-1',1,1700000002.0,1700000002.5,1700000002.5,1702592002.5,NULL,NULL,NULL,NULL,NULL,'{"command": "eyJ0byI6ImNhZsOpIn0=", "receipt": "eyJudW1iZXIiOjd9", "step:reserve": "MQ=="}');
INSERT INTO "syncpatterns_record" VALUES(X'EFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEF','sms.send',X'0303030303030303030303030303030303030303030303030303030303030303','in_progress',1700000000000002,'0123456789abcdef-2',2,1700000003.0,1700000033.0,1700000033.0,1702592033.0,NULL,NULL,NULL,NULL,NULL,'{"command": "eyJ0byI6ImIifQ=="}');
CREATE TABLE syncpatterns_resolution (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL,             -- storage key, 32 bytes
    operation TEXT NOT NULL,
    happened INTEGER NOT NULL,     -- 1: it had been done, 0: it had not
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    at REAL NOT NULL               -- seconds since the epoch
);
INSERT INTO "syncpatterns_resolution" VALUES(1,X'1212121212121212121212121212121212121212121212121212121212121212','sms.send',1,'ann','seen in their log',1700000050.5);
INSERT INTO "syncpatterns_resolution" VALUES(2,X'3434343434343434343434343434343434343434343434343434343434343434','sms.send',0,'bob','',1700000060.0);
CREATE INDEX syncpatterns_record_unknown
    ON syncpatterns_record (created) WHERE state = 'unknown';
CREATE UNIQUE INDEX syncpatterns_outbox_channel
    ON syncpatterns_outbox (channel, offset);
CREATE INDEX syncpatterns_record_in_progress
    ON syncpatterns_record (lease_until) WHERE state = 'in_progress';
COMMIT;
