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
INSERT INTO key (id, tenant, app, scopes, hint, created_at, expires_at, revoked_at, integrations, models, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: find_key
-- A key by id.
SELECT id, tenant, app, scopes, hint, created_at, expires_at, revoked_at, integrations, models
FROM key WHERE id = ?;

-- name: key_taken
-- Whether a key of this id or this hash exists.
SELECT EXISTS (SELECT 1 FROM key WHERE id = ? OR hash = ?);

-- name: keys
-- All keys, by id.
SELECT id, tenant, app, scopes, hint, created_at, expires_at, revoked_at, integrations, models
FROM key WHERE id > ? ORDER BY id LIMIT ?;

-- name: tenant_keys
-- One tenant's keys, by id.
SELECT id, tenant, app, scopes, hint, created_at, expires_at, revoked_at, integrations, models
FROM key WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?;

-- name: revoke_key
-- A key is revoked once; the first time counts.
UPDATE key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL;

-- name: insert_margin
-- A margin in force from now on.
INSERT INTO margin (tenant, integration, unit, pct, set_at) VALUES (?, ?, ?, ?, ?);

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
SELECT id, tenant, key, integration, endpoint, model, outcome, status, started_at, ended_at, refusal
FROM call WHERE tenant = ? ORDER BY id DESC LIMIT ?;

-- name: calls_before
-- A tenant's calls older than one of them, newest first.
SELECT id, tenant, key, integration, endpoint, model, outcome, status, started_at, ended_at, refusal
FROM call WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?;

-- name: exposures
-- The newest exposures.
SELECT call, tenant, integration, nanos, reason, at_most, at FROM exposure ORDER BY id DESC LIMIT ?;

-- name: open_holds
-- Every open hold.
SELECT call, tenant, key, integration, endpoint, model, wallet_nanos, cost_nanos, rate_card, margins, waived,
       created_at, period, epoch, state, evidence
FROM hold INDEXED BY hold_open WHERE state = 'held' ORDER BY call;

-- name: held
-- How many holds are open, and what they reserve together.
SELECT count(*), coalesce(sum(wallet_nanos), 0) FROM hold WHERE state = 'held';
