"""Training a linker: what its synonyms teach, networks from queries of known answer, calibration from others."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from graph.history.releases import Stamp
from graph.taxonomy import Taxonomy
from kgtag.artifacts import check_target, new_directory, write_json
from kgtag.link.candidates.vectors import LabelVectors
from kgtag.link.candidates.words import Substitutes
from kgtag.link.encoder import SentenceEncoder, Vectors
from kgtag.link.features.candidate_set import Floats
from kgtag.link.linker import CandidateFinder, LinkExample
from kgtag.link.models import (
    ENCODER,
    FORMAT,
    LINEAR_MAP,
    STATE,
    TOKENIZER,
    VECTORS,
    WEIGHTS,
    LinkerState,
    RankModel,
    write_linear_map,
)
from kgtag.train.calibration import fit_logistic
from kgtag.train.encoder.pretrained import DEFAULT
from kgtag.train.linker.dataset import PARTS, Found, best, find, join, measured, part_of
from kgtag.train.linker.queries import LinkPair, gold_pairs, mention_pairs, pairs_of

__all__ = ["LinkExample", "Material", "fit_rank_model", "train_linker"]

log = logging.getLogger(__name__)

_MIN_PAIRS = 30
_MIN_GIVEN = 300
"""Given examples from which on calibration and metrics rest on them alone."""
_LEAST_OWN, _MOST_OWN, _MOST_GIVEN = 500, 1_500, 12_000
_OWN_SHARE = 0.3
"""Weight of all made-up queries together, next to that of all given ones, when those are enough; else they are even."""
_LEAST_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Material:
    """What is known besides the taxonomy. `gold`: annotators' links. `mentions`: (text, concept id), synonyms that the
    taxonomy doesn't hold; they are learned from, and looked up ever after. `usage`: how often a concept is used.
    """

    gold: Sequence[LinkExample] = ()
    mentions: Sequence[tuple[str, str]] = ()
    usage: Mapping[str, float] = field(default_factory=dict)


def train_linker(
    taxonomy: Taxonomy,
    material: Material | None = None,
    *,
    out: Path,
    encoder: str = DEFAULT,
    tune: bool = False,
    seed: int = 0,
    scheme: str | None = None,
    stamp: Stamp | None = None,
) -> dict[str, Any]:
    """Write a linker directory (see `kgtag.link.models`) and return its metrics, counted on concepts kept apart.

    Besides what is given, the taxonomy's own labels make the training queries: held out, misspelt, NIL. With `tune`,
    the encoder learns from all synonyms. Raises InputError when queries or synonyms are too few, when `out` holds
    something else, or when there is no such encoder. `stamp`: what its store calls the taxonomy.
    """
    from kgtag.train.linker.encoders import Tuner
    from kgtag.train.linker.synonyms import synonyms_of

    material = material or Material()
    check_target(out)
    _check(material, taxonomy)
    state = LinkerState(tuple(material.mentions), dict(material.usage))

    def finder_with(directory: Path) -> CandidateFinder:
        sentence = SentenceEncoder(directory / ENCODER, directory / TOKENIZER)
        return CandidateFinder(taxonomy, scheme=scheme, encoder=sentence, state=state)

    with new_directory(out) as work, tempfile.TemporaryDirectory() as scratch:
        tuner = Tuner(encoder, seed=seed)
        tuner.export(work)
        finder = finder_with(work)
        finders = [finder]
        if tune:
            finders = [finder_with(folder) for folder in tuner.folds(finder, synonyms_of(finder.table), Path(scratch))]
            tuner.tune(finder, synonyms_of(finder.table), work)
            finder = finder_with(work)
        model, substitutes, linear_map = fit_rank_model(finders, finder, material, seed=seed)
        about = {"encoder": encoder, "tuned": tune, "seed": seed, "format": FORMAT}
        named = (stamp or Stamp(taxonomy.revision)).to_json()
        write_json(work / STATE, replace(state, substitutes=substitutes).as_json())
        write_linear_map(work / LINEAR_MAP, linear_map)
        write_json(work / WEIGHTS, {**model.as_json(), **named, **about})
    assert finder.encoder is not None
    LabelVectors.load(finder.table.texts, finder.encoder, cache=out / VECTORS, earlier=finder.vectors)
    return dict(model.metrics)


def _check(material: Material, taxonomy: Taxonomy) -> None:
    for example in material.gold:
        if example.concept is not None:
            taxonomy.index(example.concept)
    for _, concept in material.mentions:
        taxonomy.index(concept)


def fit_rank_model(
    finders: Sequence[CandidateFinder], served: CandidateFinder, material: Material, *, seed: int = 0
) -> tuple[RankModel, Substitutes, Vectors | None]:
    """Networks fitted on three fifths of the concepts; calibration and threshold on one fifth, metrics on the last.

    What is returned then learns from all five, at the calibration found before. Queries of part p are asked of finder
    p modulo their number: one whose encoder wasn't tuned on that part's synonyms. Substitutes and linear map
    are for `served`.
    """
    from kgtag.train.linker.rank import fit_networks
    from kgtag.train.linker.synonyms import SynonymStatistics

    finder = finders[0]
    given = mention_pairs(finder.table, material.mentions, seed=seed, limit=_MOST_GIVEN) + gold_pairs(material.gold)
    limit = min(_MOST_OWN, max(_LEAST_OWN, 2 * len(given))) if given else _MOST_OWN
    own = pairs_of(finder.table, seed=seed, limit=limit)
    if len(own) + len(given) < _MIN_PAIRS:
        raise InputError(
            f"{len(own) + len(given)} training queries can be made from this taxonomy and its gold, {_MIN_PAIRS} are"
            " needed; add labels or gold, or link without training"
        )
    found = _cross_found(finders, own + given, seed=seed)
    enough = len(given) >= _MIN_GIVEN
    weight = np.ones(len(found.pairs), dtype=np.float32)
    is_given = np.array([pair.kind in ("gold", "mention") for pair in found.pairs], dtype=np.bool_)
    if given:
        share = _OWN_SHARE if enough else 1.0
        weight[~is_given] = min(1.0, max(_LEAST_WEIGHT, share * len(given) / max(len(own), 1)))
    evaluated = is_given if enough else np.ones(len(found.pairs), dtype=np.bool_)
    part = np.array([part_of(pair.concept) for pair in found.pairs])
    train = found.where(part < 3)
    if not train.right.any():
        raise InputError("the training queries hold no choice between right and wrong; give gold with both")
    model = fit_networks(train.data(weight[part < 3]), seed=seed)
    model = calibrated(model, found.where((part == 3) & evaluated))
    held = measured(model, found.where((part == 4) & evaluated), finder.taxonomy.ids)
    metrics = {"pairs": len(own) + len(given), **held}
    log.info("linker fitted: accuracy %s, ece %s", held["all"]["accuracy"], held["all"]["ece"])
    whole = fit_networks(found.data(weight), seed=seed)
    whole = replace(whole, slope=model.slope, offset=model.offset, threshold=model.threshold, metrics=metrics)
    return whole, *SynonymStatistics(served, seed=seed).excluding(None)


def _cross_found(finders: Sequence[CandidateFinder], pairs: Sequence[LinkPair], *, seed: int) -> Found:
    """Find candidates with statistics of other concepts' synonyms, as a linker meets unseen queries."""
    from kgtag.train.linker.synonyms import SynonymStatistics

    statistics = [SynonymStatistics(finder, seed=seed) for finder in finders]
    found = []
    for part in range(PARTS):
        mine = [pair for pair in pairs if part_of(pair.concept) == part]
        finder = finders[part % len(finders)]
        found.append(find(finder.with_statistics(*statistics[part % len(finders)].excluding(part)), mine))
    return join(found)


def calibrated(model: RankModel, found: Found) -> RankModel:
    """Platt's slope and offset on the best candidates, then the threshold of the most right decisions."""
    odds, chosen = best(model, found)
    right = found.right[chosen]
    if len(chosen) >= _MIN_PAIRS and right.any() and not right.all():
        slope, offset = fit_logistic(odds[chosen, None], right.astype(float), penalty=(1e-3, 0.0)).tolist()
        if slope > 0:
            model = replace(model, slope=round(slope, 6), offset=round(offset, 6))
    nil = np.array([found.pairs[found.lookup[i]].example.concept is None for i in chosen], dtype=np.bool_)
    return replace(model, threshold=_threshold(model.probability(odds[chosen]), right, nil))


def _threshold(probability: Floats, right: NDArray[np.bool_], nil: NDArray[np.bool_]) -> float:
    """Where links from it upwards and NIL below are right most often; the middle of the best stretch."""
    if not nil.any() or nil.all():
        return 0.5
    grid = np.linspace(0.05, 0.95, 91)
    linked = probability[None, :] >= grid[:, None]
    good = (linked & right).sum(axis=1) + (~linked & nil).sum(axis=1)
    return round(float(np.median(grid[good == good.max()])), 3)
