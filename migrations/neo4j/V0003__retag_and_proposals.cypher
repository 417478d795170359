// Statements end with a semicolon at the end of a line. Each one may run again: an interrupted migration starts over.
CREATE CONSTRAINT proposal_id IF NOT EXISTS FOR (p:Proposal) REQUIRE p.id IS UNIQUE;
