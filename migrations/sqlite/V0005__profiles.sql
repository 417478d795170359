-- What visitors did, for their profiles. An event is about an item or a concept.
CREATE TABLE event (
    id      TEXT PRIMARY KEY,
    at      TEXT NOT NULL,
    profile TEXT NOT NULL,
    weight  REAL NOT NULL CHECK (weight > 0),
    item    TEXT,
    concept TEXT,
    CHECK ((item IS NULL) <> (concept IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX event_profile ON event (profile, at, id);
CREATE INDEX event_at ON event (at);
