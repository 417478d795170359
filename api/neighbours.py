"""Pages of neighbours: the filters of a request, and cursors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from graph.errors import InputError
from graph.model import RELATION_TYPES, Kind
from kgtag.recommend import EVIDENCE_TYPES, EvidenceType, Group
from kgtag.rows.concepts import Neighbours
from kgtag.serve.live import Served

LIMIT = 20
"""Rows of a page that does not name a number."""
RELATIONS = (*RELATION_TYPES, "sibling", "occurs_with", "similar")


@dataclass(frozen=True, slots=True)
class NeighbourFilters:
    """Which neighbours are asked for. Raises InputError for an unknown relation."""

    relation: str | None = None
    evidence: tuple[EvidenceType, ...] = EVIDENCE_TYPES
    kind: Kind | None = None
    group: Group | None = None
    least: float = 0.0
    limit: int = LIMIT
    lang: str | None = None

    def __post_init__(self) -> None:
        if self.relation is not None and self.relation not in RELATIONS:
            raise InputError(f"no relation {self.relation!r}; there is {', '.join(RELATIONS)}")

    def page(self, served: Served, id: str, cursor: str | None = None) -> Neighbours:
        """A page of the neighbours of a concept, the first or that of a cursor.

        Raises:
            UnknownConcept: An id that the taxonomy lacks.
            InputError: A cursor of another query or revision.
        """
        start = self._start(served, id, cursor)
        found = served.recommender.neighbours(
            id, relation=self.relation, evidence=self.evidence, kind=self.kind, group=self.group, least=self.least,
            start=start, limit=self.limit + 1, lang=self.lang,
        )  # fmt: skip
        end = start + self.limit
        return {
            "concept": id,
            "neighbours": [neighbour.to_dict() for neighbour in found[: self.limit]],
            "next_cursor": f"{end}.{self._digest(served, id)}" if len(found) > self.limit else None,
            "revision": served.taxonomy.revision,
        }

    def _start(self, served: Served, id: str, cursor: str | None) -> int:
        if cursor is None:
            return 0
        start, _, digest = cursor.partition(".")
        if not start.isdecimal() or len(start) > 9 or digest != self._digest(served, id):
            now = f"this is revision {served.taxonomy.revision}"
            raise InputError(f"the cursor {cursor!r} is of another query or revision ({now}); begin again without it")
        return int(start)

    def _digest(self, served: Served, id: str) -> str:
        asked = (served.taxonomy.revision, id, self.relation, self.evidence, self.kind, self.group, self.least)
        return hashlib.blake2b(repr(asked).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def evidence_types(given: Sequence[str] | None) -> tuple[EvidenceType, ...]:
    """The types in a query, where commas separate them as well; all without one. Raises InputError."""
    if given is None:
        return EVIDENCE_TYPES
    names = {name.strip() for part in given for name in part.split(",")}
    if wrong := sorted(names - set(EVIDENCE_TYPES)):
        raise InputError(f"no evidence {wrong[0]!r}; there is {', '.join(EVIDENCE_TYPES)}")
    return tuple(name for name in EVIDENCE_TYPES if name in names)
