"""Which concepts of two schemes mean the same: proposed with scores and evidence, for an editor to accept."""

from kgtag.align.match import Mapping, MapSettings, map_schemes, unmapped

__all__ = ["MapSettings", "Mapping", "map_schemes", "unmapped"]
