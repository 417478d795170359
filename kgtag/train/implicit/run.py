"""Training the model of implicit values."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from kgtag.artifacts import new_directory, write_json
from kgtag.evaluation.calibration import reliability
from kgtag.extract.implicit.linear import Head, write_values
from kgtag.extract.implicit.model import TextEncoder, product_text, value_text
from kgtag.extract.implicit.ngrams import Floats, feature_rows, grams
from kgtag.train.calibration import fit_temperature
from kgtag.train.implicit.fit import fit_head, fit_temperatures, inverse_frequencies
from kgtag.train.implicit.targets import Target, categories, targets
from kgtag.types import AnnotatedProduct

_ENCODED = 2_000
"""Products that fitting the likeness of names takes, at most: each costs a run of the encoder."""


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
    progress: Callable[[str], None] = lambda _: None,
) -> ValuesReport | None:
    """Train on what titles imply and write the model to `out`; None, with nothing written, for too little data.

    With a sentence encoder, values that are added to the taxonomy later can be inferred from their names.
    """
    started = time.monotonic()
    rows = targets(data)
    if not rows:
        return None
    progress(f"{sum(map(len, rows.values()))} values not in the titles, of {len(rows)} attributes: learning them, too")
    read = {row.product for kept in rows.values() for row in kept}
    counted = {
        number: grams(product_text(data[number].product), data[number].product.category) for number in sorted(read)
    }
    weights = inverse_frequencies([buckets for buckets, _ in counted.values()])
    apart = {number for number in read if _bucket(data[number].product.title) < 10}
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
    report = _measured(sets, margins, gold, slopes, out, time.monotonic() - started)
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

    numbers: NDArray[np.int64]
    features: csr_matrix
    outcomes: NDArray[np.int64]
    values: tuple[str | None, ...]

    @classmethod
    def of(
        cls, kept: Sequence[Target], counted: Mapping[int, tuple[NDArray[np.int64], Floats]], weights: Floats
    ) -> _Rows:
        values = tuple(sorted({row.value for row in kept}, key=lambda value: (value is None, value or "")))
        index = {value: number for number, value in enumerate(values)}
        return cls(
            np.array([row.product for row in kept], dtype=np.int64),
            feature_rows([counted[row.product] for row in kept], weights),
            np.array([index[row.value] for row in kept], dtype=np.int64),
            values,
        )

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
    usable.sort(key=lambda n: _bucket(f"{data[int(rows.numbers[n])].product.title} {n}"))
    chosen = usable[: max(20, _ENCODED // 25)]
    texts = encoder.encode([product_text(data[int(rows.numbers[n])].product) for n in chosen])
    names = encoder.encode([value_text(name, value) for number in named if (value := rows.values[number]) is not None])
    gold = np.array([place[int(rows.outcomes[n])] for n in chosen], dtype=np.int64)
    return fit_temperature((texts @ names.T).astype(np.float64), gold, prior=10.0, strength=1.0)


def _measured(
    sets: Mapping[str, _Rows],
    margins: Mapping[str, NDArray[np.float64]],
    gold: Mapping[str, NDArray[np.int64]],
    slopes: Mapping[str, float],
    out: Path,
    seconds: float,
) -> ValuesReport:
    hits: list[NDArray[np.bool_]] = []
    sure: list[NDArray[np.float64]] = []
    commonest = 0
    per_attribute = {}
    for name, one in sets.items():
        logits = slopes[name] * margins[name]
        logits = logits - logits.max(axis=1, keepdims=True) if len(logits) else logits
        odds = np.exp(logits)
        best = odds.argmax(axis=1) if len(odds) else np.zeros(0, dtype=np.int64)
        hits.append(best == gold[name])
        sure.append(odds.max(axis=1, initial=0.0) / np.maximum(odds.sum(axis=1), 1e-12))
        common = int((gold[name] == np.bincount(one.outcomes).argmax()).sum())
        commonest += common
        count = max(len(best), 1)
        per_attribute[name] = {
            "n": len(best), "accuracy": float(hits[-1].sum()) / count, "majority": common / count,
            "values": len(one.values), "rows": len(one.outcomes),
        }  # fmt: skip
    right, probability = np.concatenate(hits), np.concatenate(sure)
    return ValuesReport(
        directory=out,
        attributes=len(sets),
        values=sum(len(one.values) - (None in one.values) for one in sets.values()),
        rows=sum(len(one.outcomes) for one in sets.values()),
        held_out=len(right),
        accuracy=float(right.mean()) if len(right) else 0.0,
        majority=commonest / max(len(right), 1),
        ece=reliability(probability, right).ece,
        per_attribute=per_attribute,
        seconds=seconds,
    )


def _bucket(key: str) -> int:
    return int(hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:8], 16) % 100
