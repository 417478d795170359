"""1vsAll cross-entropy for ComplEx and DistMult.

It asks, for every training triple, for the tail among all entities and for the head among all entities,
and takes softmax cross-entropy. Triples that share (head, relation) share the whole row of scores; so one row is scored
per distinct pair and weighted by how many triples it stands for. That is the same loss at a fraction of the work.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pykeen.training import TrainingLoop
from torch.nn import functional

from kgtag.embed.triples import Ids
from kgtag.train.embeddings.kinds import real
from kgtag.train.embeddings.settings import OneVsAll


@dataclass(frozen=True, slots=True)
class Batch:
    """`fixed` (b, 2): known entity and relation; `rows`, `columns` (n,): which candidate answers which row."""

    side: str
    fixed: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    candidates: torch.Tensor | None
    scale: float


class _Side:
    """All rows of one side: distinct (known entity, relation) pairs and, in CSR form, their answers."""

    def __init__(self, side: str, triples: Ids) -> None:
        known, asked = (0, 2) if side == "tail" else (2, 0)
        order = np.lexsort((triples[:, asked], triples[:, 1], triples[:, known]))
        self.side = side
        self.answers = triples[order, asked]
        pairs = triples[order][:, [known, 1]]
        first = np.flatnonzero(np.r_[True, np.any(pairs[1:] != pairs[:-1], axis=1)])
        self.pairs = pairs[first]
        self.starts = np.r_[first, len(triples)]
        self.occurring = np.unique(triples[:, asked])


class Batches:
    """Shuffled batches of both sides; a fresh order at every iteration."""

    def __init__(self, triples: Ids, batch_size: int, *, num_entities: int, settings: OneVsAll, seed: int) -> None:
        self._sides = [_Side(side, triples) for side in ("tail", "head")]
        self._weights = {"tail": 1.0, "head": settings.head_weight}
        self._batch_size, self._num_entities, self._limit = batch_size, num_entities, settings.candidates
        self._seed, self.epoch = seed, 0
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return sum(-(-len(side.pairs) // self._batch_size) for side in self._sides)

    def __iter__(self) -> Iterator[Batch]:
        self._rng, self.epoch = np.random.default_rng([self._seed, self.epoch]), self.epoch + 1
        plan = []
        for side in self._sides:
            shuffled = self._rng.permutation(len(side.pairs))
            plan += [(side, shuffled[i : i + self._batch_size]) for i in range(0, len(shuffled), self._batch_size)]
        for i in self._rng.permutation(len(plan)):
            yield self._batch(*plan[i])

    def _batch(self, side: _Side, chosen: Ids) -> Batch:
        sizes = side.starts[chosen + 1] - side.starts[chosen]
        rows = np.repeat(np.arange(len(chosen)), sizes)
        answers = np.concatenate([side.answers[side.starts[i] : side.starts[i + 1]] for i in chosen])
        candidates = self._candidates(side, answers)
        columns = answers if candidates is None else np.searchsorted(candidates, answers)
        # Divided by the usual number of triples in a batch, not by this one's: every triple counts the same.
        usual = len(side.answers) / len(side.pairs) * self._batch_size
        return Batch(
            side.side, torch.from_numpy(side.pairs[chosen]), torch.from_numpy(rows), torch.from_numpy(columns),
            None if candidates is None else torch.from_numpy(candidates), self._weights[side.side] / usual,
        )  # fmt: skip

    def _candidates(self, side: _Side, answers: Ids) -> Ids | None:
        if self._limit is None or self._limit >= self._num_entities:
            return None
        base = side.occurring if len(side.occurring) <= self._limit else np.unique(answers)
        missing = max(self._limit - len(base), self._limit // 4)
        others = self._rng.integers(self._num_entities, size=missing)
        return np.unique(np.concatenate([base, others]))


class OneVsAllTrainingLoop(TrainingLoop[Batch]):
    """For ComplEx and DistMult: scores are one real matrix product per batch."""

    def __init__(self, *, settings: OneVsAll, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._settings, self._seed = settings, seed

    def _create_training_data_loader(  # type: ignore[override]  # batches come ready-made, no DataLoader is needed
        self, triples_factory: Any, *, batch_size: int, **kwargs: Any
    ) -> Batches:
        triples, entities = triples_factory.mapped_triples.numpy(), triples_factory.num_entities
        batches = Batches(triples, batch_size, num_entities=entities, settings=self._settings, seed=self._seed)
        batches.epoch = self._epoch
        return batches

    @staticmethod
    def _get_batch_size(batch: Batch) -> int:
        return batch.fixed.shape[0]

    def _process_batch(
        self, batch: Batch, start: int, stop: int, label_smoothing: float = 0.0, slice_size: int | None = None
    ) -> torch.Tensor:
        device = self.model.device
        fixed = batch.fixed.to(device)
        rows, columns = batch.rows.to(device), batch.columns.to(device)
        candidates = None if batch.candidates is None else batch.candidates.to(device)
        model: Any = self.model
        entities = model.entity_representations[0]
        known = entities(fixed[:, 0])
        relation = model.relation_representations[0](fixed[:, 1])
        asked = entities(candidates)
        query = self._drop(real(known * (relation.conj() if batch.side == "head" else relation)))
        scores = query @ self._drop(real(asked)).T
        counts = torch.bincount(rows, minlength=len(fixed)).to(scores.dtype)
        loss = (counts * torch.logsumexp(scores, dim=1)).sum() - scores[rows, columns].sum()
        if self._settings.n3:
            cubes = counts @ (_cubes(known) + _cubes(relation)) + _cubes(asked)[columns].sum()
            loss = loss + self._settings.n3 * cubes
        return loss * batch.scale

    def _drop(self, x: torch.Tensor) -> torch.Tensor:
        return functional.dropout(x, p=self._settings.dropout, training=True) if self._settings.dropout else x

    def _slice_size_search(self, **kwargs: Any) -> int:
        raise MemoryError("1vsAll scores whole rows; take a smaller batch size or bound the candidates")


def _cubes(x: torch.Tensor) -> torch.Tensor:
    """(n, d) → (n,) real: the cubes of the moduli, summed."""
    if x.is_complex():
        # The root has no derivative at zero.
        return ((x.real**2 + x.imag**2 + 1e-12) ** 1.5).sum(dim=-1)
    return (x.abs() ** 3).sum(dim=-1)
