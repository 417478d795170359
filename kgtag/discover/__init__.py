"""Day-zero tags: what tagging found and had no concept for, gathered into proposals, and what comes of them."""

from kgtag.discover.cluster import Cluster, cluster
from kgtag.discover.gather import Finding, gather
from kgtag.discover.gold import accepted_gold
from kgtag.discover.propose import Report, propose_clusters

__all__ = ["Cluster", "Finding", "Report", "accepted_gold", "cluster", "gather", "propose_clusters"]
