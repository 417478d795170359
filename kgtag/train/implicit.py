"""Training the model of implicit values."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax

from graph.errors import TextError
from kgtag.artifacts import new_directory, write_json
from kgtag.evaluation.calibration import reliability
from kgtag.extract.implicit import TextEncoder, product_text, value_text, write_values
from kgtag.extract.linear import Floats, Grams, Head, feature_rows, grams, with_category
from kgtag.extract.named import ValueNames
from kgtag.text import clean_product
from kgtag.train.calibration import fit_named, fit_temperature
from kgtag.train.categories import CategoryReport, Names, train_categories
from kgtag.train.extractor.dataset import bucket
from kgtag.train.extractor.records import Progress
from kgtag.train.linear import fit_head, inverse_frequencies
from kgtag.train.targets import Target, targets
from kgtag.types import AnnotatedProduct, Span

Ints = NDArray[np.int64]
Floats64 = NDArray[np.float64]
_PRIOR_ROWS = 20.0
_FEW = 1_500
"""Products of an attribute up to which each is held out once, to measure."""
_ENCODED = 2_000
"""Products that fitting the likeness of names takes, at most: each costs a run of the encoder."""


def categories(data: Sequence[AnnotatedProduct], rows: Mapping[str, Sequence[Target]]) -> dict[str, frozenset[str]]:
    """By attribute, casefolded, the categories of its products; empty when one of them has none."""
    found = {}
    for name, kept in rows.items():
        named = [data[row.product].product.category for row in kept]
        found[name] = frozenset() if None in named else frozenset(one.casefold() for one in named if one)
    return found


def fit_temperatures(margins: dict[str, Floats64], outcomes: dict[str, Ints]) -> dict[str, float]:
    """By attribute; those with few rows stay near what all attributes together say."""
    starts = [
        fit_temperature(found, outcomes[name], prior=2.0, strength=1.0) for name, found in margins.items() if len(found)
    ]
    shared = float(np.exp(np.mean(np.log(starts)))) if starts else 2.0
    return {
        name: fit_temperature(found, outcomes[name], prior=shared, strength=_PRIOR_ROWS)
        for name, found in margins.items()
    }


@dataclass(frozen=True, slots=True)
class ValuesReport:
    """Measured on products held out by the title's hash, before the last fit on all. `accuracy`, and
    `majority` for always naming the commonest value; `ece`: expected calibration error of the likeliest value; all of
    inferred values, 0 of none. `category`: of the model of categories, None when there were too few."""

    directory: Path
    attributes: int
    values: int
    rows: int
    held_out: int
    accuracy: float
    majority: float
    ece: float
    per_attribute: Mapping[str, Mapping[str, float]]
    seconds: float
    category: CategoryReport | None = None


def train_values(
    data: Sequence[AnnotatedProduct],
    *,
    out: Path,
    seed: int = 0,
    encoder: TextEncoder | None = None,
    stated: bool = False,
    names: Names | None = None,
    value_names: Callable[[Mapping[str, Sequence[str | None]]], ValueNames] | None = None,
    concepts: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
) -> ValuesReport | None:
    """Train on categories and on what titles imply, and write the model to `out`; None, with nothing written, for too
    little data.

    Args:
        encoder: with a sentence encoder, values that are added to the taxonomy later can be inferred from their names.
        stated: infer the values that texts state as well, for a model without an extractor.
        names: the categories that titles name.
        value_names: the values that titles name, from those that are learned; with `stated`.
        concepts: ids of attribute and category names, to be recorded.
    """
    started = time.monotonic()
    rows = targets(data, stated=stated)
    texts = _texts(data, {row.product for kept in rows.values() for row in kept})
    weights = inverse_frequencies([buckets for buckets, _ in texts.values()])
    category = train_categories(data, texts, weights, names=names, seed=seed)
    if not rows and category is None:
        return None
    counted = {number: with_category(text, data[number].product.category) for number, text in texts.items()}
    if rows:
        progress(_what(rows, stated=stated))
    sets = {name: _Rows.of(kept, counted, weights) for name, kept in rows.items()}
    titles = {number: data[number].product.title for number in texts}
    held = {name: one.held_out(_folds(one, titles), seed) for name, one in sets.items()}
    slopes = fit_temperatures({name: one.margins for name, one in held.items()}, {n: o.gold for n, o in held.items()})
    worth = dict.fromkeys(sets, 0.0)
    if value_names is not None:
        finder = value_names({name: one.values for name, one in sets.items()})
        found = {number: finder.find(title).values for number, title in titles.items()}
        for name in held:
            margins, hits = held[name].margins, sets[name].named(name, found)[held[name].rows]
            slopes[name], worth[name] = fit_named(margins, hits, held[name].gold)
            held[name] = replace(held[name], margins=margins + worth[name] / slopes[name] * hits)
    where = categories(data, rows)
    heads = {}
    for name, one in sets.items():
        alike = _resemblance(name, one, data, encoder) if encoder is not None else None
        head = one.fit(np.ones(len(one.outcomes), dtype=bool), seed)
        heads[name] = replace(head, slope=slopes[name], categories=where[name], resemblance=alike, named=worth[name])
    answers = {name: softmax(slopes[name] * apart.margins, axis=1) for name, apart in held.items()}
    report = _measured(
        sets, answers, {name: apart.gold for name, apart in held.items()}, out, time.monotonic() - started
    )
    report = replace(report, category=None if category is None else category[1])
    with new_directory(out) as work:
        write_values(work, heads, weights, category=None if category is None else category[0], concepts=concepts)
        write_json(work / "metrics.json", {**asdict(report), "directory": None, "seed": seed})
    progress(f"wrote {out}: {'; '.join(described(report))}; {report.seconds:.0f} s")
    return report


def described(report: ValuesReport) -> list[str]:
    """Return what was measured and on what, for people."""
    lines = []
    if (found := report.category) is not None:
        lines.append(
            f"{found.categories} categories, the likeliest right for {found.accuracy:.3f} of {found.held_out} products"
            " held out"
        )
    if report.held_out:
        lines.append(
            f"{report.values} values of {report.attributes} attributes, the likeliest right for {report.accuracy:.3f}"
            f" of {report.held_out} cases held out (commonest value: {report.majority:.3f}), calibration error"
            f" {report.ece:.3f}"
        )
    elif report.values:
        lines.append(f"{report.values} values of {report.attributes} attributes, none of them held out")
    return lines


def _texts(data: Sequence[AnnotatedProduct], also: set[int]) -> dict[int, Grams]:
    """The grams, without categories, of the products with a category and of others, by number in the data."""
    found = {}
    for number, one in enumerate(data):
        if one.product.category or number in also:
            try:
                product = clean_product(one.product)
            except TextError:
                product = one.product
            found[number] = grams(product_text(product), None)
    return found


def _what(rows: Mapping[str, Sequence[Target]], *, stated: bool) -> str:
    count, attributes = sum(map(len, rows.values())), len(rows)
    if stated:
        return f"{count} values of {attributes} attributes, in the titles or not: learning to infer them"
    return f"{count} values not in the titles, of {attributes} attributes: learning to infer them"


@dataclass(frozen=True, slots=True)
class _Held:
    """Rows held out: (m, K) margins, (m,) right columns, (m,) numbers of the rows."""

    margins: Floats64
    gold: Ints
    rows: Ints


@dataclass(frozen=True, slots=True)
class _Rows:
    """One attribute's: `numbers` of products, features (n, BUCKETS), outcomes (n,) int64 into `values`."""

    numbers: Ints
    features: csr_matrix
    outcomes: Ints
    values: tuple[str | None, ...]

    @classmethod
    def of(cls, kept: Sequence[Target], counted: Mapping[int, Grams], weights: Floats) -> _Rows:
        values = tuple(sorted({row.value for row in kept}, key=lambda value: (value is None, value or "")))
        index = {value: number for number, value in enumerate(values)}
        return cls(
            np.array([row.product for row in kept], dtype=np.int64),
            feature_rows([counted[row.product] for row in kept], weights),
            np.array([index[row.value] for row in kept], dtype=np.int64), values,
        )  # fmt: skip

    def held_out(self, folds: Ints, seed: int) -> _Held:
        """Score each fold from 0 on by a model of the other rows; fold -1 is never held out."""
        margins, rows = [np.zeros((0, len(self.values)))], [np.zeros(0, dtype=np.int64)]
        for fold in range(folds.max(initial=-1) + 1):
            apart = np.flatnonzero(folds == fold)
            margins.append(self.fit(folds != fold, seed).margins(self.features[apart]))
            rows.append(apart)
        chosen = np.concatenate(rows)
        return _Held(np.concatenate(margins), self.outcomes[chosen], chosen)

    def named(self, attribute: str, found: Mapping[int, Mapping[str, Mapping[str, Span]]]) -> NDArray[np.bool_]:
        """(n, K): whether the title names the value; `found`: spans by product, attribute and value."""
        made = np.zeros((len(self.numbers), len(self.values)), dtype=np.bool_)
        for row, number in enumerate(self.numbers.tolist()):
            for value in found[number].get(attribute, ()):
                made[row, self.values.index(value)] = True
        return made

    def fit(self, chosen: NDArray[np.bool_], seed: int) -> Head:
        """On the chosen rows, or on all when those have but one outcome."""
        if len(np.unique(self.outcomes[chosen])) < 2:
            chosen = np.ones(len(self.outcomes), dtype=bool)
        return fit_head(self.features[chosen], self.outcomes[chosen], self.values, seed=seed)


def _folds(rows: _Rows, titles: Mapping[int, str]) -> Ints:
    """A number for each row, by the title's hash: a tenth of many is held out once, each fold of few in its turn."""
    buckets = np.array([bucket(titles[number]) for number in rows.numbers.tolist()], dtype=np.int64)
    return np.where(buckets < 10, 0, -1) if len(buckets) > _FEW else buckets % 4


def _resemblance(name: str, rows: _Rows, data: Sequence[AnnotatedProduct], encoder: TextEncoder) -> float | None:
    """What turns cosines of texts to names into log-odds, fitted on values it knows; None with fewer than two."""
    named = [number for number, value in enumerate(rows.values) if value is not None]
    if len(named) < 2:
        return None
    place = {number: at for at, number in enumerate(named)}
    usable = [n for n in range(len(rows.outcomes)) if int(rows.outcomes[n]) in place]
    usable.sort(key=lambda n: bucket(f"{data[int(rows.numbers[n])].product.title} {n}"))
    chosen = usable[: max(20, _ENCODED // 25)]
    texts = encoder.encode([product_text(data[int(rows.numbers[n])].product) for n in chosen])
    names = encoder.encode([value_text(name, value) for number in named if (value := rows.values[number]) is not None])
    gold = np.array([place[int(rows.outcomes[n])] for n in chosen], dtype=np.int64)
    return fit_temperature((texts @ names.T).astype(np.float64), gold, prior=10.0, strength=1.0)


def _measured(
    sets: Mapping[str, _Rows], answers: Mapping[str, Floats64], gold: Mapping[str, Ints], out: Path, seconds: float
) -> ValuesReport:
    """`answers`: by attribute, (n, K) probabilities of the values of held-out products; `gold`: (n,) the right ones."""
    hits = {name: found.argmax(axis=1) == gold[name] for name, found in answers.items()}
    common = {name: int((gold[name] == np.bincount(one.outcomes).argmax()).sum()) for name, one in sets.items()}
    per_attribute = {
        name: {
            "n": len(hits[name]), "accuracy": float(hits[name].sum()) / max(len(hits[name]), 1),
            "majority": common[name] / max(len(hits[name]), 1), "values": len(one.values), "rows": len(one.outcomes),
        }
        for name, one in sets.items()
    }  # fmt: skip
    right: NDArray[np.bool_] = np.concatenate([np.zeros(0, dtype=np.bool_), *hits.values()])
    probability = np.concatenate([np.zeros(0), *(found.max(axis=1) for found in answers.values())])
    return ValuesReport(
        directory=out, attributes=len(sets), held_out=len(right), per_attribute=per_attribute, seconds=seconds,
        values=sum(len(one.values) - (None in one.values) for one in sets.values()),
        rows=sum(len(one.outcomes) for one in sets.values()), accuracy=float(right.mean()) if len(right) else 0.0,
        majority=sum(common.values()) / max(len(right), 1),
        ece=reliability(probability, right).ece if len(right) else 0.0,
    )  # fmt: skip
