// Statements end with a semicolon at the end of a line. Each one may run again: an interrupted migration starts over.
CREATE CONSTRAINT feedback_id IF NOT EXISTS FOR (f:Feedback) REQUIRE f.id IS UNIQUE;
CREATE INDEX feedback_concept IF NOT EXISTS FOR (f:Feedback) ON (f.concept);
CREATE INDEX feedback_item IF NOT EXISTS FOR (f:Feedback) ON (f.item);
