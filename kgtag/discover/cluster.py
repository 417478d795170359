"""Findings that are likely the same value: alike in letters, equal in numbers, every one to every other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from kgtag.discover.gather import Finding
from kgtag.link.candidates.forms import normal_form, numbers
from kgtag.link.candidates.ngrams import GramIndex

ALIKE = 0.6
"""Least cosine between the letter grams of any two findings of a cluster."""
_NEAREST = 20


@dataclass(frozen=True, slots=True)
class Cluster:
    """One new value: its findings, on most products first."""

    attribute: str | None
    findings: tuple[Finding, ...]

    @property
    def surfaces(self) -> Counter[str]:
        return sum((one.surfaces for one in self.findings), Counter())

    @property
    def categories(self) -> Counter[str]:
        return sum((one.categories for one in self.findings), Counter())

    @property
    def products(self) -> list[str]:
        """Ids, each once, those of the most frequent finding first."""
        return list(dict.fromkeys(id for one in self.findings for id in one.products))

    @property
    def name(self) -> str:
        """The most frequent surface; of equals the one that comes first in the alphabet."""
        surfaces = self.surfaces
        return min(surfaces, key=lambda surface: (-surfaces[surface], surface))

    @property
    def score(self) -> float:
        """Mean probability of its mentions."""
        return sum(one.score for one in self.findings) / max(sum(one.mentions for one in self.findings), 1)


def cluster(findings: Sequence[Finding], *, alike: float = ALIKE) -> list[Cluster]:
    """Every finding in one cluster, never two attributes together; on most products first. The same findings give the
    same clusters, in whatever order.

    Taken from the most frequent down, each joins the cluster that it is most alike, if it is alike enough to everything
    in it (complete link), else it begins one.
    """
    by_attribute: dict[str | None, list[Finding]] = defaultdict(list)
    for one in sorted(findings, key=lambda one: (-len(one.products), -one.mentions, one.form)):
        by_attribute[one.attribute].append(one)
    made = [
        Cluster(attribute, tuple(mine[n] for n in members))
        for attribute, mine in by_attribute.items()
        for members in _clusters(mine, alike)
    ]
    return sorted(made, key=lambda one: (-len(one.products), one.attribute or "", one.name))


def _clusters(findings: Sequence[Finding], alike: float) -> list[list[int]]:
    near = _near(findings, alike)
    clusters: list[list[int]] = []
    home: dict[int, int] = {}
    for number in range(len(findings)):
        best, most = None, 0.0
        for at in sorted({home[other] for other in near[number] if other in home}):
            weakest = min(near[number].get(other, 0.0) for other in clusters[at])
            if weakest >= alike and weakest > most:
                best, most = at, weakest
        if best is None:
            best = len(clusters)
            clusters.append([])
        clusters[best].append(number)
        home[number] = best
    return clusters


def _near(findings: Sequence[Finding], alike: float) -> list[dict[int, float]]:
    """For each finding the others that are alike enough: cosine of letter grams, and the same numbers."""
    texts = [normal_form(one.name) for one in findings]
    counted = [numbers(text) for text in texts]
    index = GramIndex(texts)
    near: list[dict[int, float]] = [{} for _ in findings]
    for number, (others, scores) in enumerate(index.search(texts, [None] * len(texts), _NEAREST)):
        for other, score in zip(others.tolist(), scores.round(5).tolist(), strict=True):
            if other != number and score >= alike and counted[other] == counted[number]:
                near[number][other] = near[other][number] = max(score, near[number].get(other, 0.0))
    return near
