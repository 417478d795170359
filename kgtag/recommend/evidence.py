"""What neighbours are: concepts with their relation, score and typed evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from kgtag.rows.concepts import EvidenceRow, NeighbourRow

EvidenceType = Literal["asserted", "inferred", "cooccurrence", "embedding"]
Direction = Literal["out", "in", "both"]
Group = Literal["taxonomy", "facets", "goes_with", "like_it"]
EVIDENCE_TYPES: tuple[EvidenceType, ...] = get_args(EvidenceType)
GROUPS: tuple[Group, ...] = get_args(Group)


_GROUP: dict[str, Group] = {
    "broader": "taxonomy", "value_of": "facets", "applies_to": "facets", "occurs_with": "goes_with",
    "related": "goes_with", "sibling": "like_it", "similar": "like_it",
}  # fmt: skip


def group_of(relation: str) -> Group:
    """What neighbours of a relation are good for."""
    return _GROUP.get(relation, "like_it")


SLOPE, ODDS = 1.95, 12.6
"""Coefficients: a logistic regression of 675 ratings on the log-odds of the strength, see benchmarks/related.py."""
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
    """A related concept. `relation` is that of the strongest evidence; `score` in [0, 1] is about the share of such
    neighbours that a person rated as right, except among recommendations, where it ranks."""

    concept: str
    label: str
    relation: str
    direction: Direction
    score: float
    evidence: tuple[Evidence, ...]

    @property
    def group(self) -> Group:
        """What it is good for: "taxonomy", "facets", "goes_with" or "like_it" (instead)."""
        return group_of(self.relation)

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
        if (support := self.support) is not None:
            row["support"] = support
        return row


Reason = tuple[EvidenceType, float, tuple[str, ...] | None, int | None, int | None]
"""The fields of an `Evidence`; most are never shown, and a tuple is made sooner."""
Piece = tuple[int, str, Direction, float, Reason]
"""Number of the concept, relation, direction, score of the neighbour by this piece alone, and the reason."""


def rank(piece: Piece) -> tuple[bool, float]:
    """Sort key: asserted relations come first and name the neighbour, else the strongest piece does."""
    return piece[4][0] != "asserted" and piece[1] != "broader", -piece[3]


def joined(pieces: Sequence[Piece], concept: str, label: str, score: float) -> Neighbour:
    """One row of all pieces about a concept."""
    if len(pieces) == 1:
        ((_, relation, direction, _, reason),) = pieces
        return Neighbour(concept, label, relation, direction, score, (Evidence(*reason),))
    ranked = sorted(pieces, key=rank)
    _, relation, direction, _, _ = ranked[0]
    why = tuple(Evidence(*reason) for reason in dict.fromkeys(piece[4] for piece in ranked))
    return Neighbour(concept, label, relation, direction, score, why)


def strength(pieces: Sequence[Piece]) -> float:
    """In [0, 1], ranks: the best piece's; that of a relation which forbids both together wins."""
    if len(pieces) == 1:
        return pieces[0][3]
    first = min(pieces, key=rank)
    return first[3] if first[1] in UNLIKE else max(piece[3] for piece in pieces)


def calibrated(strength: float) -> float:
    """The share of neighbours of this strength that are right; rises with it, and keeps 0 and 1.

    Example:
        >>> [round(calibrated(one), 2) for one in (0.2, 0.4, 0.8)]
        [0.46, 0.85, 0.99]
    """
    right: float = ODDS * strength**SLOPE
    wrong: float = (1 - strength) ** SLOPE
    return right / (right + wrong)
