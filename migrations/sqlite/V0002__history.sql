-- What a change set did stands in `payload`, compressed (see graph/payload.py). `changes` is JSON in the entries written
-- before this migration, which have no payload, and '' in those written since. The rest is for people and for look-ups.
ALTER TABLE change_set ADD COLUMN payload BLOB;
ALTER TABLE change_set ADD COLUMN size INTEGER;
ALTER TABLE change_set ADD COLUMN origin TEXT NOT NULL DEFAULT 'kgtag';
ALTER TABLE change_set ADD COLUMN revision TEXT NOT NULL DEFAULT '';
ALTER TABLE change_set ADD COLUMN summary TEXT NOT NULL DEFAULT '';
ALTER TABLE change_set ADD COLUMN concepts TEXT NOT NULL DEFAULT '[]';

CREATE TABLE release (
    name     TEXT PRIMARY KEY,
    version  INTEGER NOT NULL UNIQUE,
    revision TEXT NOT NULL,
    at       TEXT NOT NULL,
    author   TEXT NOT NULL,
    notes    TEXT NOT NULL
) STRICT;
