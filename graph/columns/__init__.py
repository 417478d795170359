"""A taxonomy as columns, and the indexes derived from them."""
