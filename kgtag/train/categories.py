"""Training the linear model of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from graph.taxonomy import Taxonomy
from kgtag.extract.categories import CERTAIN, UNASKED, CategoryHead, Familiar, Kindred, known_odds
from kgtag.extract.linear import Floats, Grams, feature_rows, grams, seen_shares
from kgtag.link.candidates.label_table import LabelTable
from kgtag.tag.label_map import TitleNames
from kgtag.tag.reading import Reader
from kgtag.train.calibration import fit_logistic, fit_named
from kgtag.train.extractor.dataset import bucket
from kgtag.train.linear import fit_head, inverse_frequencies
from kgtag.types import AnnotatedProduct, Product

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats64 = NDArray[np.float64]
OTHER_GOODS = Path(__file__).with_name("other_goods.txt")
"""Titles of what few shops sell, a third of which have by chance a word that others call a category ("wheel nut"): what
products of no trained category may look like as well."""
LEAST = 30
"""Products with a category, to learn categories from."""
_FOLDS, _ONE_FOLD = 4, 8_000
"""Folds, and products from which on a single one is enough."""
_FEWEST_GROUPS = 3
"""Groups of categories, to learn from leaving one out what products of no trained category look like."""
_UNKNOWN_ODDS = 0.1
"""Products of no trained category that are expected for each that is of one."""
_OTHER_ODDS = 0.2
"""Products of another kind that are expected for each of the taxonomy's own."""
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
    """Products of one fold, against the model of the others: (n, K) margins; (n,) shares of n-grams seen; how surely a
    trained category is named; log-odds that the product is of the taxonomy's kind (see `Reading`); the right columns,
    -1 for other goods; and whether the category was among the trained ones."""

    margins: Floats64
    seen: Floats64
    hit: Floats64
    own: Floats64
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
    others = OTHER_GOODS.read_text(encoding="utf-8").splitlines() if names is not None else []
    titles = [*(data[n].product.title for n in numbers), *others]
    rows_of = [*(texts[n] for n in numbers), *(grams(title, None) for title in others)]
    outcomes = np.append(outcomes, np.full(len(others), -1))
    named, own = (
        names.matrix(titles, values) if names else (np.zeros((len(titles), len(values))), np.zeros(len(titles)))
    )
    groups = names.groups(values) if names is not None else list(values)
    labels = names.texts(values) if names is not None else []
    held = _held_out(rows_of, titles, outcomes, values, groups, (named, own), seed, labels)
    nothing = np.zeros(0)
    none = [
        _Held(
            np.zeros((0, len(values))),
            nothing,
            nothing,
            nothing,
            np.zeros(0, dtype=np.int64),
            np.zeros(0, dtype=np.bool_),
        )
    ]
    rows, known = (np.concatenate([getattr(one, part) for one in held or none]) for part in ("rows", "known"))
    margins = np.concatenate([one.margins for one in held or none])
    slope, worth = fit_named(margins[known], named[rows[known]], outcomes[rows[known]])
    familiar, kindred, auc = _familiar(held or none, len(numbers))
    head = fit_head(
        feature_rows([*rows_of[: len(numbers)], *(text for _, text in labels)], weights),
        np.append(outcomes[: len(numbers)], [at for at, _ in labels]).astype(np.int64), values, seed=seed,
    )  # fmt: skip
    answers = softmax(slope * margins[known] + worth * named[rows[known]], axis=1)
    right = answers.argmax(axis=1) == outcomes[rows[known]]
    report = CategoryReport(len(values), len(numbers), len(right), float(right.mean()) if len(right) else 0.0, auc)
    return CategoryHead(replace(head, slope=slope, named=worth), familiar, kindred), report


class Names:
    """The names of categories in clean titles, without those that say nothing of the product.

    `concepts`: ids by category name; names without one are never found.
    """

    def __init__(self, taxonomy: Taxonomy, concepts: Mapping[str, str]) -> None:
        self._taxonomy = taxonomy
        self._concepts = concepts
        self._reader = Reader(taxonomy, LabelTable(taxonomy))

    def matrix(self, titles: Sequence[str], values: Sequence[str]) -> tuple[Floats64, Floats64]:
        """(titles, values): what the titles say of the categories, and (titles,) the log-odds
        that they are of the taxonomy's kind; see `TitleNames`."""
        made, own = np.zeros((len(titles), len(values))), np.zeros(len(titles))
        bound = [(at, self._concepts[value]) for at, value in enumerate(values) if value in self._concepts]
        for row, title in enumerate(titles):
            reading = self._reader.read(Product("", title), [])
            own[row] = reading.own
            if reading.categories:
                names = TitleNames(self._taxonomy, reading)
                made[row, [at for at, _ in bound]] = [names.says(concept) for _, concept in bound]
        return made, own

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
    named: tuple[Floats64, Floats64],
    seed: int,
    labels: Sequence[tuple[int, Grams]],
) -> list[_Held]:
    """Train on all folds but one, without the categories of one share of the groups, and score the rest."""
    folds = np.array([bucket(title) % _FOLDS for title in titles])
    distinct = sorted(set(groups), key=lambda name: (bucket(name), name))
    share = {name: at % _FOLDS for at, name in enumerate(distinct)}
    hidden = np.where(outcomes >= 0, np.array([share[group] for group in groups])[outcomes], -1)
    if len(distinct) < _FEWEST_GROUPS:
        hidden = np.full(len(outcomes), -1)
    held = []
    for fold in range(_FOLDS if len(titles) <= _ONE_FOLD else 1):
        train: list[int] = np.flatnonzero((folds != fold) & (hidden != fold) & (outcomes >= 0)).tolist()
        test: list[int] = np.flatnonzero((folds == fold) | (hidden == fold)).tolist()
        if len(np.unique(outcomes[train])) < 2 or not len(test):
            continue
        weights = inverse_frequencies([texts[n][0] for n in train])
        trained = np.isin(np.arange(len(values)), outcomes[train])
        mine = [(at, text) for at, text in labels if trained[at]]
        head = fit_head(
            feature_rows([*(texts[n] for n in train), *(text for _, text in mine)], weights),
            np.append(outcomes[train], [at for at, _ in mine]).astype(np.int64), values, seed=seed, tolerance=_DRAFT,
        )  # fmt: skip
        rest = [texts[n] for n in test]
        margins = head.margins(feature_rows(rest, weights))
        hit = named[0][test][:, trained].max(axis=1, initial=0.0) * expit(named[1][test])
        known = trained[outcomes[test]] & (outcomes[test] >= 0)
        held.append(_Held(margins, seen_shares(rest, weights), hit, named[1][test], np.array(test), known))
    return held


def _familiar(held: Sequence[_Held], others: int) -> tuple[Familiar, Kindred, float | None]:
    """Fit whether a product is of a trained category, and how well that tells the two apart; then whether it is of the
    taxonomy's kind of goods. `others`: the number from which on rows are titles of other goods."""
    known, rows = (np.concatenate([getattr(one, part) for one in held]) for part in ("known", "rows"))
    best = np.concatenate([one.margins.max(axis=1) for one in held])
    seen, hit, own = (np.concatenate([getattr(one, part) for one in held]) for part in ("seen", "hit", "own"))
    shop, familiar, auc = rows < others, CERTAIN, None
    if not known[shop].all() and known.any():
        features = np.column_stack([best, seen, hit])[shop]
        a, b, c, one = fit_logistic(features, known[shop] * 1.0, penalty=[0.1, 0.1, 0.1, 1e-6]).tolist()
        # The folds leave out more than a shop sells of what it never sold before.
        shift = -np.log(_UNKNOWN_ODDS) - np.log(known.sum() / (~known[shop]).sum())
        familiar = (round(a, 4), round(b, 4), max(round(c, 4), 0.0), round(one + float(shift), 4))
    odds = known_odds(familiar, best, seen) + familiar[2] * hit
    if not known[shop].all() and known.any():
        auc = _auc(expit(odds[shop]), known[shop])
    if shop.all() or not known.any():
        return familiar, UNASKED, auc
    asked = known | ~shop
    a, b, one = fit_logistic(np.column_stack([odds, own])[asked], known[asked] * 1.0, penalty=0.05).tolist()
    one += float(np.log((~shop).sum() / known.sum()) - np.log(_OTHER_ODDS))
    return familiar, (max(round(a, 4), 0.0), max(round(b, 4), 0.0), round(one, 4)), auc


def _auc(score: Floats64, positive: Bools) -> float:
    """The chance that a positive scores higher than a negative, ties counted as half."""
    _, ranks, counts = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = (np.cumsum(counts) - (counts - 1) / 2)[ranks]
    n, m = int(positive.sum()), int((~positive).sum())
    return float((mean_rank[positive].sum() - n * (n + 1) / 2) / (n * m))
