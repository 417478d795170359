"""Fine-tunes the extractor on annotated products and writes a model directory."""

import time
from collections.abc import Mapping, Sequence
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
from kgtag.evaluation.drift import PROFILE, Profile
from kgtag.evaluation.extraction import rates
from kgtag.extract.files import ModelConfig, read_config, write_config
from kgtag.extract.sequence import SequenceExtractor, calibrated
from kgtag.text import clean_product
from kgtag.train.checkpoints import Keeper, RunPlace, is_full, keeping, no_room
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.batches import soft_tags
from kgtag.train.extractor.config import FILE, RunOptions, TrainOptions, as_json, to_toml
from kgtag.train.extractor.data_checks import DataFinding, inspect_data
from kgtag.train.extractor.dataset import DataReport, split_dev
from kgtag.train.extractor.decision import Metric, tune
from kgtag.train.extractor.derived import Start, prepare_continued
from kgtag.train.extractor.loop import Best, Learner
from kgtag.train.extractor.prepare import Prepared, Training, prepare, variants
from kgtag.train.extractor.records import Board, Progress, Watch, as_csv, draw, model_card
from kgtag.train.extractor.save import copy_beside, write_network
from kgtag.types import AnnotatedProduct

_PROFILED = 5_000
"""Held-out products in a profile at most."""


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What was trained. `f1`: micro-F1 of exact spans on dev, a fraction; `epoch`: the best one, from 1; `version`: the
    model's; `new_attributes`, `new_categories`: names that the model it started from, if any, didn't have."""

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
    task = Training(train, held, encoder, seed, options or TrainOptions(), lexicon or {})
    findings = tuple(inspect_data(train, held) if run.findings is None else run.findings)
    setup = prepare(task) if start is None else prepare_continued(task, start)
    report = setup.report
    progress(f"{report.products} training products ({report.unreadable} unreadable), {len(setup.dev)} examples of dev")
    progress(
        f"{report.values} values: {report.not_in_text} not found in the text, {report.overlapping} overlapping;"
        f" {len(report.labels_seen_once)} attributes seen once; {setup.added} tokens added to the vocabulary"
    )
    if teachers := [Path(teacher) for teacher in task.options.teachers]:
        soft = soft_tags(teachers, setup.train, setup.products, setup.labels, progress=progress)
        setup = replace(setup, batcher=replace(setup.batcher, soft=soft))
    kept: AbstractContextManager[Keeper | None] = nullcontext(None)
    if run.place is not None:
        kept = keeping(run.place, task.fingerprint() | ({} if start is None else start.fingerprint()))
    with kept as keeper:
        best = _learn(setup, task, progress=progress, run=run, keeper=keeper)
        config, measured = _tuned(setup, task.options)
        config = _with_taxonomy(config, stamp, attribute_concepts or {}, category_concepts or {})
        seconds = time.monotonic() - started
        metrics = measured | {
            "seed": seed, "options": as_json(task.options), "encoder": encoder, "command": run.command,
            "continues": None if start is None else start.version, "epoch": best.epoch, "seconds": round(seconds, 1),
            "history": best.history, "train": asdict(report), "dev": asdict(setup.dev_report),
        }  # fmt: skip
        files = {
            "metrics.json": metrics,
            "data_report.json": [one.to_json() for one in findings],
            "MODEL_CARD.md": model_card(config, metrics, findings, options=task.options),
            FILE: to_toml(task.options, replace(run.recorded, encoder=encoder, seed=seed)),
            "curves.csv": as_csv(best.curves),
        }
        try:
            _write(out, setup, best, config, files, start)
        except Exception as error:  # some of the libraries that write raise plain Exception
            if not is_full(error):
                raise
            weights: dict[str, torch.Tensor] = setup.network.state_dict()
            size = 2 * sum(one.numel() * one.element_size() for one in weights.values())  # for torch and for ONNX
            raise InputError(no_room(out, size, "make room and give the same command again")) from error
        if keeper is not None:
            keeper.done()
    _, version = read_config(out)
    _write_profile(out, held)
    f1 = metrics["f1"]
    scored = f"dev F1 {100 * f1:.1f} of values in texts, from epoch {best.epoch}"
    progress(f"wrote {out} (version {version}); {scored}; {seconds:.0f} s")
    return TrainReport(
        version, f1, best.epoch, seconds, report, setup.dev_report, setup.added, out, findings, setup.new_attributes,
        setup.new_categories,
    )  # fmt: skip


def _write_profile(out: Path, held: Sequence[AnnotatedProduct]) -> None:
    """What the model finds in the held-out products, for a service to notice when that changes."""
    products = [replace(one.product, category=None) for one in held][:_PROFILED]
    cleaned = [clean_product(product) for product in products if product.title.strip()]
    found = SequenceExtractor.load(out).extract(cleaned)
    write_json(out / PROFILE, Profile.of(zip(cleaned, found, strict=True)).to_json())


def _learn(setup: Prepared, task: Training, *, progress: Progress, run: RunSettings, keeper: Keeper | None) -> Best:
    board = Board(run.tensorboard)
    learner = Learner(setup.network, setup.batcher, options=task.options, seed=task.seed)
    try:
        best = learner.run(
            setup.train, setup.dev, progress, variants=variants(setup, task), keeper=keeper, board=board,
            watch=run.watch or (lambda _: None),
        )  # fmt: skip
    finally:
        board.close()
    setup.network.cpu().load_state_dict(best.state)
    return best


def _tuned(setup: Prepared, options: TrainOptions) -> tuple[ModelConfig, dict[str, Any]]:
    """Tune the model on dev, and measure it there."""
    tuned = tune(setup.network, setup.dev, setup.batcher, metric=Metric.of(options))
    made, names = tuned.made, setup.labels.attributes
    probabilities = np.array([calibrated(float(marginal), tuned.calibration) for marginal in made.marginals])
    scores = {
        names[attribute]: {name: round(share, 4) for name, share in rates(*counts).items()} | {"support": counts[2]}
        for attribute, counts in sorted(made.counts.items())
    }
    calibration = {
        "spans": len(made.hits),
        "ece": round(reliability(probabilities, made.hits).ece, 4),
        "ece_raw": round(reliability(made.marginals, made.hits).ece, 4),
    }
    return tuned.applied(setup.config), {"f1": made.f1, "attributes": scores, "calibration": calibration}


def _with_taxonomy(
    config: ModelConfig, stamp: Stamp | None, attributes: Mapping[str, str], categories: Mapping[str, str]
) -> ModelConfig:
    """Add concepts and taxonomy version to those of the model that was continued, if any."""
    known = {name: attributes[name] for name in config.attributes if name in attributes}
    kinds = {name: categories[name] for name in config.categories if name in categories}
    return replace(
        config,
        **({} if stamp is None else stamp.to_json()),
        attribute_concepts={**config.attribute_concepts, **known},
        category_concepts={**config.category_concepts, **kinds},
    )


def _write(
    out: Path, setup: Prepared, best: Best, config: ModelConfig, files: Mapping[str, Any], start: Start | None
) -> None:
    """Write the model directory, with the linker and implicit values of a model that was continued, and `files`."""
    entries = sorted(setup.lexicon.entries.items())
    rows = [(config.attributes[name], list(ids), one.annotated, one.seen, one.given) for (name, ids), one in entries]
    with new_directory(out) as work:
        write_config(work, config)
        for name, content in {**files, "lexicon.json": rows}.items():
            if name.endswith(".json"):
                write_json(work / name, content)
            else:
                (work / name).write_text(content, encoding="utf-8")
        draw(best.curves, work / "curves.png")
        setup.tokenizer.save(str(work / "tokenizer.json"))
        if start is not None:
            copy_beside(start.model, work)
        write_network(setup.network, work)
