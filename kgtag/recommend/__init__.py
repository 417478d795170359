"""Related concepts and items, with evidence."""

from kgtag.recommend.cooccurrence import CoOccurrence
from kgtag.recommend.neighbours import EVIDENCE_TYPES, GROUPS, Evidence, EvidenceType, Group, Neighbour, Recommender

__all__ = ["EVIDENCE_TYPES", "GROUPS", "CoOccurrence", "Evidence", "EvidenceType", "Group", "Neighbour", "Recommender"]
