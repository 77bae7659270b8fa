-- What verification asks, in one read transaction. ?1 is a tenant, or empty for all.

-- name: wallets
-- Every wallet.
SELECT tenant, balance, held, minimum, seq, head FROM wallet WHERE ?1 IN ('', tenant) ORDER BY tenant;

-- name: entries
-- A wallet's entries in order; beside those of calls: the hold, the call's row and what it exposed.
SELECT entry.id, entry.tenant, entry.seq, entry.kind, entry.amount_nanos, entry.waived_nanos,
       entry.balance_after_nanos, entry.created_at, entry.period, entry.reference, entry.bill, entry.previous,
       entry.hash,
       hold.tenant, hold.state, hold.rate_card, hold.margins, hold.waived, hold.period, call.tenant,
       (SELECT coalesce(sum(nanos), 0) FROM exposure WHERE exposure.call = hold.call),
       hold.app, hold.key, hold.integration, hold.model
FROM entry
LEFT JOIN hold ON entry.kind = 'call' AND hold.call = entry.reference
LEFT JOIN call ON entry.kind = 'call' AND call.id = entry.reference
WHERE entry.tenant = ? ORDER BY entry.seq;

-- name: rate_card
-- A rate card's content, as JSON.
SELECT content FROM rate_card_content WHERE version = ?;

-- name: margins
-- Every margin that was ever set, in order.
SELECT version, tenant, integration, unit, pct, set_at FROM margin ORDER BY version;

-- name: open_holds
-- How many holds are open.
SELECT count(*) FROM hold WHERE state = 'held' AND ?1 IN ('', tenant);

-- name: held_sum
-- What a wallet's open holds reserve.
SELECT coalesce(sum(wallet_nanos), 0) FROM hold WHERE state = 'held' AND tenant = ?;

-- name: strays
-- Rows that lack their counterpart, as (tenant, row's id, problem).
SELECT tenant, call, 'a settled hold has no entry' FROM hold
WHERE state = 'settled' AND ?1 IN ('', tenant)
  AND NOT EXISTS (SELECT 1 FROM entry WHERE kind = 'call' AND reference = hold.call)
UNION ALL
SELECT tenant, call, 'a hold that ended has no call row' FROM hold
WHERE state <> 'held' AND ?1 IN ('', tenant) AND NOT EXISTS (SELECT 1 FROM call WHERE call.id = hold.call)
UNION ALL
SELECT tenant, call, 'an open hold has a call row: the call is over and its money is not free' FROM hold
WHERE state = 'held' AND ?1 IN ('', tenant) AND EXISTS (SELECT 1 FROM call WHERE call.id = hold.call)
UNION ALL
SELECT tenant, id, 'an entry has no wallet' FROM entry
WHERE ?1 IN ('', tenant) AND NOT EXISTS (SELECT 1 FROM wallet WHERE wallet.tenant = entry.tenant)
UNION ALL
SELECT tenant, call, 'an exposure has no hold that ended' FROM exposure
WHERE ?1 IN ('', tenant)
  AND NOT EXISTS (SELECT 1 FROM hold WHERE hold.call = exposure.call AND hold.state <> 'held')
UNION ALL
SELECT tenant, call, 'work that finishes later is of another tenant than its hold' FROM work
WHERE ?1 IN ('', tenant)
  AND NOT EXISTS (SELECT 1 FROM hold WHERE hold.call = work.call AND hold.tenant = work.tenant);
