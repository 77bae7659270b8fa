-- Spend caps, their windows, and what a hold needs to know of them.

ALTER TABLE hold ADD COLUMN app TEXT NOT NULL DEFAULT '';
ALTER TABLE hold ADD COLUMN cap_nanos INTEGER NOT NULL DEFAULT 0 CHECK (cap_nanos >= 0);
ALTER TABLE hold ADD COLUMN windows TEXT NOT NULL DEFAULT '[]';

-- Calls that are over are told by their keys' labels too, so that a cap on one counts them.
DROP TRIGGER hold_ends_once;
UPDATE hold SET app = coalesce((SELECT key.app FROM key WHERE key.id = hold.key), '');
CREATE TRIGGER hold_ends_once BEFORE UPDATE ON hold WHEN OLD.state <> 'held'
BEGIN SELECT RAISE(ABORT, 'a hold ends once'); END;

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
