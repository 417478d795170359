"""What neighbours are: concepts with their relation, score and typed evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from kgtag.rows import EvidenceRow, NeighbourRow

EvidenceType = Literal["asserted", "inferred", "cooccurrence", "embedding"]
Direction = Literal["out", "in", "both"]
Group = Literal["taxonomy", "facets", "goes_with", "like_it"]
EVIDENCE_TYPES: tuple[EvidenceType, ...] = get_args(EvidenceType)
GROUPS: tuple[Group, ...] = get_args(Group)


_GROUP: dict[str, Group] = {
    "broader": "taxonomy", "value_of": "facets", "applies_to": "facets", "occurs_with": "goes_with",
    "related": "goes_with", "sibling": "like_it", "similar": "like_it",
}  # fmt: skip
UNLIKE: frozenset[str] = frozenset({"excludes", "replaced_by"})
"""Relations of concepts that must not go together."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two concepts are neighbours.

    Args:
        type: Where it comes from.
        score: In [0, 1].
        path: Ids from end to end.
        count: Items with both.
        of: Items with the concept asked about.
    """

    type: EvidenceType
    score: float
    path: tuple[str, ...] | None = None
    count: int | None = None
    of: int | None = None

    def to_dict(self) -> EvidenceRow:
        """The row of a piece of evidence; fields that do not apply are left out."""
        row: EvidenceRow = {"type": self.type, "score": round(self.score, 6)}
        if self.path is not None:
            row["path"] = list(self.path)
        if self.count is not None:
            row["count"] = self.count
        if self.of is not None:
            row["of"] = self.of
        return row


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A related concept. `relation` is that of the strongest evidence; `score` in [0, 1] compares between lists."""

    concept: str
    label: str
    relation: str
    direction: Direction
    score: float
    evidence: tuple[Evidence, ...]

    @property
    def group(self) -> Group:
        """What it is good for: "taxonomy", "facets", "goes_with" or "like_it" (instead)."""
        return _GROUP.get(self.relation, "like_it")

    @property
    def support(self) -> str | None:
        """Such as "15 of 42 items"; None without items."""
        for piece in self.evidence:
            if piece.count is not None and piece.of is not None:
                return f"{piece.count} of {piece.of} items"
        return None

    def to_dict(self) -> NeighbourRow:
        """The row of a neighbour."""
        row: NeighbourRow = {
            "concept": self.concept,
            "label": self.label,
            "relation": self.relation,
            "direction": self.direction,
            "group": self.group,
            "score": round(self.score, 6),
            "evidence": [piece.to_dict() for piece in self.evidence],
        }
        if self.support is not None:
            row["support"] = self.support
        return row


Piece = tuple[str, str, Direction, float, Evidence]
"""Concept, relation, direction, score of the neighbour by this piece alone, and the piece."""


def joined(pieces: Sequence[Piece], label: str) -> Neighbour:
    """One row of all pieces about a concept: asserted relations name it, else the strongest piece."""

    def rank(piece: Piece) -> tuple[int, float]:
        asserted = piece[4].type == "asserted" or piece[1] == "broader"
        return (0 if asserted else 1, -piece[3])

    first = min(pieces, key=rank)
    score = max(piece[3] for piece in pieces) if first[1] not in UNLIKE else first[3]
    why = tuple(dict.fromkeys(piece[4] for piece in sorted(pieces, key=rank)))
    return Neighbour(first[0], label, first[1], first[2], score, why)
