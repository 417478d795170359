-- The steps by which merges and splits brought the tag here, the latest last: [[source, concept, status, version], …].
ALTER TABLE item_tag ADD COLUMN retagged_from TEXT CHECK (retagged_from IS NULL OR json_valid(retagged_from));

-- `seen` and the rest of JSON: see graph/proposal.py.
CREATE TABLE proposal (
    id            INTEGER PRIMARY KEY,
    created       TEXT NOT NULL,
    author        TEXT NOT NULL,
    api_key       TEXT,
    title         TEXT NOT NULL,
    reason        TEXT NOT NULL,
    status        TEXT NOT NULL,
    operation     TEXT CHECK (operation IS NULL OR json_valid(operation)),
    changes       TEXT NOT NULL CHECK (json_valid(changes)),
    seen          TEXT NOT NULL CHECK (json_valid(seen)),
    base_version  INTEGER NOT NULL,
    base_revision TEXT NOT NULL,
    evidence      TEXT CHECK (evidence IS NULL OR json_valid(evidence)),
    comments      TEXT NOT NULL CHECK (json_valid(comments)),
    decided_by    TEXT,
    decided_at    TEXT,
    version       INTEGER
) STRICT;

CREATE INDEX proposal_status ON proposal (status, id);

CREATE TABLE proposal_concept (
    proposal INTEGER NOT NULL REFERENCES proposal (id) ON DELETE CASCADE,
    concept  TEXT NOT NULL,
    PRIMARY KEY (concept, proposal)
) STRICT, WITHOUT ROWID;
