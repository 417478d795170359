"""Training a linker: encoder to ONNX, weights from queries of known answer, calibration and threshold from others."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.changes.releases import Stamp
from graph.errors import InputError
from graph.taxonomy import Taxonomy
from kgtag.encoders import DEFAULT
from kgtag.evaluate.linking import LinkOutcome, linking_metrics
from kgtag.extract.files import check_target, new_directory, write_json
from kgtag.link.candidates import CandidateFinder
from kgtag.link.encoder import SentenceEncoder
from kgtag.link.examples import LinkExample
from kgtag.link.features import FEATURES, Floats, Pool
from kgtag.link.files import ENCODER, FORMAT, TOKENIZER, VECTORS, WEIGHTS
from kgtag.link.model import LinkModel
from kgtag.link.vectors import LabelVectors
from kgtag.train.linking.pairs import LinkPair, gold_pairs, pairs_of

__all__ = ["LinkExample", "fit_link_model", "train_linker"]

log = logging.getLogger(__name__)

_MIN_PAIRS = 30
_MIN_GOLD = 300
"""Gold examples from which on calibration and metrics rest on gold alone."""
_BATCH = 512


def train_linker(
    taxonomy: Taxonomy,
    gold: Sequence[LinkExample] = (),
    *,
    out: Path,
    encoder: str = DEFAULT,
    seed: int = 0,
    scheme: str | None = None,
    stamp: Stamp | None = None,
) -> dict[str, Any]:
    """Write a linker directory (see `kgtag.link.files`) and return its metrics, counted on concepts kept apart.

    Besides gold, the taxonomy's own labels make the training queries: held out, misspelt, NIL. Raises InputError when
    they are too few, when `out` holds something else, or when there is no such encoder. `stamp`: what its store calls
    the taxonomy.
    """
    from kgtag.train.linking.sentence import export_encoder

    check_target(out)
    for example in gold:
        if example.concept is not None:
            taxonomy.index(example.concept)
    with new_directory(out) as work:
        export_encoder(encoder, work)
        sentence = SentenceEncoder(work / ENCODER, work / TOKENIZER)
        finder = CandidateFinder(taxonomy, scheme=scheme, encoder=sentence)
        model = fit_link_model(finder, gold, seed=seed)
        about = {"encoder": encoder, "seed": seed, "format": FORMAT}
        named = (stamp or Stamp(taxonomy.revision)).to_json()
        write_json(work / WEIGHTS, {**model.as_json(), **named, **about})
    LabelVectors.load(finder.table.texts, sentence, cache=out / VECTORS, earlier=finder.vectors)
    return dict(model.metrics)


def fit_link_model(finder: CandidateFinder, gold: Sequence[LinkExample] = (), *, seed: int = 0) -> LinkModel:
    """Weights from three fifths of the concepts, calibration and threshold from one fifth, metrics from the last."""
    own, given = pairs_of(finder.table, seed=seed), gold_pairs(gold)
    if len(own) + len(given) < _MIN_PAIRS:
        raise InputError(
            f"{len(own) + len(given)} training queries can be made from this taxonomy and its gold, {_MIN_PAIRS} are"
            " needed; add labels or gold, or link without training"
        )
    judged = given if len(given) >= _MIN_GOLD else own + given
    train = _found(finder, [pair for pair in own + given if _part(pair) < 3])
    model = _fit_weights(train)
    calibration = _found(finder, [pair for pair in judged if _part(pair) == 3])
    model = _calibrated(model, calibration)
    test = _found(finder, [pair for pair in judged if _part(pair) == 4])
    metrics = {"pairs": len(own) + len(given), **_metrics(model, test)}
    log.info("linker fitted: accuracy %s, ece %s", metrics["all"]["accuracy"], metrics["all"]["ece"])
    return replace(model, metrics=metrics)


@dataclass(frozen=True, slots=True)
class _Found:
    """Pairs and their candidates; `right`, `counts` (n,) bool: whether it is gold, and whether it counts at all."""

    pairs: Sequence[LinkPair]
    pool: Pool
    ids: tuple[str, ...]
    right: NDArray[np.bool_]
    counts: NDArray[np.bool_]


def _found(finder: CandidateFinder, pairs: Sequence[LinkPair]) -> _Found:
    pools = [finder.find([])]
    for start in range(0, len(pairs), _BATCH):
        batch = pairs[start : start + _BATCH]
        pool = finder.find([pair.example.query for pair in batch], [pair.without for pair in batch])
        pools.append(replace(pool, lookup=pool.lookup + np.int32(start)))
    joined = Pool.join(pools)
    ids = tuple(finder.taxonomy.ids[i] for i in joined.concept)
    asked = [pairs[i] for i in joined.lookup]
    right = np.array([id == pair.example.concept for id, pair in zip(ids, asked, strict=True)], dtype=np.bool_)
    counts = np.array([id not in pair.neutral for id, pair in zip(ids, asked, strict=True)], dtype=np.bool_)
    return _Found(pairs, joined, ids, right, counts)


def _fit_weights(found: _Found) -> LinkModel:
    from sklearn.linear_model import LogisticRegression

    x, y = found.pool.features[found.counts], found.right[found.counts]
    if not y.any() or y.all():
        raise InputError("the training queries hold no choice between right and wrong; give gold with both")
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-6, spread, np.inf)
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit((x - mean) / spread, y)
    weights = fitted.coef_[0] / spread
    intercept = float(fitted.intercept_[0] - (weights * mean).sum())
    named = {name: round(float(weight), 6) for name, weight in zip(FEATURES, weights, strict=True)}
    return LinkModel(weights=named, intercept=round(intercept, 6), slope=1.0, offset=0.0, threshold=0.5)


def _calibrated(model: LinkModel, found: _Found) -> LinkModel:
    """Platt's slope and offset on the best candidates, then the threshold of the most right decisions."""
    from sklearn.linear_model import LogisticRegression

    odds, best = _best(model, found)
    chosen = np.array([i for i in best if i is not None and found.counts[i]], dtype=np.int64)
    right = found.right[chosen]
    if len(chosen) >= _MIN_PAIRS and right.any() and not right.all():
        fitted = LogisticRegression(C=1e3).fit(odds[chosen, None], right)
        if (slope := float(fitted.coef_[0, 0])) > 0:
            model = replace(model, slope=round(slope, 6), offset=round(float(fitted.intercept_[0]), 6))
    return replace(model, threshold=_threshold(model.probability(odds[chosen]), right, _golds(found, chosen)))


def _golds(found: _Found, chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether gold is NIL, for each chosen candidate's query."""
    return np.array([found.pairs[found.pool.lookup[i]].example.concept is None for i in chosen], dtype=np.bool_)


def _threshold(probability: Floats, right: NDArray[np.bool_], nil: NDArray[np.bool_]) -> float:
    """Where links from it upwards and NIL below are right most often; the middle of the best stretch."""
    if not nil.any() or nil.all():
        return 0.5
    grid = np.linspace(0.05, 0.95, 91)
    linked = probability[None, :] >= grid[:, None]
    good = (linked & right).sum(axis=1) + (~linked & nil).sum(axis=1)
    return round(float(np.median(grid[good == good.max()])), 3)


def _best(model: LinkModel, found: _Found) -> tuple[Floats, list[int | None]]:
    """Log-odds of all candidates, and each pair's best one."""
    odds = model.log_odds(found.pool.features)
    best: list[int | None] = [None] * len(found.pairs)
    for i in np.lexsort((found.pool.concept, -odds, found.pool.lookup))[::-1]:
        best[found.pool.lookup[i]] = int(i)
    return odds, best


def _metrics(model: LinkModel, found: _Found) -> dict[str, Any]:
    """`linking_metrics` over all, and by kind of pair."""
    odds = model.log_odds(found.pool.features)
    probability = model.probability(odds)
    ranked: dict[int, list[int]] = defaultdict(list)
    for i in np.lexsort((found.pool.concept, -odds, found.pool.lookup)):
        ranked[int(found.pool.lookup[i])].append(int(i))
    outcomes: dict[str, list[LinkOutcome]] = defaultdict(list)
    for number, pair in enumerate(found.pairs):
        order = ranked[number]
        if order and not found.counts[order[0]]:
            continue
        first = float(probability[order[0]]) if order else 0.0
        ids = tuple(found.ids[i] for i in order)
        outcome = LinkOutcome(pair.example.concept, ids, first, ids[0] if ids and first >= model.threshold else None)
        outcomes["all"].append(outcome)
        outcomes[pair.kind].append(outcome)
    return {
        "all": linking_metrics(outcomes.pop("all", [])),
        **{k: linking_metrics(outcomes[k]) for k in sorted(outcomes)},
    }


def _part(pair: LinkPair) -> int:
    """0…4 by the concept, so that no concept stands on two sides."""
    return hashlib.blake2b(pair.concept.encode("utf-8", "surrogatepass"), digest_size=4).digest()[0] % 5
