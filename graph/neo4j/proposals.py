"""Proposals in Neo4j: statements and conversion of rows.

In Browser: `MATCH p = (:Proposal {status: 'open'})-[:ABOUT]->(:Concept) RETURN p`; comments are linked by COMMENT.
Changes and other fields for programs are JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from graph.model import Proposal
from graph.model.proposals import from_json, to_json
from graph.neo4j.rows import Row

LOCK = "MERGE (p:Proposal {id: $id}) ON CREATE SET p.fresh = true SET p.held = true"
"""The lock lasts as long as the transaction; PUT removes both properties."""
PUT = """
MATCH (p:Proposal {id: $id})
OPTIONAL MATCH (p)-[:COMMENT]->(old:Comment) DETACH DELETE old
WITH DISTINCT p
OPTIONAL MATCH (p)-[about:ABOUT]->() DELETE about
WITH DISTINCT p
SET p = $properties
FOREACH (row IN $comments | CREATE (p)-[:COMMENT]->(c:Comment) SET c = row)
WITH p UNWIND $properties.concepts AS concept
MATCH (c:Concept {id: concept})
CREATE (p)-[:ABOUT]->(c)
"""
ONE = """
MATCH (p:Proposal {id: $id}) WHERE p.fresh IS NULL
OPTIONAL MATCH (p)-[:COMMENT]->(c:Comment)
WITH p, c ORDER BY c.position, c.at
RETURN properties(p) AS proposal, collect(properties(c)) AS comments
"""
MANY = """
MATCH (p:Proposal) WHERE p.id IS :: INTEGER NOT NULL
    AND ($before IS NULL OR p.id < $before) AND ($status IS NULL OR p.status = $status)
    AND ($concept IS NULL OR $concept IN p.concepts)
WITH p ORDER BY p.id DESC LIMIT $limit
OPTIONAL MATCH (p)-[:COMMENT]->(c:Comment)
WITH p, c ORDER BY p.id DESC, c.position, c.at
WITH p, collect(properties(c)) AS comments
RETURN properties(p) AS proposal, comments ORDER BY p.id DESC
"""

_FIELDS = (
    "id", "title", "status", "author", "key", "created", "reason", "base_version", "base_revision", "decided_by",
    "decided_at", "version",
)  # fmt: skip
_NAMES = {name: re.sub("_(.)", lambda found: found[1].upper(), name) for name in _FIELDS}
"""Properties by field: `baseVersion` for `base_version`."""
_JSON = ("operation", "evidence", "seen")


def parameters(proposal: Proposal) -> Row:
    """The parameters of PUT."""
    row = to_json(proposal)
    properties: Row = {_NAMES[name]: row[name] for name in _NAMES if name in row}
    properties |= {name: _dumps(row[name]) for name in _JSON if name in row}
    properties |= {"changes": list(map(_dumps, row["changes"])), "concepts": proposal.concepts}
    comments = [comment | {"position": at} for at, comment in enumerate(row["comments"])]
    return {"id": proposal.id, "properties": properties, "comments": comments}


def proposal_of(record: Mapping[str, Any]) -> Proposal:
    """The proposal of a record, with defaults for what external edits removed or made invalid."""
    found = record["proposal"]
    row: Row = {"created": "", "author": "", "title": "", "base_version": 0, "base_revision": "", "seen": {}}
    row |= {name: found[theirs] for name, theirs in _NAMES.items() if theirs in found}
    row |= {name: read for name in _JSON if isinstance(read := _loads(found.get(name)), dict)}
    changes = [_loads(change) for change in found.get("changes", [])]
    row["changes"] = changes if all(isinstance(change, dict) for change in changes) else []
    row["comments"] = [{name: str(c.get(name, "")) for name in ("at", "author", "text")} for c in record["comments"]]
    return from_json(row)


def _loads(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
