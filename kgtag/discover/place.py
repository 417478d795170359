"""Where a new value belongs: its attribute, and what is broader, from the concepts around it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from graph.taxonomy import Taxonomy
from kgtag.link.candidates.forms import ends_with, normal_form, singular
from kgtag.link.candidates.ngrams import GramIndex

_NEAREST = 10
_SHOWN = 3
_ALIKE = 0.25
"""Least cosine for a concept to have a say."""
_MAJORITY = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """`attribute` None: nobody near has one. `broader` is a value of it, or None; `near`: the concepts most alike."""

    attribute: str | None
    broader: str | None
    near: tuple[str, ...]


class Places:
    """Values of one snapshot by their labels."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        rows = sorted(_labels(taxonomy))
        self._owners = [id for id, _ in rows]
        self._texts = [text for _, text in rows]
        self._index = GramIndex(self._texts)

    def find(self, name: str, attribute: str | None) -> Place:
        """With the attribute that is known, or the one that most of the values alike have."""
        text = _bare(name)
        if not self._texts:
            return Place(attribute, None, ())
        ((numbers, scores),) = self._index.search([text], [None], 5 * _NEAREST)
        near: dict[str, float] = {}
        for number, score in zip(numbers.tolist(), scores.round(5).tolist(), strict=True):
            owner = self._owners[number]
            if score >= _ALIKE and attribute in (None, self._taxonomy.attribute_of(owner)):
                near.setdefault(owner, score)
        near = dict(list(near.items())[:_NEAREST])
        home = attribute or _voted({id: (score, [self._taxonomy.attribute_of(id)]) for id, score in near.items()})
        mine = {id: score for id, score in near.items() if self._taxonomy.attribute_of(id) == home}
        return Place(home, self._broader(text, home, mine), tuple(mine)[:_SHOWN])

    def _broader(self, text: str, attribute: str | None, near: dict[str, float]) -> str | None:
        """The value whose label the name ends with ("trail running shoes" is a kind of "running shoes"), the longest;
        else what most of the values alike have as broader."""
        if attribute is None:
            return None
        heads = [
            (-len(label), owner)
            for owner, label in zip(self._owners, self._texts, strict=True)
            if ends_with(text, label) and self._taxonomy.attribute_of(owner) == attribute
        ]
        if heads:
            return min(heads)[1]
        return _voted({id: (score, self._taxonomy.out(id, "broader")) for id, score in near.items()})


def _labels(taxonomy: Taxonomy) -> Iterator[tuple[str, str]]:
    for concept in taxonomy.concepts:
        if concept.kind == "value" and concept.status != "deprecated":
            for text, _, _ in concept.labels():
                if bare := _bare(text):
                    yield concept.id, bare


def _bare(text: str) -> str:
    """In the normal form, every word in the singular."""
    return " ".join(map(singular, normal_form(text).split()))


def _voted(votes: dict[str, tuple[float, list[str | None]]] | dict[str, tuple[float, list[str]]]) -> str | None:
    """What more than half of the weight is for; none when that is nothing, or nobody votes."""
    weights: dict[str | None, float] = defaultdict(float)
    for weight, choices in votes.values():
        for choice in choices or [None]:
            weights[choice] += weight / max(len(choices), 1)
    if not weights:
        return None
    best = min(weights, key=lambda choice: (-round(weights[choice], 5), choice or ""))
    return best if weights[best] > _MAJORITY * sum(weights.values()) else None
