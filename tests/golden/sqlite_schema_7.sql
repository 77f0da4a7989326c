-- A database as schema 7 wrote it. Never edited: releases to come must read it.
PRAGMA application_id=1937330273;
BEGIN TRANSACTION;
CREATE TABLE syncpatterns_meta (
    name TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;
INSERT INTO "syncpatterns_meta" VALUES('epoch','0badcafe');
INSERT INTO "syncpatterns_meta" VALUES('high_water',1700000000.0);
INSERT INTO "syncpatterns_meta" VALUES('schema',7);
INSERT INTO "syncpatterns_meta" VALUES('steady_base',1700000000.0);
INSERT INTO "syncpatterns_meta" VALUES('steady_boot','fake');
INSERT INTO "syncpatterns_meta" VALUES('steady_seen',1700000000.0);
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
INSERT INTO "syncpatterns_queue" VALUES(1,'leads',50,67108864,'block',20,82800.0,'full');
CREATE TABLE syncpatterns_queue_count (
    queue INTEGER NOT NULL,
    state INTEGER NOT NULL,
    target INTEGER NOT NULL,       -- a word; 0 for all
    items INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    last INTEGER,
    PRIMARY KEY (queue, state, target)
) WITHOUT ROWID;
INSERT INTO "syncpatterns_queue_count" VALUES(1,-1,0,7,1191,9);
INSERT INTO "syncpatterns_queue_count" VALUES(1,0,1,1,1102,NULL);
INSERT INTO "syncpatterns_queue_count" VALUES(1,0,3,0,0,NULL);
INSERT INTO "syncpatterns_queue_count" VALUES(1,1,1,2,29,NULL);
INSERT INTO "syncpatterns_queue_count" VALUES(1,2,1,2,30,NULL);
INSERT INTO "syncpatterns_queue_count" VALUES(1,3,1,1,15,NULL);
INSERT INTO "syncpatterns_queue_count" VALUES(1,3,3,0,0,NULL);
INSERT INTO "syncpatterns_queue_count" VALUES(1,4,3,1,15,NULL);
INSERT INTO "syncpatterns_queue_count" VALUES(1,6,1,1,13,NULL);
INSERT INTO "syncpatterns_queue_count" VALUES(1,7,1,0,0,NULL);
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
INSERT INTO "syncpatterns_queue_edge" VALUES(1099511627783,6,1099511627782,'hold',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "syncpatterns_queue_item" VALUES(1099511627778,1,6,1,0,2,1,1,0,0,0,1700000000.0,NULL,NULL,NULL,NULL,1700000000.0,1,1700000000.0,86400.0,2,13,'acme','dead',X'EC55AFCFCB2B487C','lead:1',NULL,'rejected','422',NULL,X'7B226964223A2264656164227D');
INSERT INTO "syncpatterns_queue_item" VALUES(1099511627779,1,1,1,0,2,1,0,0,0,0,1700000000.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,86400.0,3,15,'acme','behind',X'E31AE771C95653AF','lead:1',NULL,NULL,NULL,NULL,X'7B226964223A22626568696E64227D');
INSERT INTO "syncpatterns_queue_item" VALUES(1099511627780,1,4,3,0,4,1,1,0,0,0,1700000000.0,NULL,NULL,NULL,NULL,NULL,1,NULL,86400.0,4,15,'acme','parked',X'8874353DA38AB377',NULL,NULL,'sign-in','401',NULL,X'7B226964223A227061726B6564227D');
INSERT INTO "syncpatterns_queue_item" VALUES(1099511627781,1,2,1,-3,2,1,1,1,0,0,1700000000.0,1700000060.0,1700000060.0,NULL,NULL,1700000000.0,1,NULL,86400.0,5,15,'acme','nacked',X'76E737B8CEDBD495',NULL,NULL,NULL,'500',NULL,X'7B226964223A226E61636B6564227D');
INSERT INTO "syncpatterns_queue_item" VALUES(1099511627782,1,3,1,0,2,1,1,0,0,0,1700000000.0,NULL,1700000030.0,NULL,NULL,1700000000.0,1,NULL,86400.0,6,15,'acme','parent',X'65928B9458D24E94',NULL,NULL,NULL,NULL,NULL,X'7B226964223A22706172656E74227D');
INSERT INTO "syncpatterns_queue_item" VALUES(1099511627783,1,1,1,0,2,1,0,0,0,1,1700000000.0,NULL,NULL,1700604800.0,NULL,NULL,NULL,NULL,86400.0,7,14,'acme','child',X'768E4FCE26E1B2D0',NULL,NULL,NULL,NULL,'{"lang":"de"}',X'7B226964223A226368696C64227D');
INSERT INTO "syncpatterns_queue_item" VALUES(1099511627784,1,0,1,0,2,1,0,0,0,0,1700000000.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,86400.0,8,1102,'acme','large',X'BDA0136D8703A5CA',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "syncpatterns_queue_item" VALUES(1099511627785,1,2,1,0,2,1,0,0,0,0,1700000000.0,1700000010.0,1700000010.0,NULL,NULL,NULL,NULL,NULL,86400.0,9,15,'acme','entity',X'68ACCC6B7AFC7FE5',NULL,'lead:9',NULL,NULL,NULL,X'7B226964223A22656E74697479227D');
CREATE TABLE syncpatterns_queue_key (
    queue INTEGER NOT NULL,
    identity BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (queue, identity)
) WITHOUT ROWID;
INSERT INTO "syncpatterns_queue_key" VALUES(1,X'626568696E64D10261AF5AF70580B0ED127F',3);
INSERT INTO "syncpatterns_queue_key" VALUES(1,X'6368696C64B74605142E55314B95C58FA2',7);
INSERT INTO "syncpatterns_queue_key" VALUES(1,X'64656164753B49C4C90FDE52153211A5',2);
INSERT INTO "syncpatterns_queue_key" VALUES(1,X'646F6E65643EF6B2AE2982071E513573',1);
INSERT INTO "syncpatterns_queue_key" VALUES(1,X'656E746974794B66A8F8570828E4C7CF3A45',9);
INSERT INTO "syncpatterns_queue_key" VALUES(1,X'6C61726765FBECD462EBF03A1DA9B93364',8);
INSERT INTO "syncpatterns_queue_key" VALUES(1,X'6E61636B6564DCAC849443900B327A93741A',5);
INSERT INTO "syncpatterns_queue_key" VALUES(1,X'706172656E7446243E18B33B7D997712B418',6);
INSERT INTO "syncpatterns_queue_key" VALUES(1,X'7061726B6564767027FCECF86BB7C5593070',4);
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
INSERT INTO "syncpatterns_queue_outcome" VALUES(1099511627777,1,'done',2,1,0,1700000000.0,2700000000.0,X'646F6E65643EF6B2AE2982071E513573',X'643EF6B2',X'B358F06CFDAD3FE7',NULL,NULL,X'7B226964223A377D');
CREATE TABLE syncpatterns_queue_pause (
    queue INTEGER NOT NULL,
    target INTEGER NOT NULL,       -- a word; 0 for the whole queue
    until REAL,                    -- NULL: until somebody ends it
    reason TEXT NOT NULL,
    PRIMARY KEY (queue, target)
) WITHOUT ROWID;
INSERT INTO "syncpatterns_queue_pause" VALUES(1,3,1700000600.0,'retry-after');
INSERT INTO "syncpatterns_queue_pause" VALUES(1,5,NULL,'by-hand');
CREATE TABLE syncpatterns_queue_payload (
    id INTEGER PRIMARY KEY,
    payload BLOB NOT NULL
);
INSERT INTO "syncpatterns_queue_payload" VALUES(1099511627784,X'22787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787822');
CREATE TABLE syncpatterns_queue_word (
    id INTEGER PRIMARY KEY,
    word TEXT NOT NULL UNIQUE
);
INSERT INTO "syncpatterns_queue_word" VALUES(1,'default');
INSERT INTO "syncpatterns_queue_word" VALUES(2,'leads.update_status');
INSERT INTO "syncpatterns_queue_word" VALUES(3,'sms');
INSERT INTO "syncpatterns_queue_word" VALUES(4,'sms.send');
INSERT INTO "syncpatterns_queue_word" VALUES(5,'mail');
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
, notes TEXT, command BLOB, door BLOB) WITHOUT ROWID;
INSERT INTO "syncpatterns_record" VALUES(X'ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB','bookings.confirm',X'0101010101010101010101010101010101010101010101010101010101010101','completed',1700000000000000,'0123456789abcdef-0',2,1700000000.25,1700000001.5,1700000061.5,1700086401.5,1700000001.5,'value',201,'[["ETag","\"1\""],["Location","/b1"]]',X'7B226964223A226231227D',NULL,NULL,NULL);
INSERT INTO "syncpatterns_record" VALUES(X'CDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCD','sms.send',X'0202020202020202020202020202020202020202020202020202020202020202','unknown',1700000000000001,'0123456789abcdef-1',1,1700000002.0,1700000002.5,1700000002.5,1702592002.5,NULL,NULL,NULL,NULL,NULL,'{"command": "eyJ0byI6ImNhZsOpIn0=", "receipt": "eyJudW1iZXIiOjd9", "step:reserve": "MQ=="}',NULL,NULL);
INSERT INTO "syncpatterns_record" VALUES(X'EFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEF','sms.send',X'0303030303030303030303030303030303030303030303030303030303030303','in_progress',1700000000000002,'0123456789abcdef-2',2,1700000003.0,1700000033.0,1700000033.0,1702592033.0,NULL,NULL,NULL,NULL,NULL,'{"command": "eyJ0byI6ImIifQ=="}',NULL,NULL);
INSERT INTO "syncpatterns_record" VALUES(X'F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0','bookings.confirm',X'0404040404040404040404040404040404040404040404040404040404040404','completed',1700000000000003,'0123456789abcdef-3',1,1700000004.0,1700000004.5,1700000064.5,1700086404.5,1700000004.5,'value',200,NULL,X'7B226964223A226232227D',NULL,X'0505050505050505050505050505050505050505050505050505050505050505',X'06060606060606060606060606060606');
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
CREATE INDEX syncpatterns_queue_item_order
    ON syncpatterns_queue_item (queue, state, target, rank, place)
    WHERE state <> 3;
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
CREATE INDEX syncpatterns_queue_item_held
    ON syncpatterns_queue_item (queue, lane)
    WHERE lane IS NOT NULL AND state = 3;
CREATE INDEX syncpatterns_queue_item_entity
    ON syncpatterns_queue_item (queue, entity, scope)
    WHERE entity IS NOT NULL AND state < 5;
CREATE INDEX syncpatterns_queue_outcome_forget
    ON syncpatterns_queue_outcome (queue, forget_at);
CREATE INDEX syncpatterns_queue_edge_source
    ON syncpatterns_queue_edge (source);
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
COMMIT;
