-- Spend caps and their windows: what the writer says, and what counting anew asks. A window's name is a date or a month.

-- name: in_force
-- One tenant's caps in force, each with its key and those that rotations have put in that one's place.
SELECT id, tenant, span, app, key, integration, model, limit_nanos, since, set_at,
       (WITH RECURSIVE family (id) AS (
            SELECT cap.key WHERE cap.key <> ''
            UNION
            SELECT key.replaced_by FROM family JOIN key ON key.id = family.id WHERE key.replaced_by <> '')
        SELECT json_group_array(id) FROM family)
FROM cap WHERE tenant = ? AND limit_nanos IS NOT NULL ORDER BY id;

-- name: find_cap
-- The cap of a place, in force or not.
SELECT id, limit_nanos, since FROM cap
WHERE tenant = ? AND span = ? AND app = ? AND key = ? AND integration = ? AND model = ?;

-- name: write_cap
-- A cap from now on.
INSERT INTO cap (id, tenant, span, app, key, integration, model, limit_nanos, since, set_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET limit_nanos = excluded.limit_nanos, since = excluded.since, set_at = excluded.set_at;

-- name: find_window
-- A window as this transaction found it.
SELECT cap, window, tenant, spent, held FROM cap_window WHERE cap = ? AND window = ?;

-- name: write_window
-- A window as the batch leaves it.
INSERT INTO cap_window (cap, window, tenant, spent, held) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (cap, window) DO UPDATE SET spent = excluded.spent, held = excluded.held;

-- name: last_entry_before
-- A tenant's last entry that was made before a time. It is looked for from the newest one back.
SELECT seq FROM entry WHERE tenant = ? AND created_at < ? ORDER BY seq DESC LIMIT 1;

-- name: spent_after
-- What a tenant's calls were charged or waived after an entry, by period and by what decides which caps they are
-- under; last, the newest entry that is in each sum.
SELECT entry.period, hold.app, hold.key, hold.integration, hold.model,
       sum(entry.waived_nanos - entry.amount_nanos), max(entry.seq)
FROM entry JOIN hold ON hold.call = entry.reference
WHERE entry.tenant = ? AND entry.seq > ? AND entry.kind = 'call'
GROUP BY 1, 2, 3, 4, 5;

-- name: windows
-- Every window of a tenant.
SELECT cap, window, tenant, spent, held FROM cap_window WHERE tenant = ?;

-- name: held_on
-- What a tenant's open holds hold on windows.
SELECT json_extract(named.value, '$[0]'), json_extract(named.value, '$[1]'), sum(hold.cap_nanos)
FROM hold INDEXED BY hold_open JOIN json_each(hold.windows) AS named
WHERE hold.state = 'held' AND hold.tenant = ? AND hold.windows <> '[]'
GROUP BY 1, 2;
