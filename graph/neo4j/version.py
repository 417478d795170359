"""Supported versions of Neo4j."""

from __future__ import annotations

import re

from graph.errors import StoreUnavailable

OLDEST = (5, 26)
"""The long-term release of version 5. Releases named by year (2025.01 …) are later."""


def require_supported(agent: str, url: str) -> None:
    """Raise StoreUnavailable for an old agent like "Neo4j/4.4.12"; one without a version is accepted."""
    found = re.match(r"Neo4j/(\d+)\.(\d+)", agent)
    if found is not None and (int(found[1]), int(found[2])) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise StoreUnavailable(
            f"{agent.replace('/', ' ')} at {url} is too old; kgtag needs Neo4j {wanted} or later: upgrade the server, "
            "or try one of your own with `kgtag neo4j up`"
        )
