// What a change set did stands in `payload` of its ChangeSet node, compressed (see graph/payload.py); its `size`, `origin`,
// `summary` and `concepts` are for people. Entries written before this migration have their changes as JSON lines instead.
CREATE CONSTRAINT release_name IF NOT EXISTS FOR (r:Release) REQUIRE r.name IS UNIQUE;
CREATE CONSTRAINT release_version IF NOT EXISTS FOR (r:Release) REQUIRE r.version IS UNIQUE;
