-- A Faregate database. Amounts are integers of nano-USD, times are microseconds since 1970 (UTC), dates are
-- UTC as 2026-11-21, ids are a prefix and a ULID. What must never change is refused by triggers, so that no
-- program and no hand can change it by mistake; the hash chain shows who did it on purpose.

-- The version of this schema, and the number of this start: holds of earlier epochs are orphans.
CREATE TABLE meta (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    schema_version INTEGER NOT NULL,
    epoch          INTEGER NOT NULL
) STRICT;

-- Who pays.
CREATE TABLE tenant (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
    test       INTEGER NOT NULL CHECK (test IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tenant_by_name ON tenant (name);

-- Secrets that SDKs send, as SHA-256. Lists are JSON arrays of strings; empty ones allow all.
CREATE TABLE key (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL REFERENCES tenant,
    app          TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    hint         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    integrations TEXT NOT NULL,
    models       TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    networks     TEXT NOT NULL DEFAULT '[]',
    last_used_at INTEGER,
    replaced_by  TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE INDEX key_by_tenant ON key (tenant, id);

-- The running sum of a tenant's entries, and of what its open holds reserve.
CREATE TABLE wallet (
    tenant  TEXT PRIMARY KEY REFERENCES tenant,
    balance INTEGER NOT NULL DEFAULT 0,
    held    INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    minimum INTEGER NOT NULL DEFAULT 0,
    seq     INTEGER NOT NULL DEFAULT 0 CHECK (seq >= 0),
    head    TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- Every rate card that ever priced a call.
CREATE TABLE rate_card (
    version    TEXT PRIMARY KEY,
    first_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER rate_card_is_never_changed BEFORE UPDATE ON rate_card
BEGIN SELECT RAISE(ABORT, 'a rate card is never changed'); END;
CREATE TRIGGER rate_card_is_never_deleted BEFORE DELETE ON rate_card
BEGIN SELECT RAISE(ABORT, 'a rate card is never deleted'); END;

-- What is in them, whole, as JSON. Megabytes each, so they stand apart: every hold looks its version up, and SQLite
-- reads the whole row of a table WITHOUT ROWID to compare its key.
CREATE TABLE rate_card_content (
    version TEXT PRIMARY KEY REFERENCES rate_card,
    content TEXT NOT NULL
) STRICT;

CREATE TRIGGER rate_card_content_is_never_changed BEFORE UPDATE ON rate_card_content
BEGIN SELECT RAISE(ABORT, 'a rate card is never changed'); END;
CREATE TRIGGER rate_card_content_is_never_deleted BEFORE DELETE ON rate_card_content
BEGIN SELECT RAISE(ABORT, 'a rate card is never deleted'); END;

-- Margins as they were set, and unset (pct is NULL). The table as of version N is, of each slot, its last row up to N.
CREATE TABLE margin (
    version     INTEGER PRIMARY KEY,
    tenant      TEXT REFERENCES tenant,
    integration TEXT,
    unit        TEXT,
    pct         TEXT,
    set_at      INTEGER NOT NULL,
    CHECK (unit IS NULL OR integration IS NOT NULL)
) STRICT;

CREATE TRIGGER margin_is_never_changed BEFORE UPDATE ON margin
BEGIN SELECT RAISE(ABORT, 'a margin is set anew, never changed'); END;
CREATE TRIGGER margin_is_never_deleted BEFORE DELETE ON margin
BEGIN SELECT RAISE(ABORT, 'a margin is set anew, never deleted'); END;

-- Every deed of an operator: who, when, what, and what it changed from and to (JSON objects; empty: there was
-- nothing). Written in the transaction of the change. No secret and no part of one ever stands here.
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    via     TEXT NOT NULL,
    address TEXT NOT NULL,
    action  TEXT NOT NULL,
    tenant  TEXT REFERENCES tenant,
    target  TEXT NOT NULL,
    before  TEXT NOT NULL,
    after   TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_tenant ON audit (tenant, seq);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- Also stops INSERT OR REPLACE, which would delete without asking the trigger above.
CREATE TRIGGER audit_follows_the_last BEFORE INSERT ON audit
WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit log has no gaps'); END;

-- Spend caps: how much some of a tenant's calls may cost in a UTC day or month. Empty names are "any", `model` may be
-- a glob. One that was unset has no limit; its row stays, for the holds that are still in its windows.
CREATE TABLE cap (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenant,
    span        TEXT NOT NULL CHECK (span IN ('daily', 'monthly')),
    app         TEXT NOT NULL,
    key         TEXT NOT NULL,
    integration TEXT NOT NULL,
    model       TEXT NOT NULL,
    limit_nanos INTEGER CHECK (limit_nanos >= 0),
    since       TEXT NOT NULL,
    set_at      INTEGER NOT NULL,
    UNIQUE (tenant, span, app, key, integration, model)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER cap_is_never_deleted BEFORE DELETE ON cap
BEGIN SELECT RAISE(ABORT, 'a cap is unset, never deleted'); END;

-- A cap in one day or month: what its calls were charged or waived, and what running ones hold.
CREATE TABLE cap_window (
    cap    TEXT NOT NULL REFERENCES cap,
    window TEXT NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenant,
    spent  INTEGER NOT NULL CHECK (spent >= 0),
    held   INTEGER NOT NULL CHECK (held >= 0),
    PRIMARY KEY (cap, window)
) STRICT, WITHOUT ROWID;

CREATE INDEX cap_window_by_tenant ON cap_window (tenant);
CREATE INDEX cap_window_held ON cap_window (cap) WHERE held <> 0;

-- The reservation of a call's worst case. It is open while `held`, and over for ever after.
-- `evidence` is the bill of what was seen so far, as JSON. `cap_nanos` is held on each of `windows`, a JSON array of
-- pairs of a cap and a window's name.
CREATE TABLE hold (
    call         TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL REFERENCES wallet,
    key          TEXT NOT NULL,
    integration  TEXT NOT NULL,
    endpoint     TEXT NOT NULL,
    model        TEXT NOT NULL,
    wallet_nanos INTEGER NOT NULL CHECK (wallet_nanos >= 0),
    cost_nanos   INTEGER NOT NULL CHECK (cost_nanos >= 0),
    rate_card    TEXT NOT NULL REFERENCES rate_card,
    margins      INTEGER NOT NULL,
    waived       INTEGER NOT NULL CHECK (waived IN (0, 1)),
    created_at   INTEGER NOT NULL,
    period       TEXT NOT NULL,
    epoch        INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('held', 'settled', 'released')),
    evidence     TEXT NOT NULL,
    app          TEXT NOT NULL DEFAULT '',
    cap_nanos    INTEGER NOT NULL DEFAULT 0 CHECK (cap_nanos >= 0),
    windows      TEXT NOT NULL DEFAULT '[]'
) STRICT, WITHOUT ROWID;

CREATE INDEX hold_open ON hold (tenant) WHERE state = 'held';

CREATE TRIGGER hold_ends_once BEFORE UPDATE ON hold WHEN OLD.state <> 'held'
BEGIN SELECT RAISE(ABORT, 'a hold ends once'); END;
CREATE TRIGGER hold_is_never_deleted BEFORE DELETE ON hold
BEGIN SELECT RAISE(ABORT, 'a hold is ended, never deleted'); END;

-- The wallet's rows: append-only, gap-free, chained by hash. `bill` is JSON, empty unless a call.
CREATE TABLE entry (
    id                  TEXT NOT NULL UNIQUE,
    tenant              TEXT NOT NULL REFERENCES wallet,
    seq                 INTEGER NOT NULL,
    kind                TEXT NOT NULL,
    amount_nanos        INTEGER NOT NULL,
    waived_nanos        INTEGER NOT NULL CHECK (waived_nanos >= 0),
    balance_after_nanos INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    period              TEXT NOT NULL,
    reference           TEXT NOT NULL,
    bill                TEXT NOT NULL,
    previous            TEXT NOT NULL,
    hash                TEXT NOT NULL,
    UNIQUE (tenant, seq)
) STRICT;

CREATE UNIQUE INDEX entry_once_per_call ON entry (reference) WHERE kind = 'call';
CREATE INDEX entry_by_reference ON entry (tenant, reference) WHERE kind IN ('credit', 'adjustment');

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
-- Also stops INSERT OR REPLACE, which would delete without asking the trigger above.
CREATE TRIGGER entry_follows_the_last BEFORE INSERT ON entry
WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM entry WHERE tenant = NEW.tenant)
BEGIN SELECT RAISE(ABORT, 'the ledger has no gaps'); END;

-- One row for every call that is over, whatever became of it.
CREATE TABLE call (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL REFERENCES tenant,
    key         TEXT NOT NULL,
    integration TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    model       TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    status      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    refusal     TEXT NOT NULL,
    session     TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE INDEX call_by_tenant ON call (tenant, id);

-- Upstream cost that no tenant was charged for.
CREATE TABLE exposure (
    id          INTEGER PRIMARY KEY,
    call        TEXT NOT NULL REFERENCES hold,
    tenant      TEXT NOT NULL REFERENCES tenant,
    integration TEXT NOT NULL,
    nanos       INTEGER NOT NULL CHECK (nanos > 0),
    reason      TEXT NOT NULL,
    at_most     INTEGER NOT NULL CHECK (at_most IN (0, 1)),
    at          INTEGER NOT NULL
) STRICT;

CREATE INDEX exposure_by_call ON exposure (call);

CREATE TRIGGER exposure_is_never_changed BEFORE UPDATE ON exposure
BEGIN SELECT RAISE(ABORT, 'exposure is append-only'); END;
CREATE TRIGGER exposure_is_never_deleted BEFORE DELETE ON exposure
BEGIN SELECT RAISE(ABORT, 'exposure is append-only'); END;

-- Which tenant made an object at a provider. Deleted when its owner deletes it. `lot` is what a file can cost as a
-- batch: units by model, as JSON; empty for all other objects.
CREATE TABLE object (
    integration TEXT NOT NULL,
    id          TEXT NOT NULL,
    tenant      TEXT NOT NULL REFERENCES tenant,
    kind        TEXT NOT NULL,
    call        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    tokens      INTEGER,
    lot         TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (integration, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX object_by_call ON object (call);

-- The object at a provider that a call's hold belongs to. The work is open as long as its hold is; how it ended is in
-- the call's own row. `facts` are what its request said that is needed to look after it, as JSON.
CREATE TABLE work (
    call        TEXT PRIMARY KEY REFERENCES hold,
    tenant      TEXT NOT NULL REFERENCES tenant,
    integration TEXT NOT NULL,
    object      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    facts       TEXT NOT NULL,
    UNIQUE (integration, object)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER work_is_never_changed BEFORE UPDATE ON work
BEGIN SELECT RAISE(ABORT, 'work belongs to its call for ever'); END;
CREATE TRIGGER work_is_never_deleted BEFORE DELETE ON work
BEGIN SELECT RAISE(ABORT, 'work belongs to its call for ever'); END;
