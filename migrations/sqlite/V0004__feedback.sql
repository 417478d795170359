-- What people think of tags. `item` is an item's id, `product` the row of a product that need not be stored.
CREATE TABLE feedback (
    id         TEXT PRIMARY KEY,
    at         TEXT NOT NULL,
    reviewer   TEXT NOT NULL,
    concept    TEXT NOT NULL,
    verdict    TEXT NOT NULL CHECK (verdict IN ('right', 'wrong', 'missing')),
    item       TEXT,
    product    TEXT CHECK (product IS NULL OR json_valid(product)),
    span_start INTEGER,
    span_end   INTEGER,
    reason     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX feedback_concept ON feedback (concept, id);
CREATE INDEX feedback_item ON feedback (item, id);
