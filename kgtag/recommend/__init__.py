"""Related concepts, with evidence."""

from kgtag.recommend.neighbours import EVIDENCE_TYPES, CoOccurrence, Evidence, EvidenceType, Neighbour, Recommender

__all__ = ["EVIDENCE_TYPES", "CoOccurrence", "Evidence", "EvidenceType", "Neighbour", "Recommender"]
