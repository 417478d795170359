"""What is related to a concept, and why."""

from kgtag.recommend.cooccurrence import CoOccurrence
from kgtag.recommend.neighbours import Evidence, EvidenceType, Neighbour, Recommender

__all__ = ["CoOccurrence", "Evidence", "EvidenceType", "Neighbour", "Recommender"]
