-- What the operator asks. Read-only. `since` is included, `until` is not; both are microseconds.

-- name: entry
-- An entry by its id.
SELECT id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period, reference,
       bill, previous, hash
FROM entry WHERE id = ?;

-- name: call_entry
-- The entry that a call left.
SELECT id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period, reference,
       bill, previous, hash
FROM entry WHERE kind = 'call' AND reference = ?;

-- name: entries
-- A wallet's entries (?1) below a sequence number (?2), in a span (?3, ?4), of one kind or any (?5), newest first.
SELECT id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period, reference,
       bill, previous, hash
FROM entry
WHERE tenant = ?1 AND seq < ?2 AND created_at >= ?3 AND created_at < ?4 AND ?5 IN ('', kind)
ORDER BY seq DESC LIMIT ?6;

-- name: entries_after
-- The same from a sequence number (?2) up to another (?3), oldest first.
SELECT id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period, reference,
       bill, previous, hash
FROM entry
WHERE tenant = ?1 AND seq > ?2 AND seq <= ?3 AND created_at >= ?4 AND created_at < ?5 AND ?6 IN ('', kind)
ORDER BY seq LIMIT ?7;

-- name: wallets
-- Every wallet (or the one of ?1) and its last entry's number.
SELECT tenant, seq FROM wallet WHERE ?1 IN ('', tenant) ORDER BY tenant;

-- name: balance_at
-- What a wallet had at a moment: what the last entry up to then left.
SELECT balance_after_nanos FROM entry WHERE tenant = ? AND created_at <= ? ORDER BY seq DESC LIMIT 1;

-- name: usage
-- What reports are summed from: a wallet's entries that have a bill, in a span.
SELECT id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period, reference,
       bill, previous, hash
FROM entry WHERE tenant = ?1 AND created_at >= ?2 AND created_at < ?3 AND bill <> '';

-- name: calls
-- A tenant's calls (?1) that are over, with ids from ?2 up to ?3, begun in a span (?4, ?5), by outcome (?6) and
-- refusal (?7; '*' is any), of one session (?8) or any, newest first.
SELECT id, tenant, key, integration, endpoint, model, outcome, status, started_at, ended_at, refusal, session
FROM call
WHERE tenant = ?1 AND id >= ?2 AND id < ?3 AND started_at >= ?4 AND started_at < ?5 AND ?6 IN ('', outcome)
  AND (?7 IN ('', refusal) OR (?7 = '*' AND refusal <> '')) AND ?8 IN ('', session)
ORDER BY id DESC LIMIT ?9;

-- name: sessions
-- Which of some calls (?, as JSON) are turns, and of which sessions.
SELECT id, session FROM call WHERE session <> '' AND id IN (SELECT value FROM json_each(?));

-- name: call
-- A call that is over.
SELECT id, tenant, key, integration, endpoint, model, outcome, status, started_at, ended_at, refusal, session
FROM call WHERE id = ?;

-- name: hold
-- A call's hold, open or over.
SELECT call, tenant, key, integration, endpoint, model, wallet_nanos, cost_nanos, rate_card, margins, waived,
       created_at, period, epoch, state, evidence, app, cap_nanos, windows
FROM hold WHERE call = ?;

-- name: open_holds
-- Open holds of a tenant (?1) or of all, oldest first.
SELECT call, tenant, key, integration, endpoint, model, wallet_nanos, cost_nanos, rate_card, margins, waived,
       created_at, period, epoch, state, evidence, app, cap_nanos, windows
FROM hold WHERE state = 'held' AND ?1 IN ('', tenant) ORDER BY call;

-- name: work
-- What a call's hold belongs to.
SELECT call, tenant, integration, object, kind, endpoint, created_at, deadline_at, facts FROM work WHERE call = ?;

-- name: open_work
-- What open holds of a tenant (?1) or of all belong to.
SELECT work.call, work.tenant, work.integration, work.object, work.kind, work.endpoint, work.created_at,
       work.deadline_at, work.facts
FROM hold INDEXED BY hold_open JOIN work ON work.call = hold.call WHERE hold.state = 'held' AND ?1 IN ('', hold.tenant);

-- name: call_exposures
-- What a call left to the operator.
SELECT call, tenant, integration, nanos, reason, at_most, at FROM exposure WHERE call = ? ORDER BY id;

-- name: exposures
-- Exposures of a tenant (?1) or of all, in rows before ?2, in a span (?3, ?4), newest first.
SELECT id, call, tenant, integration, nanos, reason, at_most, at FROM exposure
WHERE ?1 IN ('', tenant) AND id < ?2 AND at >= ?3 AND at < ?4 ORDER BY id DESC LIMIT ?5;

-- name: rate_card
-- A rate card's content, as JSON.
SELECT content FROM rate_card_content WHERE version = ?;

-- name: margins
-- Every margin that was ever set, in order.
SELECT version, tenant, integration, unit, pct, set_at FROM margin ORDER BY version;
