-- Work that finishes later, and the most that uploaded files can cost as batches.

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

-- What a file can cost as a batch: units by model, as JSON; empty for all other objects.
ALTER TABLE object ADD COLUMN lot TEXT NOT NULL DEFAULT '';
