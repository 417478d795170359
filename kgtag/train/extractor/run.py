"""Fine-tunes the extractor on annotated products and writes a model directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graph.errors import InputError
from graph.history.versions import Stamp
from kgtag.artifacts import check_target, new_directory, write_json
from kgtag.evaluation.calibration import reliability
from kgtag.extract.files import ModelConfig, read_config, write_config
from kgtag.extract.sequence import calibrated
from kgtag.train.checkpoints import Keeper, RunPlace, digest, is_full, keeping, no_room
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.callbacks import Board, Watch, as_csv, draw
from kgtag.train.extractor.config import FILE, RunOptions, to_toml
from kgtag.train.extractor.continual import Start, prepare_continued
from kgtag.train.extractor.data_checks import DataFinding, inspect_data
from kgtag.train.extractor.dataset import DataReport, split_dev
from kgtag.train.extractor.decision import Metric, tune
from kgtag.train.extractor.distillation import soft_tags
from kgtag.train.extractor.loop import Best, Learner
from kgtag.train.extractor.model_card import attribute_scores, model_card
from kgtag.train.extractor.network import TagNetwork
from kgtag.train.extractor.options import TrainOptions, as_json
from kgtag.train.extractor.prepare import Prepared, Values, fingerprint, prepare, variants
from kgtag.train.extractor.save import copy_beside, write_network
from kgtag.types import AnnotatedProduct


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What was trained.

    `f1`: micro-F1 of exact spans on dev, a fraction; `epoch`: the best one, from 1; `version`: the model's;
    `new_attributes`, `new_categories`: names that the model it started from, if any, didn't have.
    """

    version: str
    f1: float
    epoch: int
    seconds: float
    data: DataReport
    dev: DataReport
    added_tokens: int
    directory: Path
    findings: tuple[DataFinding, ...] = ()
    new_attributes: tuple[str, ...] = ()
    new_categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a training shows and writes beside the model; nothing here changes the model's version.

    Args:
        place: where checkpoints go; without it there are none.
        tensorboard: directory for event files.
        watch: called with every step.
        findings: of the data, if it was inspected already.
        command: to repeat the training, for the model card.
        recorded: format and language of the data, for the config file in the model directory.
    """

    place: RunPlace | None = None
    tensorboard: Path | None = None
    watch: Watch | None = None
    findings: Sequence[DataFinding] | None = None
    command: str | None = None
    recorded: RunOptions = field(default_factory=RunOptions)


Progress = Callable[[str], None]


def train_extractor(
    data: Sequence[AnnotatedProduct],
    *,
    dev: Sequence[AnnotatedProduct] = (),
    out: Path,
    encoder: str | None = None,
    seed: int = 0,
    options: TrainOptions | None = None,
    lexicon: Mapping[str, Sequence[str]] | None = None,
    stamp: Stamp | None = None,
    attribute_concepts: Mapping[str, str] | None = None,
    category_concepts: Mapping[str, str] | None = None,
    start: Start | None = None,
    progress: Progress = lambda _: None,
    run: RunSettings | None = None,
) -> TrainReport:
    """Train on `data`, and write the epoch that is best on `dev` to `out`, complete or not at all.

    Deterministic for a seed on one machine, also when it was stopped and resumed (`run.place`).

    Args:
        dev: a tenth of `data` by title hash when empty.
        encoder: hub name or path; the default encoder, or the one that `start` was trained from.
        lexicon: known values by attribute name, of a taxonomy for example.
        stamp: version of the taxonomy that `attribute_concepts` and `category_concepts` (ids by name) are of.
        start: a trained model to train further.
        progress: called with lines for people.

    Raises:
        InputError: nothing can be learned from the data, `out` holds something else, or a disk is full.

    Example:
        >>> report = train_extractor(list(read_annotated(Path("train.jsonl"))), out=Path("models/shop"))
    """
    run, started = run or RunSettings(), time.monotonic()
    check_target(out)
    train, held = (list(data), list(dev)) if dev else split_dev(data)
    encoder = encoder or (pretrained.DEFAULT if start is None else start.encoder)
    asked = _Training(train, held, encoder, seed, options or TrainOptions(), lexicon or {}, start)
    findings = tuple(inspect_data(train, held) if run.findings is None else run.findings)
    setup = asked.prepared()
    for line in _describe(setup.report, len(setup.dev), setup.added):
        progress(line)
    setup = _with_teachers(setup, asked.options, progress)
    kept: AbstractContextManager[Keeper | None] = nullcontext(None)
    if run.place is not None:
        kept = keeping(run.place, asked.fingerprint())
    with kept as keeper:
        best = _learn(setup, asked, progress=progress, run=run, keeper=keeper)
        config, measured = _tuned(setup, asked.options)
        config = _with_taxonomy(config, stamp, attribute_concepts or {}, category_concepts or {})
        seconds = time.monotonic() - started
        metrics = measured | asked.record() | {
            "epoch": best.epoch, "seconds": round(seconds, 1), "history": best.history, "command": run.command,
            "train": asdict(setup.report), "dev": asdict(setup.dev_report),
        }  # fmt: skip
        try:
            _write(out, setup, best, config, _files(asked, run, config, metrics, findings), start)
        except Exception as error:  # some of the libraries that write raise plain Exception
            if not is_full(error):
                raise
            raise InputError(no_room(out, _size(setup.network), "make room and give the same command again")) from error
        if keeper is not None:
            keeper.done()
    _, version = read_config(out)
    f1 = metrics["f1"]
    progress(f"wrote {out} (version {version}); dev F1 {100 * f1:.1f} from epoch {best.epoch}; {seconds:.0f} s")
    return TrainReport(
        version, f1, best.epoch, seconds, setup.report, setup.dev_report, setup.added, out, findings,
        setup.new_attributes, setup.new_categories,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Training:
    """Everything that a model's weights depend on."""

    train: Sequence[AnnotatedProduct]
    dev: Sequence[AnnotatedProduct]
    encoder: str
    seed: int
    options: TrainOptions
    values: Values
    start: Start | None

    def prepared(self) -> Prepared:
        """Return what the training loop gets, from an encoder or a trained model."""
        encoder, seed, options, values = self.encoder, self.seed, self.options, self.values
        if self.start is None:
            return prepare(self.train, self.dev, encoder=encoder, seed=seed, options=options, values=values)
        return prepare_continued(
            self.train, self.dev, self.start, encoder=encoder, seed=seed, options=options, values=values
        )

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells this run from another one, for its checkpoints."""
        found = fingerprint(
            self.train, self.dev, encoder=self.encoder, seed=self.seed, options=self.options, values=self.values
        )
        if (start := self.start) is not None:
            found |= {"earlier model": start.version, "replay_ratio": start.replay_ratio}
            found |= {"replayed data": digest(start.replay)}
        return found

    def record(self) -> dict[str, Any]:
        """Return how the model was trained, for its metrics."""
        continues = None if self.start is None else self.start.version
        return {
            "seed": self.seed, "options": as_json(self.options), "encoder": self.encoder, "continues": continues,
        }  # fmt: skip


def _with_teachers(setup: Prepared, options: TrainOptions, progress: Progress) -> Prepared:
    """Add the teachers' soft targets, if there are teachers."""
    if not options.teachers:
        return setup
    teachers = [Path(teacher) for teacher in options.teachers]
    soft = soft_tags(teachers, setup.train, setup.products, setup.labels, progress=progress)
    return replace(setup, batcher=replace(setup.batcher, soft=soft))


def _learn(setup: Prepared, asked: _Training, *, progress: Progress, run: RunSettings, keeper: Keeper | None) -> Best:
    board = Board(run.tensorboard)
    learner = Learner(setup.network, setup.batcher, options=asked.options, seed=asked.seed)
    try:
        best = learner.run(
            setup.train,
            setup.dev,
            progress,
            variants=variants(setup, asked.values, asked.options),
            keeper=keeper,
            board=board,
            watch=run.watch or (lambda _: None),
        )
    finally:
        board.close()
    setup.network.cpu().load_state_dict(best.state)
    return best


def _tuned(setup: Prepared, options: TrainOptions) -> tuple[ModelConfig, dict[str, Any]]:
    """Tune the model on dev, and measure it there."""
    metric = Metric.of(options)
    tuned = tune(setup.network, setup.dev, setup.batcher, metric=metric)
    probabilities = np.array([calibrated(float(marginal), tuned.calibration) for marginal in tuned.marginals])
    names = setup.labels.attributes
    measured = {
        "f1": tuned.f1,
        "attributes": attribute_scores(tuned.scored, tuned.chain, names, bias=tuned.bias, metric=metric),
        "calibration": {
            "spans": len(tuned.hits),
            "ece": round(reliability(probabilities, tuned.hits).ece, 4),
            "ece_raw": round(reliability(tuned.marginals, tuned.hits).ece, 4),
        },
    }
    return tuned.applied(setup.config), measured


def _with_taxonomy(
    config: ModelConfig, stamp: Stamp | None, attributes: Mapping[str, str], categories: Mapping[str, str]
) -> ModelConfig:
    """Add concepts and taxonomy version to those of the model that was continued, if any."""
    if stamp is not None:
        config = replace(
            config,
            taxonomy_revision=stamp.revision,
            taxonomy_version=stamp.version,
            taxonomy_release=stamp.release,
        )
    known = {name: attributes[name] for name in config.attributes if name in attributes}
    kinds = {name: categories[name] for name in config.categories if name in categories}
    return replace(
        config,
        attribute_concepts={**config.attribute_concepts, **known},
        category_concepts={**config.category_concepts, **kinds},
    )


def _files(
    asked: _Training,
    run: RunSettings,
    config: ModelConfig,
    metrics: Mapping[str, Any],
    findings: Sequence[DataFinding],
) -> dict[str, Any]:
    """Return what documents the training, by file name: JSON values, and texts as they are."""
    options, encoder = asked.options, asked.encoder
    return {
        "metrics.json": metrics,
        "data_report.json": [one.to_json() for one in findings],
        "MODEL_CARD.md": model_card(config, metrics, findings, encoder=encoder, options=options, command=run.command),
        FILE: to_toml(options, replace(run.recorded, encoder=encoder, seed=asked.seed)),
    }


def _write(
    out: Path, setup: Prepared, best: Best, config: ModelConfig, files: Mapping[str, Any], start: Start | None
) -> None:
    """Write the model directory; a model that was continued lends its linker and implicit values."""
    with new_directory(out) as work:
        write_config(work, config)
        for name, content in files.items():
            if name.endswith(".json"):
                write_json(work / name, content)
            else:
                (work / name).write_text(content, encoding="utf-8")
        (work / "curves.csv").write_text(as_csv(best.curves), encoding="utf-8")
        draw(best.curves, work / "curves.png")
        write_json(work / "lexicon.json", _lexicon_rows(setup, config))
        setup.tokenizer.save(str(work / "tokenizer.json"))
        if start is not None:
            copy_beside(start.model, work)
        write_network(setup.network, work)


def _lexicon_rows(setup: Prepared, config: ModelConfig) -> list[list[Any]]:
    """Return [attribute, token ids, annotated, seen, given] for each entry, sorted."""
    return [
        [config.attributes[attribute], list(pieces), entry.annotated, entry.seen, entry.given]
        for (attribute, pieces), entry in sorted(setup.lexicon.entries.items())
    ]


def _size(network: TagNetwork) -> int:
    """Return the approximate size of a model directory in bytes: weights for torch and for ONNX."""
    weights: dict[str, torch.Tensor] = network.state_dict()
    return 2 * sum(weight.numel() * weight.element_size() for weight in weights.values())


def _describe(report: DataReport, dev: int, added: int) -> list[str]:
    lines = [f"{report.products} training products ({report.unreadable} unreadable), {dev} examples of dev"]
    lines.append(
        f"{report.values} values: {report.not_in_text} not found in the text, {report.overlapping} overlapping;"
        f" {len(report.labels_seen_once)} attributes seen once; {added} tokens added to the vocabulary"
    )
    return lines
