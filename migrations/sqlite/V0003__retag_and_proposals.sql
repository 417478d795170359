-- The steps by which merges and splits brought the tag here, the latest last: [[source, concept, status, version], …].
ALTER TABLE item_tag ADD COLUMN retagged_from TEXT CHECK (retagged_from IS NULL OR json_valid(retagged_from));

-- `content` is the whole proposal as JSON: see graph/proposal.py.
CREATE TABLE proposal (
    id      INTEGER PRIMARY KEY,
    content TEXT NOT NULL CHECK (json_valid(content)),
    status  TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$.status')) VIRTUAL
) STRICT;

CREATE INDEX proposal_status ON proposal (status, id);

CREATE TABLE proposal_concept (
    concept  TEXT NOT NULL,
    proposal INTEGER NOT NULL REFERENCES proposal (id) ON DELETE CASCADE,
    PRIMARY KEY (concept, proposal)
) STRICT, WITHOUT ROWID;
