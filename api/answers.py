"""Answers as plain dicts, and as JSON."""

from __future__ import annotations

import orjson
from starlette.responses import Response

from kgtag.describe import Row, brief, concept, concept_in_full
from kgtag.recommend import Evidence, Neighbour

__all__ = ["Row", "brief", "concept", "concept_in_full", "dump", "json", "neighbour"]


def json(row: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(dump(row), status, headers, media_type="application/json")


def dump(row: object) -> bytes:
    return orjson.dumps(row)


def neighbour(row: Neighbour) -> Row:
    return {
        "concept": row.concept,
        "label": row.label,
        "relation": row.relation,
        "direction": row.direction,
        "score": round(row.score, 6),
        "evidence": [_evidence(piece) for piece in row.evidence],
    }


def _evidence(piece: Evidence) -> Row:
    row: Row = {"type": piece.type, "score": round(piece.score, 6)}
    if piece.path is not None:
        row["path"] = piece.path
    if piece.count is not None:
        row["count"] = piece.count
    return row
