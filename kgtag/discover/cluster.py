"""Complete-link clusters of NIL mentions: similar in letters, equal in numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from kgtag.discover.mentions import NilGroup
from kgtag.link.candidates.label_table import normal_form, numbers
from kgtag.link.candidates.ngrams import GramIndex

SIMILARITY = 0.6
"""Least cosine between the letter grams of any two groups of a cluster."""
_NEAREST = 20


def cluster(groups: Sequence[NilGroup], *, similarity: float = SIMILARITY) -> list[NilGroup]:
    """Merge the groups of one attribute that are similar, those on most products first.

    From the most frequent down, each group joins the cluster to whose members it is most similar at the least, or
    begins one. The order of `groups` makes no difference.
    """
    by_attribute: dict[str | None, list[NilGroup]] = defaultdict(list)
    for one in sorted(groups, key=lambda one: (-len(one.products), -one.mentions, one.forms)):
        by_attribute[one.attribute].append(one)
    made = [
        NilGroup.merged([mine[n] for n in members])
        for mine in by_attribute.values()
        for members in _clusters(mine, similarity)
    ]
    return sorted(made, key=lambda one: (-len(one.products), one.attribute or "", one.name))


def _clusters(groups: Sequence[NilGroup], similarity: float) -> list[list[int]]:
    near = _near(groups, similarity)
    clusters: list[list[int]] = []
    home: dict[int, int] = {}
    for number in range(len(groups)):
        best, most = None, 0.0
        for at in sorted({home[other] for other in near[number] if other in home}):
            weakest = min(near[number].get(other, 0.0) for other in clusters[at])
            if weakest >= similarity and weakest > most:
                best, most = at, weakest
        if best is None:
            best = len(clusters)
            clusters.append([])
        clusters[best].append(number)
        home[number] = best
    return clusters


def _near(groups: Sequence[NilGroup], similarity: float) -> list[dict[int, float]]:
    """For each group the similar others: cosine of letter grams, and the same numbers."""
    texts = [normal_form(one.name) for one in groups]
    counted = [numbers(text) for text in texts]
    near: list[dict[int, float]] = [{} for _ in groups]
    for number, (others, scores) in enumerate(GramIndex(texts).search(texts, [None] * len(texts), _NEAREST)):
        for other, score in zip(others.tolist(), scores.round(5).tolist(), strict=True):
            if other != number and score >= similarity and counted[other] == counted[number]:
                near[number][other] = near[other][number] = max(score, near[number].get(other, 0.0))
    return near
