-- When an item was listed, as 2026-01-31T12:00:00Z; of items stored before, the last change that is known.
ALTER TABLE item ADD COLUMN at TEXT;
UPDATE item SET at = (SELECT substr(c.at, 1, 19) || 'Z' FROM item_change c WHERE c.item = item.id);
-- Mentions without a concept: [[surface, attribute, probability], …].
ALTER TABLE item ADD COLUMN nil TEXT CHECK (nil IS NULL OR json_valid(nil));
