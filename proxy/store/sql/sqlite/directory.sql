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
SELECT integration, id, tenant, kind, call, created_at, tokens FROM object WHERE integration = ? AND id = ?;

-- name: open_holds_before
-- Holds of earlier starts, oldest first: what recovery must end.
SELECT call, tenant, key, integration, endpoint, model, wallet_nanos, cost_nanos, rate_card, margins, waived,
       created_at, period, epoch, state, evidence, app, cap_nanos, windows
FROM hold INDEXED BY hold_open WHERE state = 'held' AND epoch < ? ORDER BY call;
