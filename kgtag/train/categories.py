"""Training the linear model of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from graph.taxonomy import Taxonomy
from kgtag.extract.categories import CERTAIN, CategoryHead, Familiar, known_odds
from kgtag.extract.linear import Floats, Grams, feature_rows, grams, seen_shares
from kgtag.link.candidates.label_table import LabelTable
from kgtag.tag.label_map import names_category
from kgtag.tag.reading import Reader
from kgtag.train.calibration import fit_logistic, fit_named
from kgtag.train.extractor.dataset import bucket
from kgtag.train.linear import fit_head, inverse_frequencies
from kgtag.types import AnnotatedProduct, Product

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats64 = NDArray[np.float64]
LEAST = 30
"""Products with a category, to learn categories from."""
_FOLDS, _ONE_FOLD = 4, 8_000
"""Folds, and products from which on a single one is enough."""
_FEWEST_GROUPS = 3
"""Groups of categories, to learn from leaving one out what products of no trained category look like."""
_UNKNOWN_ODDS = 0.1
"""Products of no trained category that are expected for each that is of one."""
_DRAFT = 0.1
"""Tolerance of models that only measure."""


@dataclass(frozen=True, slots=True)
class CategoryReport:
    """Measured on products that the model of their fold was not trained on, `held_out` of `rows`. `accuracy`: the
    likeliest category is gold, whatever its probability; `unknown_auc`: the chance that a product of a trained category
    has a higher probability to be of one than a product whose category was left out, None where none could be."""

    categories: int
    rows: int
    held_out: int
    accuracy: float
    unknown_auc: float | None


@dataclass(frozen=True, slots=True)
class _Held:
    """Products of one fold, against the model of the others: (n, K) margins; (n,) shares of n-grams seen; whether a
    trained category is named; the right columns; and whether the category was among the trained ones."""

    margins: Floats64
    seen: Floats64
    hit: Bools
    rows: Ints
    known: Bools


def train_categories(
    data: Sequence[AnnotatedProduct], texts: Mapping[int, Grams], weights: Floats, *, names: Names | None, seed: int
) -> tuple[CategoryHead, CategoryReport] | None:
    """Train on the products with a category; None for too few. `texts`: grams by number in the data; `weights`: inverse
    frequencies of grams; `names`: which categories titles name, and their labels, which are learned from as well."""
    numbers = [n for n, one in enumerate(data) if one.product.category and n in texts]
    values = tuple(sorted({str(data[n].product.category) for n in numbers}))
    if len(numbers) < LEAST or len(values) < 2:
        return None
    place = {value: at for at, value in enumerate(values)}
    outcomes = np.array([place[str(data[n].product.category)] for n in numbers], dtype=np.int64)
    titles = [data[n].product.title for n in numbers]
    rows_of = [texts[n] for n in numbers]
    named = names.matrix(titles, values) if names is not None else np.zeros((len(titles), len(values)), dtype=np.bool_)
    groups = names.groups(values) if names is not None else list(values)
    labels = names.texts(values) if names is not None else []
    held = _held_out(rows_of, titles, outcomes, values, groups, named, seed, labels)
    none = [_Held(np.zeros((0, len(values))), np.zeros(0), np.zeros(0, bool), np.zeros(0, int), np.zeros(0, bool))]
    rows, known = (np.concatenate([getattr(one, part) for one in held or none]) for part in ("rows", "known"))
    margins = np.concatenate([one.margins for one in held or none])
    slope, worth = fit_named(margins[known], named[rows[known]], outcomes[rows[known]])
    familiar, auc = _familiar(held or none)
    head = fit_head(
        feature_rows([*rows_of, *(text for _, text in labels)], weights),
        np.append(outcomes, [at for at, _ in labels]).astype(np.int64), values, seed=seed,
    )  # fmt: skip
    answers = softmax(slope * margins[known] + worth * named[rows[known]], axis=1)
    right = answers.argmax(axis=1) == outcomes[rows[known]]
    report = CategoryReport(len(values), len(numbers), len(right), float(right.mean()) if len(right) else 0.0, auc)
    return CategoryHead(replace(head, slope=slope, named=worth), familiar), report


class Names:
    """The names of categories in clean titles, without those that say nothing of the product.

    `concepts`: ids by category name; names without one are never found.
    """

    def __init__(self, taxonomy: Taxonomy, concepts: Mapping[str, str]) -> None:
        self._taxonomy = taxonomy
        self._concepts = concepts
        self._reader = Reader(taxonomy, LabelTable(taxonomy))

    def matrix(self, titles: Sequence[str], values: Sequence[str]) -> Bools:
        """(titles, values): whether the title names the category or one above it."""
        made = np.zeros((len(titles), len(values)), dtype=np.bool_)
        bound = [(at, self._concepts[value]) for at, value in enumerate(values) if value in self._concepts]
        for row, title in enumerate(titles):
            categories = self._reader.read(Product("", title), []).categories
            if found := [one.concept for one in categories if one.rule is None and one.head]:
                made[row, [at for at, concept in bound if names_category(self._taxonomy, found, concept)]] = True
        return made

    def texts(self, values: Sequence[str]) -> list[tuple[int, Grams]]:
        """The labels of the categories as further texts to learn from: numbers of categories, and grams."""
        return [
            (at, grams(text, None))
            for at, value in enumerate(values)
            if value in self._concepts
            for text, _, _ in self._taxonomy[self._concepts[value]].labels()
        ]

    def groups(self, values: Sequence[str]) -> list[str]:
        """For each category the one right above it, or itself: categories that are left out together."""
        found = []
        for value in values:
            concept = self._concepts.get(value)
            line = self._taxonomy.path(concept) if concept is not None else []
            found.append(line[-2] if len(line) > 1 else value)
        return found


def _held_out(
    texts: Sequence[Grams],
    titles: Sequence[str],
    outcomes: Ints,
    values: tuple[str, ...],
    groups: Sequence[str],
    named: Bools,
    seed: int,
    labels: Sequence[tuple[int, Grams]],
) -> list[_Held]:
    """Train on all folds but one, without the categories of one share of the groups, and score the rest."""
    folds = np.array([bucket(title) % _FOLDS for title in titles])
    distinct = sorted(set(groups), key=lambda name: (bucket(name), name))
    share = {name: at % _FOLDS for at, name in enumerate(distinct)}
    hidden = np.array([share[group] for group in groups])[outcomes]
    if len(distinct) < _FEWEST_GROUPS:
        hidden = np.full(len(outcomes), -1)
    held = []
    for fold in range(_FOLDS if len(titles) <= _ONE_FOLD else 1):
        train: list[int] = np.flatnonzero((folds != fold) & (hidden != fold)).tolist()
        test: list[int] = np.flatnonzero((folds == fold) | (hidden == fold)).tolist()
        if len(np.unique(outcomes[train])) < 2 or not len(test):
            continue
        weights = inverse_frequencies([texts[n][0] for n in train])
        own = np.isin(np.arange(len(values)), outcomes[train])
        mine = [(at, text) for at, text in labels if own[at]]
        head = fit_head(
            feature_rows([*(texts[n] for n in train), *(text for _, text in mine)], weights),
            np.append(outcomes[train], [at for at, _ in mine]).astype(np.int64), values, seed=seed, tolerance=_DRAFT,
        )  # fmt: skip
        rest = [texts[n] for n in test]
        margins = head.margins(feature_rows(rest, weights))
        hit = np.asarray(named[test][:, own].any(axis=1), dtype=np.bool_)
        held.append(_Held(margins, seen_shares(rest, weights), hit, np.array(test), own[outcomes[test]]))
    return held


def _familiar(held: Sequence[_Held]) -> tuple[Familiar, float | None]:
    """Fit whether a product is of a trained category, and how well that tells the two apart."""
    known = np.concatenate([one.known for one in held])
    if known.all() or not known.any():
        return CERTAIN, None
    best = np.concatenate([one.margins.max(axis=1) for one in held])
    seen, hit = np.concatenate([one.seen for one in held]), np.concatenate([one.hit for one in held])
    features = np.column_stack([best, seen, hit])
    a, b, c, one = fit_logistic(features, known.astype(np.float64), penalty=[0.1, 0.1, 0.1, 1e-6]).tolist()
    # The folds leave out more than a shop sells of what it never sold before.
    shift = -np.log(_UNKNOWN_ODDS) - np.log(known.sum() / (~known).sum())
    familiar = (round(a, 4), round(b, 4), max(round(c, 4), 0.0), round(one + float(shift), 4))
    odds = known_odds(familiar, best, seen) + familiar[2] * hit
    return familiar, _auc(expit(odds), known)


def _auc(score: Floats64, positive: Bools) -> float:
    """The chance that a positive scores higher than a negative, ties counted as half."""
    _, ranks, counts = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = (np.cumsum(counts) - (counts - 1) / 2)[ranks]
    n, m = int(positive.sum()), int((~positive).sum())
    return float((mean_rank[positive].sum() - n * (n + 1) / 2) / (n * m))
