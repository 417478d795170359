"""What the items of a catalogue say of its taxonomy: trends, the quality of tags, coverage, segments."""
