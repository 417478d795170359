"""For each concept, the one it is most easily taken for: by its label, and by how much more the other is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from graph.labels import normal_form, numbers
from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.link.candidates.ngrams import GramIndex
from kgtag.text.alike import LabelForms

_NEAREST = 11
_SAME = 0.95
"""Similarity of labels that differ in spelling, number, ending or order of words alone."""


@dataclass(frozen=True, slots=True)
class LookAlike:
    """The concept that another one looks like. `similarity` is of the labels; `score`, in [0, 1], is that times the
    share of the other's items in those of both: of two that look alike, the one that is less used is the worse."""

    concept: str
    similarity: float
    score: float


def families(taxonomy: Taxonomy, concepts: Sequence[Concept]) -> list[list[int]]:
    """Places of concepts that stand beside each other: values of one attribute, else a scheme's of one kind."""
    members: dict[tuple[str, str, str | None], list[int]] = defaultdict(list)
    for place, one in enumerate(concepts):
        members[one.scheme, one.kind, taxonomy.attribute_of(one.id) if one.kind == "value" else None].append(place)
    return list(members.values())


def look_alikes(
    taxonomy: Taxonomy, concepts: Sequence[Concept], support: NDArray[np.int64], *, lang: str | None = None
) -> list[LookAlike | None]:
    """One for each concept, in order, None for one that stands alone. `support`: items of each."""
    found: list[LookAlike | None] = [None] * len(concepts)
    for members in families(taxonomy, concepts):
        texts = [concepts[place].label(lang) for place in members]
        forms, index = LabelForms.of(texts), GramIndex(texts)
        figures = [numbers(normal_form(text)) for text in texts]  # "350 ml" is not taken for "50 ml"
        for at, (others, cosines) in enumerate(index.search(texts, [None] * len(texts), _NEAREST)):
            mine, best = concepts[members[at]].id, None
            for other, cosine in zip(others.tolist(), cosines.tolist(), strict=True):
                id = concepts[members[other]].id
                if (
                    other == at
                    or figures[other] != figures[at]
                    or taxonomy.is_ancestor(id, mine)
                    or taxonomy.is_ancestor(mine, id)
                ):
                    continue
                alike = cosine * fuzz.ratio(texts[at].casefold(), texts[other].casefold()) / 100
                if forms.joined[at] and forms.same(at, other) is not None:
                    alike = max(alike, _SAME)
                n, m = int(support[members[at]]), int(support[members[other]])
                score = alike * (m / (n + m) if n + m else 0.5)
                if best is None or score > best.score:
                    best = LookAlike(id, alike, score)
            found[members[at]] = best
    return found
