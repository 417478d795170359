// Statements end with a semicolon at the end of a line. Each one may run again: an interrupted migration starts over.
CREATE CONSTRAINT item_change_item IF NOT EXISTS FOR (c:ItemChange) REQUIRE c.item IS UNIQUE;
CREATE INDEX item_change_seq IF NOT EXISTS FOR (c:ItemChange) ON (c.seq);
CREATE CONSTRAINT counter_id IF NOT EXISTS FOR (n:Counter) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT state_key IF NOT EXISTS FOR (s:State) REQUIRE s.key IS UNIQUE;
