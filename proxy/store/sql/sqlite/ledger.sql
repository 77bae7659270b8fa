-- What the writer thread says inside its transactions. Columns come in the order of the structs' fields.

-- name: find_wallets
-- The wallets of a JSON array of tenants.
SELECT tenant, balance, held, minimum, seq, head FROM wallet WHERE tenant IN (SELECT value FROM json_each(?));

-- name: find_holds
-- The holds, open or over, of a JSON array of calls.
SELECT call, tenant, key, integration, endpoint, model, wallet_nanos, cost_nanos, rate_card, margins, waived,
       created_at, period, epoch, state, evidence, app, cap_nanos, windows
FROM hold WHERE call IN (SELECT value FROM json_each(?));

-- name: find_wallet
-- A wallet as this transaction found it.
SELECT tenant, balance, held, minimum, seq, head FROM wallet WHERE tenant = ?;

-- name: find_hold
-- A hold, open or over.
SELECT call, tenant, key, integration, endpoint, model, wallet_nanos, cost_nanos, rate_card, margins, waived,
       created_at, period, epoch, state, evidence, app, cap_nanos, windows
FROM hold WHERE call = ?;

-- name: find_entry
-- An entry by its id: tells whether a deposit was made before.
SELECT id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period, reference,
       bill, previous, hash
FROM entry WHERE id = ?;

-- name: find_call_entry
-- The entry that a call left, if any.
SELECT id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period, reference,
       bill, previous, hash
FROM entry WHERE kind = 'call' AND reference = ?;

-- name: call_exposure
-- What a call left to the operator.
SELECT coalesce(sum(nanos), 0) FROM exposure WHERE call = ?;

-- name: write_wallet
-- A wallet as the batch leaves it.
UPDATE wallet SET balance = ?, held = ?, seq = ?, head = ? WHERE tenant = ?;

-- name: insert_hold
-- A hold that began in this batch.
INSERT INTO hold (call, tenant, key, integration, endpoint, model, wallet_nanos, cost_nanos, rate_card, margins,
                  waived, created_at, period, epoch, state, evidence, app, cap_nanos, windows)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: write_hold
-- A hold that was raised, checkpointed or ended in this batch.
UPDATE hold SET wallet_nanos = ?, cost_nanos = ?, state = ?, evidence = ?, cap_nanos = ? WHERE call = ?;

-- name: insert_entry
-- An entry, for ever.
INSERT INTO entry (id, tenant, seq, kind, amount_nanos, waived_nanos, balance_after_nanos, created_at, period,
                   reference, bill, previous, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_exposure
-- What a call left to the operator, for ever.
INSERT INTO exposure (call, tenant, integration, nanos, reason, at_most, at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: insert_call
-- A call that is over. An ending has the last word over a record that came before it.
INSERT INTO call (id, tenant, key, integration, endpoint, model, outcome, status, started_at, ended_at, refusal,
                  session)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    outcome = excluded.outcome, status = excluded.status, ended_at = excluded.ended_at,
    refusal = excluded.refusal;

-- name: insert_record
-- A call that had no hold. One that is known already keeps its row.
INSERT INTO call (id, tenant, key, integration, endpoint, model, outcome, status, started_at, ended_at, refusal,
                  session)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING;

-- name: insert_object
-- An object and its owner. The first owner stays; its tokens may become known later.
INSERT INTO object (integration, id, tenant, kind, call, created_at, tokens, lot) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (integration, id) DO UPDATE SET tokens = excluded.tokens
WHERE excluded.tokens IS NOT NULL AND tenant = excluded.tenant;

-- name: write_tokens
-- What continuing from the objects of a call may add to a request's input.
UPDATE object SET tokens = ? WHERE call = ?;

-- name: delete_object
-- An object that its owner deleted.
DELETE FROM object WHERE integration = ? AND id = ?;

-- name: insert_work
-- What a call's hold belongs to from now on. Whose an object is first, it stays.
INSERT INTO work (call, tenant, integration, object, kind, endpoint, created_at, deadline_at, facts)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: find_work
-- The work that an object is.
SELECT call, tenant, integration, object, kind, endpoint, created_at, deadline_at, facts
FROM work WHERE integration = ? AND object = ?;
