-- What is said once, when the database is opened.

-- name: next_epoch
-- A new start: whatever is held by earlier ones is an orphan.
UPDATE meta SET epoch = epoch + 1 RETURNING epoch;

-- name: insert_rate_card
-- A rate card that was not seen before.
INSERT INTO rate_card (version, first_seen) VALUES (?, ?) ON CONFLICT (version) DO NOTHING;

-- name: insert_rate_card_content
-- What is in it.
INSERT INTO rate_card_content (version, content) VALUES (?, ?) ON CONFLICT (version) DO NOTHING;

-- name: find_rate_card
-- A rate card's content, as JSON.
SELECT content FROM rate_card_content WHERE version = ?;

-- name: last_rate_card
-- The newest rate card.
SELECT version FROM rate_card ORDER BY first_seen DESC LIMIT 1;

-- name: wallets_astray
-- Wallets that disagree with their last entry or with their open holds: a quick check before anything is served.
SELECT wallet.tenant FROM wallet
LEFT JOIN entry ON entry.tenant = wallet.tenant AND entry.seq = wallet.seq
WHERE wallet.balance <> coalesce(entry.balance_after_nanos, 0)
   OR wallet.head <> coalesce(entry.hash, '')
   OR (wallet.seq > 0) <> (entry.seq IS NOT NULL)
   OR wallet.held <> (SELECT coalesce(sum(wallet_nanos), 0) FROM hold
                      WHERE state = 'held' AND hold.tenant = wallet.tenant)
LIMIT 3;

-- name: caps_astray
-- Spend caps whose windows hold something else than the open holds say.
WITH held_on (cap, window, nanos) AS (
    SELECT json_extract(named.value, '$[0]'), json_extract(named.value, '$[1]'), sum(hold.cap_nanos)
    FROM hold INDEXED BY hold_open JOIN json_each(hold.windows) AS named
    WHERE hold.state = 'held' AND hold.windows <> '[]'
    GROUP BY 1, 2)
SELECT cap FROM cap_window LEFT JOIN held_on USING (cap, window) WHERE held <> 0 AND held <> coalesce(nanos, 0)
UNION
SELECT cap FROM held_on LEFT JOIN cap_window USING (cap, window) WHERE nanos <> coalesce(held, 0)
LIMIT 3;
