"""Day-zero tags: what tagging found and had no concept for, gathered into proposals, and what comes of them."""

from kgtag.dayzero.cluster import Cluster, cluster
from kgtag.dayzero.gather import Finding, gather
from kgtag.dayzero.gold import accepted_gold
from kgtag.dayzero.propose import Report, propose_clusters

__all__ = ["Cluster", "Finding", "Report", "accepted_gold", "cluster", "gather", "propose_clusters"]
