"""Proposals in SQLite. Every function works in the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from graph.model import Proposal, ProposalStatus
from graph.model.proposals import from_json, require_etag, to_json

_ONE = "SELECT content FROM proposal WHERE id = ?"
_MANY = """SELECT content FROM proposal
    WHERE (:before IS NULL OR id < :before) AND (:status IS NULL OR status = :status)
        AND (:concept IS NULL OR id IN (SELECT proposal FROM proposal_concept WHERE concept = :concept))
    ORDER BY id DESC LIMIT :limit"""
_PUT = """INSERT INTO proposal (id, content) VALUES (?, ?)
    ON CONFLICT (id) DO UPDATE SET content = excluded.content"""
_NOT_ABOUT = "DELETE FROM proposal_concept WHERE proposal = ?"
_ABOUT = "INSERT INTO proposal_concept (proposal, concept) VALUES (?, ?)"


def put(db: sqlite3.Connection, proposal: Proposal, *, expect: str | None) -> None:
    """Store the proposal. Raises LostRace unless the present one has the ETag `expect`."""
    require_etag(one(db, proposal.id), expect, id=proposal.id)
    db.execute(_PUT, (proposal.id, json.dumps(to_json(proposal), ensure_ascii=False)))
    db.execute(_NOT_ABOUT, (proposal.id,))
    db.executemany(_ABOUT, [(proposal.id, concept) for concept in proposal.concepts])


def one(db: sqlite3.Connection, id: int) -> Proposal | None:
    row = db.execute(_ONE, (id,)).fetchone()
    return None if row is None else from_json(json.loads(row[0]))


def many(
    db: sqlite3.Connection, status: ProposalStatus | None, concept: str | None, before: int | None, limit: int | None
) -> list[Proposal]:
    wanted: dict[str, Any] = {"status": status, "concept": concept, "before": before}
    rows = db.execute(_MANY, {**wanted, "limit": -1 if limit is None else limit})
    return [from_json(json.loads(content)) for (content,) in rows]
