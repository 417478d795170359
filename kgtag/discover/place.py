"""The place of a new value: its attribute and its broader value, from similar concepts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graph.taxonomy import Taxonomy
from kgtag.link.candidates.label_table import ends_with, normal_form, singular
from kgtag.link.candidates.ngrams import GramIndex

_NEAREST = 10
_SHOWN = 3
_SIMILAR = 0.25
"""Least cosine for a concept to vote."""
_MAJORITY = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """An attribute, a broader value of it, and `near`, the most similar concepts; None where no vote decides."""

    attribute: str | None
    broader: str | None
    near: tuple[str, ...]


class Places:
    """Finds places among the values of one snapshot."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        values = (one for one in taxonomy.concepts if one.kind == "value" and one.status != "deprecated")
        rows = sorted((one.id, bare) for one in values for text, _, _ in one.labels() if (bare := _bare(text)))
        self._owners = [id for id, _ in rows]
        self._texts = [text for _, text in rows]
        self._index = GramIndex(self._texts)

    def find(self, name: str, attribute: str | None) -> Place:
        """The place of a value; its attribute, if unknown, is that of most similar values."""
        text = _bare(name)
        if not self._texts:
            return Place(attribute, None, ())
        attribute_of = self._taxonomy.attribute_of
        ((numbers, scores),) = self._index.search([text], [None], 5 * _NEAREST)
        near: dict[str, float] = {}
        for number, score in zip(numbers.tolist(), scores.round(5).tolist(), strict=True):
            owner = self._owners[number]
            if score >= _SIMILAR and attribute in (None, attribute_of(owner)):
                near.setdefault(owner, score)
        near = dict(list(near.items())[:_NEAREST])
        home = attribute or _vote({id: (score, [attribute_of(id)]) for id, score in near.items()})
        mine = {id: score for id, score in near.items() if attribute_of(id) == home}
        return Place(home, self._broader(text, home, mine), tuple(mine)[:_SHOWN])

    def _broader(self, text: str, attribute: str | None, near: dict[str, float]) -> str | None:
        """The value with the longest label that ends the name ("trail running shoes": "running shoes"), else a vote."""
        if attribute is None:
            return None
        heads = [
            (-len(label), owner)
            for owner, label in zip(self._owners, self._texts, strict=True)
            if ends_with(text, label) and self._taxonomy.attribute_of(owner) == attribute
        ]
        if heads:
            return min(heads)[1]
        return _vote({id: (score, self._taxonomy.out(id, "broader")) for id, score in near.items()})


def _bare(text: str) -> str:
    """The normal form with every word in the singular."""
    return " ".join(map(singular, normal_form(text).split()))


def _vote(votes: Mapping[str, tuple[float, Sequence[str | None]]]) -> str | None:
    """The choice with more than half of the weight; None for none."""
    weights: dict[str | None, float] = defaultdict(float)
    for weight, choices in votes.values():
        for choice in choices or [None]:
            weights[choice] += weight / max(len(choices), 1)
    best = min(weights, key=lambda choice: (-round(weights[choice], 5), choice or ""), default=None)
    return best if weights and weights[best] > _MAJORITY * sum(weights.values()) else None
