-- The operator's deeds (on the writer thread) and his reads (on a reader).

-- name: insert_tenant
-- A tenant.
INSERT INTO tenant (id, name, state, test, created_at) VALUES (?, ?, ?, ?, ?);

-- name: insert_wallet
-- Its empty wallet.
INSERT INTO wallet (tenant) VALUES (?);

-- name: find_tenant
-- A tenant by id.
SELECT id, name, state, test, created_at FROM tenant WHERE id = ?;

-- name: tenants_named
-- Tenants of one name: two are enough to know that it is not unique.
SELECT id, name, state, test, created_at FROM tenant WHERE name = ? LIMIT 2;

-- name: tenants
-- Tenants and their wallets, by id.
SELECT tenant.id, tenant.name, tenant.state, tenant.test, tenant.created_at,
       wallet.tenant, wallet.balance, wallet.held, wallet.minimum, wallet.seq, wallet.head
FROM tenant JOIN wallet ON wallet.tenant = tenant.id WHERE tenant.id > ? ORDER BY tenant.id LIMIT ?;

-- name: write_tenant_state
-- Suspend or resume.
UPDATE tenant SET state = ? WHERE id = ?;

-- name: insert_key
-- A key and the hash of its secret.
INSERT INTO key (id, tenant, app, scopes, hint, created_at, expires_at, revoked_at, integrations, models, networks,
                 last_used_at, replaced_by, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: find_key
-- A key by id.
SELECT id, tenant, app, scopes, hint, created_at, expires_at, revoked_at, integrations, models, networks,
       last_used_at, replaced_by
FROM key WHERE id = ?;

-- name: key_taken
-- Whether a key of this id or this hash exists.
SELECT EXISTS (SELECT 1 FROM key WHERE id = ? OR hash = ?);

-- name: keys
-- All keys, by id.
SELECT id, tenant, app, scopes, hint, created_at, expires_at, revoked_at, integrations, models, networks,
       last_used_at, replaced_by
FROM key WHERE id > ? ORDER BY id LIMIT ?;

-- name: tenant_keys
-- One tenant's keys, by id.
SELECT id, tenant, app, scopes, hint, created_at, expires_at, revoked_at, integrations, models, networks,
       last_used_at, replaced_by
FROM key WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?;

-- name: revoke_key
-- A key is revoked once; the first time counts.
UPDATE key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL;

-- name: replace_key
-- A key that another one takes the place of: it ends at a given time, unless it ends before.
UPDATE key SET replaced_by = ?1, expires_at = min(coalesce(expires_at, ?2), ?2) WHERE id = ?3;

-- name: write_use
-- A key was used; the latest time counts.
UPDATE key SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?;

-- name: write_minimum
-- Down to where a wallet may go.
UPDATE wallet SET minimum = ? WHERE tenant = ?;

-- name: find_credit
-- The credit or adjustment of a reference, oldest first.
SELECT id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period, reference,
       bill, previous, hash
FROM entry WHERE tenant = ? AND reference = ? AND kind IN ('credit', 'adjustment') ORDER BY seq LIMIT 1;

-- name: insert_audit
-- A deed, after the last one.
INSERT INTO audit (seq, at, who, via, address, action, tenant, target, before, after)
SELECT 1 + coalesce(max(seq), 0), ?, ?, ?, ?, ?, ?, ?, ?, ? FROM audit;

-- name: audit
-- Deeds, newest first. What is not asked for is NULL; an action may be its first word alone.
SELECT seq, at, who, via, address, action, tenant, target, before, after FROM audit
WHERE (:tenant IS NULL OR tenant = :tenant)
  AND (:who IS NULL OR who = :who)
  AND (:action IS NULL OR action = :action OR substr(action, 1, length(:action) + 1) = :action || '.')
  AND (:since IS NULL OR at >= :since)
  AND (:until IS NULL OR at < :until)
  AND (:before IS NULL OR seq < :before)
ORDER BY seq DESC LIMIT :limit;

-- name: insert_margin
-- A margin in force from now on, or none any more.
INSERT INTO margin (tenant, integration, unit, pct, set_at) VALUES (?, ?, ?, ?, ?);

-- name: find_margin
-- What was last said of a slot.
SELECT version, tenant, integration, unit, pct, set_at FROM margin
WHERE tenant IS ? AND integration IS ? AND unit IS ? ORDER BY version DESC LIMIT 1;

-- name: margins
-- Every margin that was ever set, in order. The table as of version N is each slot's last row up to N.
SELECT version, tenant, integration, unit, pct, set_at FROM margin ORDER BY version;

-- name: entries
-- A wallet's entries below a sequence number, newest first.
SELECT id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period, reference,
       bill, previous, hash
FROM entry WHERE tenant = ? AND seq < ? ORDER BY seq DESC LIMIT ?;

-- name: calls
-- A tenant's newest calls.
SELECT id, tenant, key, integration, endpoint, model, outcome, status, started_at, ended_at, refusal, session
FROM call WHERE tenant = ? ORDER BY id DESC LIMIT ?;

-- name: calls_before
-- A tenant's calls older than one of them, newest first.
SELECT id, tenant, key, integration, endpoint, model, outcome, status, started_at, ended_at, refusal, session
FROM call WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?;

-- name: exposures
-- The newest exposures.
SELECT call, tenant, integration, nanos, reason, at_most, at FROM exposure ORDER BY id DESC LIMIT ?;

-- name: open_holds
-- Every open hold.
SELECT call, tenant, key, integration, endpoint, model, wallet_nanos, cost_nanos, rate_card, margins, waived,
       created_at, period, epoch, state, evidence, app, cap_nanos, windows
FROM hold INDEXED BY hold_open WHERE state = 'held' ORDER BY call;

-- name: held
-- How many holds are open, and what they reserve together.
SELECT count(*), coalesce(sum(wallet_nanos), 0) FROM hold WHERE state = 'held';

-- name: caps
-- Caps in force, by id, each with its keys and its window of a day or of that day's month; all, or those of which most
-- is spent or held.
SELECT cap.id, cap.tenant, span, app, key, integration, model, limit_nanos, since, set_at,
       (WITH RECURSIVE family (id) AS (
            SELECT cap.key WHERE cap.key <> ''
            UNION
            SELECT key.replaced_by FROM family JOIN key ON key.id = family.id WHERE key.replaced_by <> '')
        SELECT json_group_array(id) FROM family),
       coalesce(cap_window.spent, 0), coalesce(cap_window.held, 0)
FROM cap LEFT JOIN cap_window
    ON cap_window.cap = cap.id AND window = CASE span WHEN 'daily' THEN :day ELSE substr(:day, 1, 7) END
WHERE limit_nanos IS NOT NULL AND (:tenant IS NULL OR cap.tenant = :tenant) AND cap.id > :after
    AND (coalesce(cap_window.spent, 0) + coalesce(cap_window.held, 0)) * 100 >= limit_nanos * :percent
ORDER BY cap.id LIMIT :limit;
