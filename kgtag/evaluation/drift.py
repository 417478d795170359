"""Drift: what a model finds now, compared with what it found in held-out products when it was trained.

`profile.json` in a model directory is its training card: counts by feature, without any text of a product.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.special import chdtrc, kolmogorov

from graph.errors import InputError
from kgtag.types import Extraction, Product

PROFILE = "profile.json"
_LEAST = 100
"""Products on either side below which nothing is compared."""
_KINDS = 30
"""Kinds of a feature without order that are compared one by one; the rarer ones are one more."""
_CLASSES = 10
"""Number of classes of a feature with order, each with about as many products."""
_PSI, _KS = 0.2, 0.15
"""From here on a difference matters, if it is certain; 0.2 is the usual mark of PSI."""
_CHANCE = 1e-4
"""Chance of a difference as large without drift, for each feature."""
_MISSING = 0.5
"""Added to each count: a kind never seen in training is a large difference, not an infinite one."""
_ORDERED = ("length", "mentions", "score", "category_score")


@dataclass(slots=True)
class Profile:
    """Counts of what was found in products, by feature.

    Features: `language`, `length` (of the title, in steps of 25%), `category` (the likeliest), `category_score` and
    `score` (probabilities of categories and mentions, in twentieths), `attribute` (of mentions), `mentions` (their
    number).
    """

    products: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[tuple[Product, Extraction]]) -> Self:
        found = cls()
        for product, extraction in rows:
            found.add(product, extraction)
        return found

    @classmethod
    def load(cls, directory: Path) -> Self | None:
        """That of a model directory; None where there is none. Raises InputError for a damaged one."""
        path = directory / PROFILE
        if not path.is_file():
            return None
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            counts = {
                str(name): Counter({str(k): int(n) for k, n in each.items()}) for name, each in row["counts"].items()
            }
            return cls(int(row["products"]), counts)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError(f"{str(path)!r} is not a profile: {error}; remove it, or train the model again") from error

    def to_json(self) -> dict[str, Any]:
        return {"products": self.products, "counts": {name: dict(sorted(c.items())) for name, c in self.counts.items()}}

    def add(self, product: Product, extraction: Extraction) -> None:
        """Count a product, its category withheld when it was read."""
        self.products += 1
        self._count("language", product.lang or "")
        self._count("length", str(round(math.log(max(1, len(product.title)), 1.25))))
        self._count("mentions", str(min(20, len(extraction.mentions))))
        if extraction.categories:
            name, probability = extraction.categories[0]
            self._count("category", name)
            self._count("category_score", _step(probability))
        for mention in extraction.mentions:
            self._count("attribute", mention.attribute)
            self._count("score", _step(mention.probability))

    def merged(self, other: Profile) -> Profile:
        """The counts of both."""
        names = self.counts.keys() | other.counts.keys()
        counts = {name: self.counts.get(name, Counter()) + other.counts.get(name, Counter()) for name in names}
        return Profile(self.products + other.products, counts)

    def _count(self, feature: str, kind: str) -> None:
        self.counts.setdefault(feature, Counter())[kind] += 1


@dataclass(frozen=True, slots=True)
class Drift:
    """How much a feature differs from training.

    Attributes:
        feature: Its name.
        psi: Population stability index, without what chance alone is expected to add; `psi_raw` with it.
        ks: Largest difference of the distribution functions; None for a feature without order.
        alarm: Whether the difference both matters and is certain.
    """

    feature: str
    psi: float
    ks: float | None
    alarm: bool
    psi_raw: float


def drifts(trained: Profile, now: Profile) -> list[Drift]:
    """The drift of each feature, by name; none while there are too few products to tell.

    PSI of n and m counts in k classes, times nm / (n + m), is about chi-squared with k - 1 degrees of freedom where
    nothing drifts (Yurdakul and Naranjo, Statistical properties of the population stability index, Journal of Risk
    Model Validation 14(4), 2020). KS is tested by Kolmogorov's distribution, which is conservative for classes. Counts
    of mentions are taken for as many products: the mentions of one title depend on each other.
    """
    if min(trained.products, now.products) < _LEAST:
        return []
    shared = sorted(trained.counts.keys() & now.counts.keys())
    return [_drift(name, trained, now) for name in shared]


def _drift(feature: str, trained: Profile, now: Profile) -> Drift:
    before, after = trained.counts[feature], now.counts[feature]
    kinds = _kinds(before, after, ordered=feature in _ORDERED)
    p, q = (np.array([_sum(each, kind) for kind in kinds], dtype=float) for each in (before, after))
    n, m = min(p.sum(), trained.products), min(q.sum(), now.products)
    p, q = ((each + _MISSING) / (each + _MISSING).sum() for each in (p, q))
    effective = n * m / (n + m)
    degrees = max(1, len(kinds) - 1)
    raw = float(((q - p) * np.log(q / p)).sum())
    certain = float(chdtrc(degrees, raw * effective)) < _CHANCE
    psi = max(0.0, raw - float(degrees / effective))
    ks = None
    alarm = bool(certain and psi > _PSI)
    if feature in _ORDERED:
        ks = float(np.abs(np.cumsum(p - q)).max())
        alarm = alarm or (ks > _KS and float(kolmogorov(math.sqrt(effective) * ks)) < _CHANCE)
    return Drift(feature, psi, ks, alarm, raw)


def _kinds(before: Counter[str], after: Counter[str], *, ordered: bool) -> Sequence[Sequence[str]]:
    """The classes that are compared: ten of about equal size, in order, or the commonest kinds and the rest."""
    if not ordered:
        common = [kind for kind, _ in sorted(before.items(), key=lambda item: (-item[1], item[0]))[:_KINDS]]
        rest = sorted((before.keys() | after.keys()) - set(common))
        return [*([kind] for kind in common), *([rest] if rest else [])]
    weights = {step: _share(before, step) + _share(after, step) for step in before.keys() | after.keys()}
    classes: list[list[str]] = [[]]
    held = 0.0
    for step in sorted(weights, key=int):
        if held >= 2 / _CLASSES:
            classes.append([])
            held = 0.0
        classes[-1].append(step)
        held += weights[step]
    return classes


def _share(counts: Counter[str], kind: str) -> float:
    return counts[kind] / max(1, counts.total())


def _sum(counts: Mapping[str, int], kinds: Sequence[str]) -> int:
    return sum(counts.get(kind, 0) for kind in kinds)


def _step(probability: float) -> str:
    return str(min(19, int(20 * probability)))


class DriftWindow:
    """The latest products of a service, compared with the profile of the model that tags them.

    Args:
        trained: The profile; None where the model has none, and nothing is compared.
        size: Products looked back upon, twice that at most.
    """

    def __init__(self, trained: Profile | None, *, size: int = 1_000) -> None:
        self.trained = trained
        self._size = size
        self._earlier, self._latest = Profile(), Profile()

    def add(self, product: Product, extraction: Extraction) -> None:
        if self.trained is None:
            return
        if self._latest.products >= self._size:
            self._earlier, self._latest = self._latest, Profile()
        self._latest.add(product, extraction)

    def drifts(self) -> list[Drift]:
        """Compare the latest products, by feature."""
        return [] if self.trained is None else drifts(self.trained, self._earlier.merged(self._latest))
