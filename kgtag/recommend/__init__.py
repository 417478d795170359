"""Related concepts and items, with evidence."""

from kgtag.recommend.cooccurrence import CoOccurrence
from kgtag.recommend.evidence import EVIDENCE_TYPES, GROUPS, Evidence, EvidenceType, Group, Neighbour
from kgtag.recommend.neighbours import Recommender

__all__ = ["EVIDENCE_TYPES", "GROUPS", "CoOccurrence", "Evidence", "EvidenceType", "Group", "Neighbour", "Recommender"]
