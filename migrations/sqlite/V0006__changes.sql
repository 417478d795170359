-- When a key stops to open anything; NULL: never.
ALTER TABLE api_key ADD COLUMN expires TEXT;

-- The last change of each item, for those who follow. `seq` grows with every change; an erased item leaves its id alone.
CREATE TABLE item_change (
    item   TEXT PRIMARY KEY,
    seq    INTEGER NOT NULL UNIQUE,
    change TEXT NOT NULL CHECK (change IN ('tagged', 'erased')),
    at     TEXT NOT NULL
) STRICT;

-- What the service keeps for itself between starts: webhooks, who delivers to them, how far a retagging is.
CREATE TABLE state (
    kind  TEXT NOT NULL,
    id    TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
