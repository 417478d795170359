// Statements end with a semicolon at the end of a line. Each one may run again: an interrupted migration starts over.
// When an item was listed, as 2026-01-31T12:00:00Z; of items stored before, the last change that is known.
MATCH (c:ItemChange) MATCH (i:Item {id: c.item}) WHERE i.at IS NULL SET i.at = left(c.at, 19) + 'Z';
