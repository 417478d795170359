// Statements end with a semicolon at the end of a line. Each one may run again: an interrupted migration starts over.
CREATE CONSTRAINT concept_id IF NOT EXISTS FOR (c:Concept) REQUIRE c.id IS UNIQUE;
CREATE CONSTRAINT item_id IF NOT EXISTS FOR (i:Item) REQUIRE i.id IS UNIQUE;
CREATE CONSTRAINT meta_id IF NOT EXISTS FOR (m:Meta) REQUIRE m.id IS UNIQUE;
CREATE CONSTRAINT change_set_version IF NOT EXISTS FOR (s:ChangeSet) REQUIRE s.version IS UNIQUE;
CREATE CONSTRAINT api_key_id IF NOT EXISTS FOR (k:ApiKey) REQUIRE k.id IS UNIQUE;

// By bigrams, so that labels are found in languages that write without spaces.
CREATE FULLTEXT INDEX concept_labels IF NOT EXISTS
FOR (c:Concept) ON EACH [c.name, c.prefLabel, c.altLabel]
OPTIONS { indexConfig: { `fulltext.analyzer`: 'cjk' } };
CREATE INDEX concept_scheme IF NOT EXISTS FOR (c:Concept) ON (c.scheme);
CREATE INDEX concept_name IF NOT EXISTS FOR (c:Concept) ON (c.name);

// `version` counts the change sets applied through kgtag; a writer locks this node first.
MERGE (m:Meta {id: 'kgtag'}) ON CREATE SET m.version = 0;
