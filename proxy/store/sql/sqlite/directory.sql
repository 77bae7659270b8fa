-- What calls ask before they hold anything. Read-only.

-- name: find_holder
-- A key by the hash of its secret, with its tenant.
SELECT key.id, key.tenant, key.app, key.scopes, key.hint, key.created_at, key.expires_at, key.revoked_at,
       key.integrations, key.models, key.networks, key.last_used_at, key.replaced_by,
       tenant.id, tenant.name, tenant.state, tenant.test, tenant.created_at
FROM key JOIN tenant ON tenant.id = key.tenant WHERE key.hash = ?;

-- name: find_wallet
-- A wallet as committed.
SELECT tenant, balance, held, minimum, seq, head FROM wallet WHERE tenant = ?;

-- name: find_object
-- An object that was made through Faregate.
SELECT integration, id, tenant, kind, call, created_at, tokens, lot FROM object WHERE integration = ? AND id = ?;

-- name: open_holds_before
-- Holds of earlier starts, oldest first: what recovery must end. Those of work that finishes later end with it.
SELECT call, tenant, key, integration, endpoint, model, wallet_nanos, cost_nanos, rate_card, margins, waived,
       created_at, period, epoch, state, evidence, app, cap_nanos, windows
FROM hold INDEXED BY hold_open
WHERE state = 'held' AND epoch < ? AND NOT EXISTS (SELECT 1 FROM work WHERE work.call = hold.call) ORDER BY call;

-- name: open_work
-- All work that is not over, oldest first, each with its hold.
SELECT work.call, work.tenant, work.integration, work.object, work.kind, work.endpoint, work.created_at,
       work.deadline_at, work.facts,
       hold.call, hold.tenant, hold.key, hold.integration, hold.endpoint, hold.model, hold.wallet_nanos,
       hold.cost_nanos, hold.rate_card, hold.margins, hold.waived, hold.created_at, hold.period, hold.epoch,
       hold.state, hold.evidence, hold.app, hold.cap_nanos, hold.windows
FROM hold INDEXED BY hold_open JOIN work ON work.call = hold.call WHERE hold.state = 'held' ORDER BY work.call;

-- name: work_behind
-- The work that is not over and that an object is, or comes from, with its hold.
SELECT work.call, work.tenant, work.integration, work.object, work.kind, work.endpoint, work.created_at,
       work.deadline_at, work.facts,
       hold.call, hold.tenant, hold.key, hold.integration, hold.endpoint, hold.model, hold.wallet_nanos,
       hold.cost_nanos, hold.rate_card, hold.margins, hold.waived, hold.created_at, hold.period, hold.epoch,
       hold.state, hold.evidence, hold.app, hold.cap_nanos, hold.windows
FROM object JOIN work ON work.call = object.call JOIN hold ON hold.call = work.call
WHERE object.integration = ? AND object.id = ? AND hold.state = 'held';

-- name: rate_card
-- A rate card that was in force once, as JSON.
SELECT content FROM rate_card_content WHERE version = ?;

-- name: margins
-- Every margin that was set up to a version, in order.
SELECT version, tenant, integration, unit, pct, set_at FROM margin WHERE version <= ? ORDER BY version;
