"""Training with PyKEEN. Import it lazily: it brings torch along and takes seconds.

1vsAll cross-entropy (`loop`) suits ComplEx and DistMult, and sampled negatives with self-adversarial weights suit
TransE and RotatE. Early stopping scores a bounded sample of the validation triples with `Vectors`, the arithmetic
that is served, because PyKEEN's own evaluation on a CPU can take far longer than the training it watches.
"""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from pykeen.losses import CrossEntropyLoss, NSSALoss
from pykeen.models import ComplEx, DistMult, ERModel, RotatE, TransE
from pykeen.training import SLCWATrainingLoop, SymmetricLCWATrainingLoop, TrainingLoop
from pykeen.training.callbacks import TrainingCallback
from pykeen.triples import CoreTriplesFactory

from kgtag.embed.triples import Ids, Triples
from kgtag.embed.vectors import BILINEAR, Floats, ModelName, Vectors
from kgtag.evaluation.embeddings import evaluate
from kgtag.train.embeddings.loop import OneVsAllTrainingLoop
from kgtag.train.embeddings.settings import Settings
from kgtag.train.extractor.optimizer import find_device

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trained:
    """`validation` is the MRR on the validation sample at each look, by epoch; empty without validation triples."""

    vectors: Vectors
    losses: tuple[float, ...]
    validation: tuple[tuple[int, float], ...]
    device: str
    model: ERModel[Any, Any, Any]


def train(triples: Triples, settings: Settings, *, init: Floats | None = None) -> Trained:
    """Train on `triples.train`, watching `triples.valid`.

    `init` (E, k) float32 holds a text embedding per entity (rows of NaN where there is none); entities then start from
    its projection onto the model's width instead of from noise. Same input, seed and device: same vectors.
    """
    device = find_device(settings.device)
    torch.manual_seed(settings.seed)
    factory = CoreTriplesFactory(
        mapped_triples=torch.from_numpy(triples.train),
        num_entities=triples.trained,
        num_relations=len(triples.relations),
    )
    one_vs_all = settings.loop == "1vsall" or (settings.loop == "auto" and settings.model in BILINEAR)
    model = _model(factory, settings, one_vs_all=one_vs_all, init=init, device=device)
    loop = _loop(factory, model, settings, one_vs_all=one_vs_all)
    watch = _Watch(triples, settings)
    logging.getLogger("pykeen").setLevel(logging.WARNING)  # it reports every default it takes
    work = settings.batch_size * min(triples.trained, settings.loss.candidates or triples.trained) * settings.dim
    with TemporaryDirectory() as scratch, _unhindered(work), warnings.catch_warnings():
        # PyKEEN's sampling loop passes itself an argument that PyKEEN has deprecated.
        warnings.filterwarnings("ignore", "Training instances are always shuffled", DeprecationWarning)
        losses = loop.train(
            triples_factory=factory,
            num_epochs=settings.epochs,
            batch_size=settings.batch_size,
            use_tqdm=settings.progress and sys.stderr.isatty(),
            use_tqdm_batch=False,
            callbacks=watch,
            checkpoint_directory=scratch,
            pin_memory=device.type == "cuda",
        )
    vectors = watch.best or vectors_of(model, settings.model)
    return Trained(vectors, tuple(losses or ()), tuple(watch.history), str(device), model)


@contextmanager
def _unhindered(work: int) -> Iterator[None]:
    """Without what takes longer than the arithmetic: waking several threads for batches of little `work`, and walking
    torch's objects, because PyKEEN collects garbage after every epoch."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if work < 20_000_000 else before)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(before)


def vectors_of(model: ERModel[Any, Any, Any], name: ModelName) -> Vectors:
    """The model's arrays as they are served."""
    norm = int(getattr(model.interaction, "p", 1)) if name == "TransE" else 2
    return Vectors(name, _array(model.entity_representations[0]()), _array(model.relation_representations[0]()), norm)


def _array(weights: torch.Tensor) -> Floats:
    weights = weights.detach().cpu()
    if weights.is_complex():
        weights = torch.cat([weights.real, weights.imag], dim=-1)
    array: Floats = weights.numpy().astype(np.float32)
    return array


def _model(
    factory: CoreTriplesFactory, settings: Settings, *, one_vs_all: bool, init: Floats | None, device: torch.device
) -> ERModel[Any, Any, Any]:
    # A margin shifts distances, which are never positive as scores; dot products have their zero where it belongs.
    margin = 0.0 if settings.model in BILINEAR else settings.margin
    loss = CrossEntropyLoss() if one_vs_all else NSSALoss(margin=margin, adversarial_temperature=1.0)
    common: dict[str, Any] = {
        "triples_factory": factory,
        "embedding_dim": settings.dim,
        "loss": loss,
        "random_seed": settings.seed,
    }
    if init is not None or settings.model in BILINEAR:
        common["entity_initializer"] = _initializer(settings, init)
    if settings.model in BILINEAR:
        common |= {"relation_initializer": _initializer(settings, None), "regularizer": None}
    if settings.model == "DistMult":
        common["entity_constrainer"] = None
    kinds: dict[str, Any] = {"ComplEx": ComplEx, "DistMult": DistMult, "TransE": TransE, "RotatE": RotatE}
    model: ERModel[Any, Any, Any] = kinds[settings.model](**common)
    return model.to(device)


def _initializer(settings: Settings, init: Floats | None) -> Callable[[torch.Tensor], torch.Tensor]:
    def fill(weights: torch.Tensor) -> torch.Tensor:
        real = torch.view_as_real(weights) if weights.is_complex() else weights
        with torch.no_grad():
            real.normal_(0.0, settings.init_scale)
            if init is not None:
                start = torch.from_numpy(project(init[: len(weights)], real[0].numel())).to(real)
                there = torch.isfinite(start).all(dim=1)
                rows = start[there].reshape(-1, *real.shape[1:])
                real[there] = rows / rows.std().clamp_min(1e-12) * settings.init_scale
        return weights

    return fill


def project(text: Floats, columns: int) -> Floats:
    """(E, k) → (E, columns) float32: the principal axes of the text embeddings, scaled alike, NaN rows kept NaN.

    Where there are fewer axes than columns the remaining columns are zero.
    """
    there = np.isfinite(text).all(axis=1)
    projected = np.full((len(text), columns), np.nan, dtype=np.float32)
    if not there.any():
        return projected
    centred = text[there] - text[there].mean(axis=0)
    left, strength, _ = np.linalg.svd(centred, full_matrices=False)
    kept = min(columns, int((strength > 1e-6).sum()))
    projected[there] = 0.0
    projected[np.ix_(there, np.arange(columns) < kept)] = left[:, :kept] * np.sqrt(strength[:kept])
    return projected


def _loop(
    factory: CoreTriplesFactory, model: ERModel[Any, Any, Any], settings: Settings, *, one_vs_all: bool
) -> TrainingLoop[Any]:
    common: dict[str, Any] = {
        "model": model,
        "triples_factory": factory,
        "optimizer": settings.optimizer,
        "optimizer_kwargs": {"lr": settings.learning_rate},
        # It trains trial batches first, to learn what fits; the settings bound that already.
        "automatic_memory_optimization": False,
    }
    if one_vs_all and settings.model in BILINEAR:
        return OneVsAllTrainingLoop(settings=settings.loss, seed=settings.seed, **common)
    if one_vs_all:
        return SymmetricLCWATrainingLoop(**common)
    return SLCWATrainingLoop(
        **common, negative_sampler="basic", negative_sampler_kwargs={"num_negs_per_pos": settings.negatives}
    )


class _Watch(TrainingCallback):
    """Looks at a fixed sample of the validation triples, keeps the best vectors, and ends training when it stalls."""

    def __init__(self, triples: Triples, settings: Settings) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        valid = triples.valid[(triples.valid[:, [0, 2]] < triples.trained).all(axis=1)]
        chosen = np.random.default_rng(settings.seed).permutation(len(valid))[: settings.sample]
        self._sample: Ids = valid[np.sort(chosen)]
        self._known = np.concatenate([triples.train, triples.valid])
        self._settings = settings
        self._left = settings.patience
        self.best: Vectors | None = None
        self.history: list[tuple[int, float]] = []

    def post_epoch(self, epoch: int, epoch_loss: float, **kwargs: Any) -> None:
        last = epoch == self._settings.epochs
        if not len(self._sample) or (epoch % self._settings.check_every and not last):
            return
        model: Any = self.model
        vectors = vectors_of(model, self._settings.model)
        mrr = evaluate(vectors, self._sample, self._known, sides=self._settings.sides).mrr
        log.info("epoch %d: loss %.4f, validation MRR %.4f", epoch, epoch_loss, mrr)
        best = max((seen for _, seen in self.history), default=-1.0)
        self.history.append((epoch, mrr))
        if mrr > best:
            self.best, self._left = vectors, self._settings.patience
        else:
            self._left -= 1
        if self._left <= 0:
            self.training_loop._should_stop = True
