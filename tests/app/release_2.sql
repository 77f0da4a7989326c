-- The tables of the app as its second release made them (user_version 2), word for
-- word: what an upgrade has to begin with.

CREATE TABLE audit (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant VARCHAR(64) NOT NULL,
    at VARCHAR(27) NOT NULL,
    actor_type VARCHAR(16) NOT NULL,
    actor_id VARCHAR(64) NOT NULL,
    source VARCHAR(16) NOT NULL,
    entity_type VARCHAR(16) NOT NULL,
    entity_id VARCHAR(64) NOT NULL,
    action VARCHAR(32) NOT NULL,
    from_state VARCHAR(16),
    to_state VARCHAR(16),
    reason VARCHAR(200),
    version_from INTEGER,
    version_to INTEGER,
    request_id VARCHAR(64),
    key_hash VARCHAR(8)
);
CREATE TABLE bookings (
    tenant VARCHAR(64) NOT NULL,
    id VARCHAR(64) NOT NULL,
    resource VARCHAR(100) NOT NULL,
    customer VARCHAR(200) NOT NULL,
    starts_at VARCHAR(27) NOT NULL,
    ends_at VARCHAR(27) NOT NULL,
    time_zone VARCHAR(64) NOT NULL,
    status VARCHAR(16) NOT NULL,
    expires_at VARCHAR(27),
    version INTEGER NOT NULL,
    updated_at VARCHAR(27) NOT NULL,
    updated_by VARCHAR(64) NOT NULL,
    PRIMARY KEY (tenant, id),
    CONSTRAINT known_status CHECK (status IN ('requested', 'held', 'confirmed', 'checked_in', 'completed', 'no_show', 'cancelled', 'expired')),
    CONSTRAINT ends_after_start CHECK (ends_at > starts_at),
    CONSTRAINT versions_from_one CHECK (version >= 1),
    CONSTRAINT holds_expire CHECK (status <> 'held' OR expires_at IS NOT NULL)
);
CREATE TABLE inbound (
    provider_id VARCHAR(64) NOT NULL,
    phone VARCHAR(16) NOT NULL,
    body VARCHAR(1600) NOT NULL,
    intent VARCHAR(16) NOT NULL,
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (provider_id)
);
CREATE TABLE leads (
    tenant VARCHAR(64) NOT NULL,
    id VARCHAR(64) NOT NULL,
    name VARCHAR(200) NOT NULL,
    phone VARCHAR(16) NOT NULL,
    time_zone VARCHAR(64),
    status VARCHAR(16) NOT NULL,
    version INTEGER NOT NULL,
    updated_at VARCHAR(27) NOT NULL,
    updated_by VARCHAR(64) NOT NULL,
    PRIMARY KEY (tenant, id),
    CONSTRAINT known_status CHECK (status IN ('new', 'attempted', 'connected', 'qualified', 'booked', 'won', 'nurture', 'unqualified', 'lost', 'do_not_contact')),
    CONSTRAINT versions_from_one CHECK (version >= 1),
    CONSTRAINT phones_are_e164 CHECK (phone LIKE '+%')
);
CREATE TABLE opt_outs (
    phone VARCHAR(16) NOT NULL,
    state VARCHAR(16) NOT NULL,
    at VARCHAR(27) NOT NULL,
    source VARCHAR(16) NOT NULL,
    PRIMARY KEY (phone),
    CONSTRAINT known_consent CHECK (state IN ('open', 'opted_out', 'under_review'))
);
CREATE TABLE sms_messages (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant VARCHAR(64) NOT NULL,
    id VARCHAR(64) NOT NULL,
    lead_id VARCHAR(64) NOT NULL,
    direction VARCHAR(8) NOT NULL,
    body VARCHAR(1600) NOT NULL,
    status VARCHAR(16) NOT NULL,
    encoding VARCHAR(8) NOT NULL,
    segments INTEGER NOT NULL,
    provider_id VARCHAR(64) NOT NULL,
    error_code VARCHAR(16),
    created_at VARCHAR(27) NOT NULL,
    updated_at VARCHAR(27) NOT NULL,
    "by" VARCHAR(64) NOT NULL,
    op_key_hash VARCHAR(8),
    op VARCHAR(32),
    CONSTRAINT known_status CHECK (status IN ('queued', 'sending', 'sent', 'delivered', 'undelivered', 'failed', 'read', 'received')),
    CONSTRAINT known_direction CHECK (direction IN ('outbound', 'inbound')),
    UNIQUE (id)
);
CREATE TABLE sms_sending (
    key_hash VARCHAR(64) NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    lead_id VARCHAR(64) NOT NULL,
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (key_hash)
);
CREATE TABLE sms_statuses (
    provider_id VARCHAR(64) NOT NULL,
    status VARCHAR(16) NOT NULL,
    error_code VARCHAR(16),
    op VARCHAR(32),
    claimed_by VARCHAR(32),
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (provider_id)
);
CREATE UNIQUE INDEX one_booking_per_slot ON bookings (tenant, resource, starts_at) WHERE status IN ('held', 'confirmed', 'checked_in');
CREATE INDEX bookings_by_start ON bookings (tenant, starts_at, id);
CREATE INDEX audit_by_entity ON audit (tenant, entity_id, id);
CREATE INDEX leads_by_phone ON leads (phone);
CREATE INDEX sms_by_lead ON sms_messages (tenant, lead_id, number);
CREATE INDEX sms_by_time ON sms_messages (tenant, created_at);
CREATE UNIQUE INDEX sms_by_provider_id ON sms_messages (provider_id, tenant, lead_id);
CREATE INDEX sms_by_op ON sms_messages (op);
CREATE INDEX statuses_by_op ON sms_statuses (op);
CREATE INDEX statuses_by_time ON sms_statuses (at);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
