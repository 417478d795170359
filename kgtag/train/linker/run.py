"""Training a linker: what its synonyms teach, networks from queries of known answer, calibration from others."""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graph.errors import InputError
from graph.formats import reading
from graph.history.versions import Stamp
from graph.taxonomy import Taxonomy
from kgtag.artifacts import check_target, new_directory, write_json
from kgtag.link import models
from kgtag.link.candidates.vectors import LabelVectors
from kgtag.link.candidates.words import Substitutes
from kgtag.link.encoder import SentenceEncoder, Vectors
from kgtag.link.features.candidate_set import Floats
from kgtag.link.linker import CandidateFinder, LinkExample
from kgtag.train.calibration import fit_logistic
from kgtag.train.encoder.pretrained import DEFAULT
from kgtag.train.linker import dataset
from kgtag.train.linker.encoders import export_encoder, load_encoder, tune_encoder
from kgtag.train.linker.linear import with_linear
from kgtag.train.linker.synonyms import map_helps, synonym_statistics, synonyms_of

Ints = NDArray[np.int64]
_NETWORKS = 4
_WIDTHS, _DROPOUT = (48, 24), (0.2, 0.1)
_EPOCHS, _MOST_STEPS = 25, 800
_BATCH = 64
_RATE, _DECAY = 3e-3, 0.02
log = logging.getLogger(__name__)
_FOLDS = 2
_MIN_PAIRS = 30
_MIN_GIVEN = 300
"""Given examples from which on calibration and metrics rest on them alone."""
_LEAST_OWN, _MOST_OWN, _MOST_GIVEN = 500, 1_500, 12_000
_OWN_SHARE = 0.3
"""Weight of all made-up queries together, next to that of all given ones, when those are enough; else they are even."""
_LEAST_WEIGHT = 0.1


def fit_networks(data: dataset.RankData, *, seed: int, steps: int = _MOST_STEPS) -> models.RankModel:
    """Deterministic on one machine, in about so many `steps`. Needs a query with its gold among the candidates."""
    mean: Floats = np.asarray(data.features.mean(axis=0, dtype=np.float64), dtype=np.float64)
    spread: Floats = np.asarray(data.features.std(axis=0, dtype=np.float64), dtype=np.float64)
    spread = np.where(spread > 1e-6, spread, np.inf)
    scaled = np.clip((data.features - mean) / spread, -models.CLIP, models.CLIP).astype(np.float32)
    seeds = [seed * 10 + n for n in range(_NETWORKS)]
    networks = _fit(_Queries.of(data, scaled), data, seeds=seeds, steps=steps)
    spread = np.where(np.isfinite(spread), spread, 1e12)
    return models.RankModel(mean=np.round(mean, 6), spread=np.round(spread, 6), networks=networks)


@dataclass(frozen=True, slots=True)
class _Queries:
    """Candidates by query, those that don't count left out: `features` (candidates, features) float32; query i has
    `counts`[i] of them from row `starts`[i]; `target` (queries,) the place of its gold among them, or `most` for NIL,
    -1 where there is none."""

    features: Tensor
    starts: Ints
    counts: Ints
    target: Ints
    most: int

    @classmethod
    def of(cls, data: dataset.RankData, features: NDArray[np.float32]) -> "_Queries":
        kept = np.flatnonzero(data.counts)
        lookup = data.lookup[kept]
        counts = np.bincount(lookup, minlength=len(data.nil))
        starts = np.cumsum(counts) - counts
        most = int(counts.max(initial=1))
        target = np.where(data.nil, most, -1)
        right = np.flatnonzero(data.right[kept] & ~data.nil[lookup])
        target[lookup[right]] = right - starts[lookup[right]]
        return cls(torch.from_numpy(features[kept]), starts, counts, target, most)


def _fit(
    found: _Queries, data: dataset.RankData, *, seeds: Sequence[int], steps: int
) -> tuple[tuple[models.Layer, ...], ...]:
    """The networks of all seeds, trained as one batch of matrices; each sees its own order of queries."""
    usable = np.flatnonzero(found.target >= 0)
    sizes = (found.features.shape[1], *_WIDTHS, 1)
    with torch.random.fork_rng(devices=[]):
        layers = []
        for seed in seeds:
            torch.manual_seed(seed)
            layers.append([nn.Linear(*pair) for pair in pairwise(sizes)])
        weights, biases = ([], [])  # type: tuple[list[Tensor], list[Tensor]]
        for level in zip(*layers, strict=True):
            weights.append(torch.stack([layer.weight.detach().T for layer in level]).requires_grad_())
            biases.append(torch.stack([layer.bias.detach()[None] for layer in level]).requires_grad_())
        draws = [np.random.default_rng(seed) for seed in seeds]
        batches = (len(usable) + _BATCH - 1) // _BATCH
        epochs = max(3, min(_EPOCHS, steps // batches))
        optimiser = torch.optim.AdamW([*weights, *biases], lr=_RATE, weight_decay=_DECAY)
        pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=epochs * batches)
        for _ in range(epochs):
            order = np.stack([draw.permutation(usable) for draw in draws])
            for start in range(0, order.shape[1], _BATCH):
                loss = _loss(weights, biases, found, order[:, start : start + _BATCH], data.weight)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                pace.step()
    return tuple(
        tuple((_rounded(w[n]), _rounded(b[n, 0])) for w, b in zip(weights, biases, strict=True))
        for n in range(len(seeds))
    )


def _rounded(tensor: Tensor) -> Floats:
    exact: Floats = tensor.detach().numpy().astype(np.float64)
    return np.round(exact, 6)


def _loss(
    weights: Sequence[Tensor], biases: Sequence[Tensor], found: _Queries, queries: Ints, weight: NDArray[np.float32]
) -> Tensor:
    """The sum over networks; `queries` (networks, batch)."""
    networks, size = queries.shape
    counts = found.counts[queries]
    query = [np.repeat(np.arange(size), of) for of in counts]
    place = [np.arange(of.sum()) - np.repeat(np.cumsum(of) - of, of) for of in counts]
    rows = np.zeros((networks, max(map(len, query))), dtype=np.int64)  # the rest of a row is filled up and not read
    for n, (one, at) in enumerate(zip(query, place, strict=True)):
        rows[n, : len(one)] = found.starts[queries[n]][one] + at
    states = found.features[torch.from_numpy(rows)]
    for level, (w, b) in enumerate(zip(weights, biases, strict=True)):
        states = torch.baddbmm(b, states, w)
        if level < len(_DROPOUT):
            states = nn.functional.dropout(states.relu(), _DROPOUT[level])
    network = np.repeat(np.arange(networks), [len(one) for one in query])
    column = np.concatenate([np.arange(len(one)) for one in query])
    scores = torch.full((networks, size, found.most + 1), -1e4)
    scores[:, :, -1] = 0.0
    scores = scores.index_put(
        tuple(map(torch.from_numpy, (network, np.concatenate(query), np.concatenate(place)))),
        states[network, column, 0],
    )
    target = torch.from_numpy(found.target[queries])
    losses = nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten(), reduction="none")
    own = torch.from_numpy(weight[queries])
    return (losses.reshape(networks, size) * own / own.sum(dim=1, keepdim=True)).sum()


@dataclass(frozen=True, slots=True)
class Material:
    """What is known besides the taxonomy. `gold`: annotators' links. `mentions`: (text, concept id), synonyms that the
    taxonomy doesn't hold; they are learned from, and looked up ever after. `usage`: how often a concept is used."""

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
    stamp: Stamp | None = None,
) -> dict[str, Any]:
    """Write a linker directory (see `kgtag.link.files`) and return its metrics, counted on concepts kept apart.

    Besides what is given, the taxonomy's own labels make the training queries: held out, misspelt, NIL. With `tune`,
    the encoder learns from all synonyms. Raises InputError when queries or synonyms are too few, when `out` holds
    something else, or when there is no such encoder. `stamp`: what its store calls the taxonomy.
    """
    material = material or Material()
    check_target(out)
    for concept in (*(example.concept for example in material.gold), *(id for _, id in material.mentions)):
        if concept is not None:
            taxonomy.index(concept)
    state = models.LinkerState(tuple(material.mentions), dict(material.usage))

    def finder_with(directory: Path) -> CandidateFinder:
        sentence = SentenceEncoder(directory / models.ENCODER, directory / models.TOKENIZER)
        return CandidateFinder(taxonomy, encoder=sentence, state=state)

    with new_directory(out) as work, tempfile.TemporaryDirectory() as scratch:
        export_encoder(load_encoder(encoder), work)
        finder = finder_with(work)
        finders = [finder]
        if tune:
            synonyms, finders = synonyms_of(finder.table), []
            for fold in range(_FOLDS):  # each tuned without the concepts of the parts that are `fold` modulo _FOLDS
                folder = Path(scratch, str(fold))
                folder.mkdir()
                others = [one for one in synonyms if dataset.part_of(one[2]) % _FOLDS != fold]
                tune_encoder(encoder, finder, others, folder, seed=seed)
                finders.append(finder_with(folder))
            tune_encoder(encoder, finder, synonyms, work, seed=seed)
            finder = finder_with(work)
        model, substitutes, linear_map = fit_rank_model(finders, finder, material, seed=seed)
        about = {"encoder": encoder, "tuned": tune, "seed": seed, "format": models.FORMAT}
        named = (stamp or Stamp(taxonomy.revision)).to_json()
        write_json(work / models.STATE, replace(state, substitutes=substitutes).as_json())
        models.write_linear_map(work / models.LINEAR_MAP, linear_map)
        write_json(work / models.WEIGHTS, {**model.as_json(), **named, **about})
    assert finder.encoder is not None
    LabelVectors.load(finder.table.texts, finder.encoder, cache=out / models.VECTORS, earlier=finder.vectors)
    return dict(model.metrics)


def fit_rank_model(
    finders: Sequence[CandidateFinder], served: CandidateFinder, material: Material, *, seed: int = 0
) -> tuple[models.RankModel, Substitutes, Vectors | None]:
    """Networks fitted on three fifths of the concepts; calibration and threshold on one fifth, metrics on the last.

    What is returned then learns from all five, at the calibration found before. Queries of part p are asked of finder
    p modulo their number: one not tuned on that part's synonyms. Substitutes and linear map are for `served`. With few
    given queries, a linear model of these alone ranks with the networks.
    """
    finder = finders[0]
    given = dataset.mention_pairs(finder.table, material.mentions, seed=seed, limit=_MOST_GIVEN)
    given += dataset.gold_pairs(material.gold)
    limit = min(_MOST_OWN, max(_LEAST_OWN, 2 * len(given))) if given else _MOST_OWN
    own = dataset.pairs_of(finder.table, seed=seed, limit=limit)
    if len(own) + len(given) < _MIN_PAIRS:
        raise InputError(
            f"{len(own) + len(given)} training queries can be made from this taxonomy and its gold, {_MIN_PAIRS} are"
            " needed; add labels or gold, or link without training"
        )
    asked = [(one.example.query.text, one.example.concept) for one in given if one.example.concept is not None]
    mapped = map_helps(finder, asked, seed=seed)
    found = _cross_found(finders, own + given, mapped=mapped, seed=seed)
    enough = len(given) >= _MIN_GIVEN
    weight = np.ones(len(found.pairs), dtype=np.float32)
    is_given = np.array([pair.kind in ("gold", "mention") for pair in found.pairs], dtype=np.bool_)
    if given:
        share = _OWN_SHARE if enough else 1.0
        weight[~is_given] = min(1.0, max(_LEAST_WEIGHT, share * len(given) / max(len(own), 1)))

    def fitted(found: dataset.Found, wanted: NDArray[np.bool_]) -> models.RankModel:
        part = found.where(wanted)
        if not part.right.any():
            raise InputError("the training queries hold no choice between right and wrong; give gold with both")
        model = fit_networks(part.data(weight[wanted]), seed=seed)
        return model if enough else with_linear(model, found.where(wanted & is_given))

    evaluated = is_given if enough else np.ones(len(found.pairs), dtype=np.bool_)
    part = np.array([dataset.part_of(pair.concept) for pair in found.pairs])
    model = calibrated(fitted(found, part < 3), found.where((part == 3) & evaluated))
    held = found.where((part == 4) & evaluated).measured(model, finder.taxonomy.ids)
    metrics = {"pairs": len(own) + len(given), **held}
    log.info("linker fitted: accuracy %s, ece %s", held["all"]["accuracy"], held["all"]["ece"])
    whole = fitted(found, np.ones(len(found.pairs), dtype=np.bool_))
    whole = replace(whole, slope=model.slope, offset=model.offset, threshold=model.threshold, metrics=metrics)
    return whole, *synonym_statistics(served, seed=seed, mapped=mapped)


def _cross_found(
    finders: Sequence[CandidateFinder], pairs: Sequence[dataset.LinkPair], *, mapped: bool, seed: int
) -> dataset.Found:
    """Find candidates with statistics of other concepts' synonyms, as a linker meets unseen queries."""
    found = []
    for part in range(dataset.PARTS):
        mine = [pair for pair in pairs if dataset.part_of(pair.concept) == part]
        finder = finders[part % len(finders)]
        statistics = synonym_statistics(finder, seed=seed, excluding=part, mapped=mapped)
        found.append(dataset.find(finder.with_statistics(*statistics), mine))
    return dataset.join(found)


def calibrated(model: models.RankModel, found: dataset.Found) -> models.RankModel:
    """Platt's slope and offset on the best candidates, then the threshold of the most right decisions."""
    odds, chosen = found.best(model)
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


def read_mentions(path: Path, taxonomy: Taxonomy) -> list[tuple[str, str]]:
    """(mention, concept id). Raises InputError naming the line that doesn't read, or whose concept isn't known."""
    return [(mention, _concept(taxonomy, name, path, number)) for number, mention, name in _rows(path)]


def read_usage(path: Path, taxonomy: Taxonomy) -> dict[str, float]:
    """Counts by concept id. Raises InputError naming the line whose concept isn't known, or whose count is none."""
    found: dict[str, float] = {}
    for number, name, written in _rows(path):
        try:
            count = float(written)
        except ValueError:
            count = -1.0
        if not 0 <= count < float("inf"):
            raise InputError(f"{path}, line {number}: {written!r} is not a count; give a number of uses")
        concept = _concept(taxonomy, name, path, number)
        found[concept] = found.get(concept, 0.0) + count
    return found


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Numbered rows of two fields; empty lines are passed over."""
    for number, line in reading.lines(path):
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) == 2 and all(fields):
            yield number, fields[0], fields[1]
        elif line.strip():
            raise InputError(f"{path}, line {number} is not two fields with a tab between them: {line.strip()!r:.80}")


def _concept(taxonomy: Taxonomy, name: str, path: Path, number: int) -> str:
    """An id as it is, or the one concept that carries the label."""
    if name in taxonomy:
        return name
    found = taxonomy.lookup(name)
    if len(found) != 1:
        many = f"is a label of {', '.join(found[:3])}; give the id" if found else "is not the id or label of a concept"
        raise InputError(f"{path}, line {number}: {name!r} {many}")
    return found[0]
