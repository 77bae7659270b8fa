-- The session that a call is a turn of; empty for every other call.
ALTER TABLE call ADD COLUMN session TEXT NOT NULL DEFAULT '';
