-- The audit log; keys with networks, last use and replacement; margins that can be unset; one credit a reference.

ALTER TABLE key ADD COLUMN networks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE key ADD COLUMN last_used_at INTEGER;
ALTER TABLE key ADD COLUMN replaced_by TEXT NOT NULL DEFAULT '';

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

-- SQLite cannot take a NOT NULL off a column, so the table is made anew. Dropping one asks no trigger.
CREATE TABLE margin_anew (
    version     INTEGER PRIMARY KEY,
    tenant      TEXT REFERENCES tenant,
    integration TEXT,
    unit        TEXT,
    pct         TEXT,
    set_at      INTEGER NOT NULL,
    CHECK (unit IS NULL OR integration IS NOT NULL)
) STRICT;
INSERT INTO margin_anew SELECT version, tenant, integration, unit, pct, set_at FROM margin;
DROP TABLE margin;
ALTER TABLE margin_anew RENAME TO margin;

CREATE TRIGGER margin_is_never_changed BEFORE UPDATE ON margin
BEGIN SELECT RAISE(ABORT, 'a margin is set anew, never changed'); END;
CREATE TRIGGER margin_is_never_deleted BEFORE DELETE ON margin
BEGIN SELECT RAISE(ABORT, 'a margin is set anew, never deleted'); END;

CREATE INDEX entry_by_reference ON entry (tenant, reference) WHERE kind IN ('credit', 'adjustment');
