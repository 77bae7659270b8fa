-- The contents of rate cards, megabytes each, stand apart from their versions: every hold looks its version up, and
-- SQLite reads the whole row of a table WITHOUT ROWID to compare its key.
CREATE TABLE rate_card_content (
    version TEXT PRIMARY KEY REFERENCES rate_card,
    content TEXT NOT NULL
) STRICT;

INSERT INTO rate_card_content (version, content) SELECT version, content FROM rate_card ORDER BY first_seen;
ALTER TABLE rate_card DROP COLUMN content;

CREATE TRIGGER rate_card_content_is_never_changed BEFORE UPDATE ON rate_card_content
BEGIN SELECT RAISE(ABORT, 'a rate card is never changed'); END;
CREATE TRIGGER rate_card_content_is_never_deleted BEFORE DELETE ON rate_card_content
BEGIN SELECT RAISE(ABORT, 'a rate card is never deleted'); END;
