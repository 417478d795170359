// Statements end with a semicolon at the end of a line. Each one may run again: an interrupted migration starts over.
CREATE CONSTRAINT event_id IF NOT EXISTS FOR (e:Event) REQUIRE e.id IS UNIQUE;
CREATE INDEX event_profile IF NOT EXISTS FOR (e:Event) ON (e.profile, e.at);
CREATE INDEX event_at IF NOT EXISTS FOR (e:Event) ON (e.at);
