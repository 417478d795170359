"""Training with PyKEEN. Import it lazily: it brings torch along and takes seconds.

1vsAll cross-entropy suits ComplEx and DistMult, and sampled negatives with self-adversarial weights TransE, RotatE and
the others. See `one_vs_all`.

Entities that have texts read them (`kgtag.train.embeddings.reading`).

Early stopping scores a bounded sample of the validation triples with `Vectors`, the arithmetic that is served, because
PyKEEN's own evaluation on a CPU can take far longer than the training it watches.
"""

import gc
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from pykeen.models import ERModel
from pykeen.training import NonFiniteLossError, SLCWATrainingLoop, SymmetricLCWATrainingLoop, TrainingLoop
from pykeen.training.callbacks import TrainingCallback
from pykeen.triples import CoreTriplesFactory

from graph.errors import InputError
from kgtag.embed.triples import Ids, Triples
from kgtag.embed.vectors import BILINEAR, Floats, ModelName, TextMap, Vectors
from kgtag.evaluation.embeddings import evaluate
from kgtag.train.checkpoints import Keeper, copied
from kgtag.train.device import find_device
from kgtag.train.embeddings.kinds import model_of, vectors_of
from kgtag.train.embeddings.one_vs_all import OneVsAllTrainingLoop
from kgtag.train.embeddings.reading import text_map
from kgtag.train.embeddings.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trained:
    """`validation` is the MRR on the validation sample at each look, by epoch; empty without validation triples.
    `text_map` is None where entities do not read."""

    vectors: Vectors
    losses: tuple[float, ...]
    validation: tuple[tuple[int, float], ...]
    device: str
    model: ERModel[Any, Any, Any]
    text_map: TextMap | None = None


def train(
    triples: Triples, settings: Settings, *, texts: Floats | None = None, keeper: Keeper | None = None
) -> Trained:
    """Train on `triples.train`, watching `triples.valid`.

    Args:
        texts: (E, k) float32, a text's vector for each entity, rows of NaN where there is none; entities read them.
        keeper: Keeps a checkpoint of each look, and resumes from the last.

    Returns:
        The same for the same input, seed and device, whether it was interrupted or not.

    Raises:
        InputError: The loss is no longer a number.
    """
    device = find_device(settings.device)
    while True:
        try:
            return _train(triples, settings, texts, device, keeper)
        except NonFiniteLossError as error:
            raise InputError(
                f"training diverged: with learning_rate = {settings.learning_rate:g} the loss is no longer a number; "
                f"try {settings.learning_rate / 10:g}, in --config"
            ) from error
        except (MemoryError, RuntimeError) as error:
            if not (isinstance(error, MemoryError) or "out of memory" in str(error)) or settings.batch_size < 2:
                raise
            settings = replace(settings, batch_size=settings.batch_size // 2)
            log.warning("memory is short: batches of %d from here on", settings.batch_size)


def _train(
    triples: Triples, settings: Settings, texts: Floats | None, device: torch.device, keeper: Keeper | None
) -> Trained:
    torch.manual_seed(settings.seed)
    mapped = torch.from_numpy(triples.train)
    factory = CoreTriplesFactory(mapped, num_entities=triples.trained, num_relations=len(triples.relations))
    one_vs_all = settings.loop == "1vsall" or (settings.loop == "auto" and settings.model in BILINEAR)
    read = None if texts is None or settings.entities == "structure" else texts[: triples.trained]
    model = model_of(factory, settings, read, one_vs_all=one_vs_all).to(device)
    loop = _loop(factory, model, settings, one_vs_all=one_vs_all)
    watch = _Watch(triples, settings, read, keeper)
    watch.resume(loop)
    logging.getLogger("pykeen").setLevel(logging.WARNING)  # it reports every default it takes
    work = settings.batch_size * min(triples.trained, settings.loss.candidates or triples.trained) * settings.dim
    with TemporaryDirectory() as scratch, _unhindered(work), warnings.catch_warnings():
        # PyKEEN's sampling loop passes itself an argument that PyKEEN has deprecated.
        warnings.filterwarnings("ignore", "Training instances are always shuffled", DeprecationWarning)
        if not watch.ended:
            loop.train(
                triples_factory=factory, num_epochs=settings.epochs, batch_size=settings.batch_size,
                use_tqdm=settings.progress and sys.stderr.isatty(), use_tqdm_batch=False, callbacks=watch,
                checkpoint_directory=scratch, pin_memory=device.type == "cuda", continue_training=watch.resumed,
            )  # fmt: skip
    vectors, mapping = watch.best or _served(model.eval(), settings.model, read)
    return Trained(vectors, tuple(loop.losses_per_epochs), tuple(watch.history), str(device), model, mapping)


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


def _served(model: ERModel[Any, Any, Any], name: ModelName, texts: Floats | None) -> tuple[Vectors, TextMap | None]:
    """The model's arrays as they are served, of a model that is not in training, and how it reads."""
    with torch.no_grad():
        vectors = vectors_of(model, name)
    return vectors, None if texts is None else text_map(model, vectors.entity, texts)


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
    how = {"num_negs_per_pos": settings.negatives}
    return SLCWATrainingLoop(**common, negative_sampler="basic", negative_sampler_kwargs=how)


class _Watch(TrainingCallback):
    """Looks at a fixed sample of the validation triples, keeps the best vectors and a checkpoint of each look, and ends
    training when it stalls."""

    def __init__(self, triples: Triples, settings: Settings, texts: Floats | None, keeper: Keeper | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        valid = triples.knowable(triples.valid)
        chosen = np.random.default_rng(settings.seed).permutation(len(valid))[: settings.sample]
        self._sample: Ids = valid[np.sort(chosen)]
        self._known = np.concatenate([triples.train, triples.valid])
        self._settings, self._texts, self._keeper = settings, texts, keeper
        self._left = settings.patience
        self.best: tuple[Vectors, TextMap | None] | None = None
        self.history: list[tuple[int, float]] = []
        self.resumed = self.ended = False
        """Whether training resumes, and whether it had come to its end already."""

    def resume(self, loop: TrainingLoop[Any]) -> None:
        """Set a loop, its model and its optimiser to the last checkpoint, if there is one."""
        if self._keeper is None or (found := self._keeper.load()) is None:
            return
        model: Any = loop.model
        if found["best_epoch"]:
            model.load_state_dict(self._keeper.load_best(found["best_epoch"]))
            self.best = _served(model.eval(), self._settings.model, self._texts)
        model.load_state_dict(found["model"])
        loop.optimizer.load_state_dict(found["optimiser"])
        loop._epoch = found["epoch"]
        loop.losses_per_epochs = list(found["losses"])
        self.history, self._left = [(int(epoch), float(mrr)) for epoch, mrr in found["history"]], found["left"]
        self.resumed = True
        self.ended = found["epoch"] >= self._settings.epochs or self._left <= 0
        torch.manual_seed(self._settings.seed + found["epoch"])
        log.info("resuming after epoch %d", found["epoch"])

    def post_epoch(self, epoch: int, epoch_loss: float, **kwargs: Any) -> None:
        if epoch == self._settings.epochs or epoch % self._settings.check_every == 0:
            self._look(epoch, epoch_loss)
        torch.manual_seed(self._settings.seed + epoch)

    def _look(self, epoch: int, epoch_loss: float) -> None:
        model: Any = self.model
        best = max((seen for _, seen in self.history), default=-1.0)
        better = False
        if len(self._sample):
            served = _served(model.eval(), self._settings.model, self._texts)
            mrr = evaluate(served[0], self._sample, self._known, sides=self._settings.sides).mrr
            log.info("epoch %d: loss %.4f, validation MRR %.4f", epoch, epoch_loss, mrr)
            self.history.append((epoch, mrr))
            model.train()
            if better := mrr > best:
                self.best = served
            self._left = self._settings.patience if better else self._left - 1
            if self._left <= 0:
                self.training_loop._should_stop = True
        if self._keeper is not None:
            self._save(epoch, copied(model) if better else None)

    def _save(self, epoch: int, best: dict[str, torch.Tensor] | None) -> None:
        """Write a checkpoint; on a full disk the earlier one stays and the run continues."""
        assert self._keeper is not None
        best_epoch = max(self.history, key=lambda look: look[1])[0] if self.history else 0
        loop = self.training_loop
        try:
            if best is not None:
                self._keeper.save_best(best_epoch, best)
            self._keeper.save({
                "model": copied(self.model), "optimiser": loop.optimizer.state_dict(), "epoch": epoch,
                "losses": list(loop.losses_per_epochs), "history": self.history, "left": self._left,
                "best_epoch": best_epoch,
            })  # fmt: skip
        except InputError as error:
            log.warning("continuing without a new checkpoint: %s", error)
