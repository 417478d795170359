"""Training the model of implicit values."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.svm import LinearSVC

from kgtag.artifacts import new_directory, write_json
from kgtag.evaluation.calibration import reliability
from kgtag.extract.implicit import (
    BUCKETS,
    Floats,
    Head,
    TextEncoder,
    feature_rows,
    grams,
    product_text,
    value_text,
    write_values,
)
from kgtag.train.calibration import fit_temperature
from kgtag.train.extractor.dataset import bucket, locate
from kgtag.train.extractor.records import Progress
from kgtag.types import AnnotatedProduct

Ints = NDArray[np.int64]
Floats64 = NDArray[np.float64]
LEAST_VALUE = 5
"""Products a value must have; fewer can be neither learned nor measured."""
LEAST_ATTRIBUTE = 30
"""Products an attribute must have."""
_SMALLEST = 0.02
"""Weights smaller than that change no answer and make up most of the file."""
_PRIOR_ROWS = 20.0
_COST = 1.0
_ENCODED = 2_000
"""Products that fitting the likeness of names takes, at most: each costs a run of the encoder."""


@dataclass(frozen=True, slots=True)
class Target:
    """`product`: its number in the data; `value`: None when it is known to have none."""

    product: int
    value: str | None


def targets(data: Sequence[AnnotatedProduct]) -> dict[str, list[Target]]:
    """Return the training products by attribute, sorted, without attributes of too few products or one outcome. A
    product whose texts state one of the attribute's values is left to the extractor."""
    found: dict[str, list[Target]] = defaultdict(list)
    for number, item in enumerate(data):
        stated, texts = {name for name, _ in item.spans}, (item.product.title, item.product.text or "")
        for name, values in item.attributes.items():
            if name in stated or any(locate(text, value) for value in values for text in texts):
                continue
            named: list[str | None] = [value.strip() for value in values if value.strip()]
            found[name] += [Target(number, value) for value in named or [None]]
    learnable = {}
    for name, rows in sorted(found.items()):
        counts = Counter(row.value for row in rows)
        kept = [row for row in rows if counts[row.value] >= LEAST_VALUE]
        if len(kept) >= LEAST_ATTRIBUTE and len({row.value for row in kept}) > 1:
            learnable[name] = kept
    return learnable


def categories(data: Sequence[AnnotatedProduct], rows: Mapping[str, Sequence[Target]]) -> dict[str, frozenset[str]]:
    """By attribute, casefolded, the categories of its products; empty when one of them has none."""
    found = {}
    for name, kept in rows.items():
        named = [data[row.product].product.category for row in kept]
        found[name] = frozenset() if None in named else frozenset(one.casefold() for one in named if one)
    return found


def inverse_frequencies(rows: Sequence[NDArray[np.int64]]) -> Floats:
    """(BUCKETS,) float32 of the texts' buckets; 0 for grams in none."""
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for buckets in rows:
        counts[buckets] += 1
    return np.where(counts > 0, np.log((1 + len(rows)) / (1 + counts)) + 1, 0.0).astype(np.float32)


def fit_head(features: csr_matrix, outcomes: Ints, values: tuple[str | None, ...], *, seed: int) -> Head:
    """Margins of one outcome against the rest. features: (n, BUCKETS); outcomes: (n,) indices into `values`."""
    used = np.unique(features.indices)
    model = LinearSVC(C=_COST, random_state=seed).fit(features[:, used], outcomes)
    weights = np.zeros((len(used), len(values)), dtype=np.float32)
    offsets = np.full(len(values), -1.0, dtype=np.float32)
    # Of two outcomes scikit-learn keeps one margin, of the second.
    shares = np.array([-0.5, 0.5]) if len(model.classes_) == 2 else np.ones(len(model.classes_))
    weights[:, model.classes_] = model.coef_.T * shares
    offsets[model.classes_] = model.intercept_ * shares
    weights[np.abs(weights) < _SMALLEST] = 0.0
    picked = csr_matrix((np.ones(len(used), dtype=np.float32), (used, np.arange(len(used)))), (BUCKETS, len(used)))
    return Head(values, (picked @ csr_matrix(weights)).tocsr(), offsets, slope=1.0)


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
    """Measured on a tenth of the products, apart by the title's hash, before the last fit on all. `accuracy`, and
    `majority` for always naming the commonest value; `ece`: expected calibration error of the likeliest value."""

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


def train_values(
    data: Sequence[AnnotatedProduct],
    *,
    out: Path,
    seed: int = 0,
    encoder: TextEncoder | None = None,
    progress: Progress = lambda _: None,
) -> ValuesReport | None:
    """Train on what titles imply and write the model to `out`; None, with nothing written, for too little data. With a
    sentence encoder, values that are added to the taxonomy later can be inferred from their names."""
    started = time.monotonic()
    rows = targets(data)
    if not rows:
        return None
    progress(f"{sum(map(len, rows.values()))} values not in the titles, of {len(rows)} attributes: learning them, too")
    read = {row.product for kept in rows.values() for row in kept}
    counted = {n: grams(product_text(data[n].product), data[n].product.category) for n in sorted(read)}
    weights = inverse_frequencies([buckets for buckets, _ in counted.values()])
    apart = {number for number in read if bucket(data[number].product.title) < 10}
    sets = {name: _Rows.of(kept, counted, weights) for name, kept in rows.items()}
    drafts = {name: one.fit(~one.among(apart), seed) for name, one in sets.items()}
    margins = {name: drafts[name].margins(one.features[one.among(apart)]) for name, one in sets.items()}
    gold = {name: one.outcomes[one.among(apart)] for name, one in sets.items()}
    slopes = fit_temperatures(margins, gold)
    where = categories(data, rows)
    heads = {}
    for name, one in sets.items():
        alike = _resemblance(name, one, data, encoder) if encoder is not None else None
        head = one.fit(np.ones(len(one.outcomes), dtype=bool), seed)
        heads[name] = replace(head, slope=slopes[name], categories=where[name], resemblance=alike)
    answers = {name: softmax(slopes[name] * found, axis=1) for name, found in margins.items()}
    report = _measured(sets, answers, gold, out, time.monotonic() - started)
    with new_directory(out) as work:
        write_values(work, heads, weights)
        write_json(work / "metrics.json", {**asdict(report), "directory": None, "seed": seed})
    progress(
        f"wrote {out}: {report.values} values of {report.attributes} attributes, accuracy {report.accuracy:.3f}"
        f" (commonest value: {report.majority:.3f}), calibration error {report.ece:.3f}; {report.seconds:.0f} s"
    )
    return report


@dataclass(frozen=True, slots=True)
class _Rows:
    """One attribute's: `numbers` of products, features (n, BUCKETS), outcomes (n,) int64 into `values`."""

    numbers: Ints
    features: csr_matrix
    outcomes: Ints
    values: tuple[str | None, ...]

    @classmethod
    def of(cls, kept: Sequence[Target], counted: Mapping[int, tuple[Ints, Floats]], weights: Floats) -> _Rows:
        values = tuple(sorted({row.value for row in kept}, key=lambda value: (value is None, value or "")))
        index = {value: number for number, value in enumerate(values)}
        return cls(
            np.array([row.product for row in kept], dtype=np.int64),
            feature_rows([counted[row.product] for row in kept], weights),
            np.array([index[row.value] for row in kept], dtype=np.int64), values,
        )  # fmt: skip

    def among(self, products: set[int]) -> NDArray[np.bool_]:
        return np.array([number in products for number in self.numbers.tolist()], dtype=bool)

    def fit(self, chosen: NDArray[np.bool_], seed: int) -> Head:
        """On the chosen rows, or on all when those have but one outcome."""
        if len(np.unique(self.outcomes[chosen])) < 2:
            chosen = np.ones(len(self.outcomes), dtype=bool)
        return fit_head(self.features[chosen], self.outcomes[chosen], self.values, seed=seed)


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
    right = np.concatenate(list(hits.values()))
    probability = np.concatenate([found.max(axis=1) for found in answers.values()])
    return ValuesReport(
        directory=out, attributes=len(sets), held_out=len(right), per_attribute=per_attribute, seconds=seconds,
        values=sum(len(one.values) - (None in one.values) for one in sets.values()),
        rows=sum(len(one.outcomes) for one in sets.values()), accuracy=float(right.mean()) if len(right) else 0.0,
        majority=sum(common.values()) / max(len(right), 1), ece=reliability(probability, right).ece,
    )  # fmt: skip
