-- Labels are JSON by language tag: {"en": "Shoes"} or {"en": ["Footwear"]}. A row that breaks an invariant of the
-- taxonomy may stand here (the snapshot quarantines it); one that can't be read at all may not.
CREATE TABLE concept (
    id           TEXT PRIMARY KEY,
    scheme       TEXT NOT NULL,
    kind         TEXT NOT NULL,
    pref_label   TEXT NOT NULL CHECK (json_valid(pref_label) AND json_type(pref_label) = 'object'),
    alt_label    TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(alt_label) AND json_type(alt_label) = 'object'),
    hidden_label TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(hidden_label) AND json_type(hidden_label) = 'object'),
    definition   TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(definition) AND json_type(definition) = 'object'),
    notation     TEXT,
    status       TEXT NOT NULL DEFAULT 'active',
    choice       TEXT NOT NULL DEFAULT 'multiple'
) STRICT;

CREATE TABLE relation (
    type       TEXT NOT NULL,
    source     TEXT NOT NULL REFERENCES concept (id) ON DELETE CASCADE,
    target     TEXT NOT NULL REFERENCES concept (id) ON DELETE CASCADE,
    is_primary INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (type, source, target)
) STRICT, WITHOUT ROWID;

CREATE INDEX relation_source ON relation (source);
CREATE INDEX relation_target ON relation (target);

CREATE TABLE change_set (
    version INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,
    author  TEXT NOT NULL,
    reason  TEXT NOT NULL,
    changes TEXT NOT NULL
) STRICT;

CREATE TABLE item (
    id       TEXT PRIMARY KEY,
    title    TEXT NOT NULL,
    lang     TEXT,
    model    TEXT NOT NULL,
    revision TEXT NOT NULL
) STRICT;

CREATE TABLE item_tag (
    item        TEXT NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    concept     TEXT NOT NULL REFERENCES concept (id) ON DELETE CASCADE,
    probability REAL NOT NULL,
    method      TEXT NOT NULL,
    span_start  INTEGER,
    span_end    INTEGER,
    surface     TEXT,
    status      TEXT NOT NULL DEFAULT 'accepted',
    PRIMARY KEY (item, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX item_tag_concept ON item_tag (concept, status, item);

CREATE TABLE api_key (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    sha256  TEXT NOT NULL,
    scopes  TEXT NOT NULL,
    created TEXT NOT NULL
) STRICT;
