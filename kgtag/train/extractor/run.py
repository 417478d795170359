"""Fine-tunes the sequence extractor on annotated products and writes a model directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graph.errors import InputError
from graph.history.releases import Stamp
from kgtag.extract.files import ModelConfig, check_target, new_directory, read_config, write_config, write_json
from kgtag.extract.sequence import calibrated
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.callbacks import Board, Watch, as_csv, draw
from kgtag.train.extractor.checkpoints import Keeper, RunPlace, is_full, keeping, no_room
from kgtag.train.extractor.data_checks import DataFinding, inspect_data
from kgtag.train.extractor.dataset import DataReport, split_dev
from kgtag.train.extractor.decision import Judging, tune
from kgtag.train.extractor.distillation import soft_tags
from kgtag.train.extractor.loop import Best, Learner
from kgtag.train.extractor.model_card import attribute_scores, calibration_error, model_card
from kgtag.train.extractor.network import TagNetwork
from kgtag.train.extractor.options import TrainOptions, as_json, to_toml
from kgtag.train.extractor.prepare import Prepared, Values, fingerprint, prepare, variants
from kgtag.train.extractor.save import write_network
from kgtag.types import AnnotatedProduct


@dataclass(frozen=True, slots=True)
class TrainReport:
    """`f1`: micro-F1 of exact spans on dev, a fraction; `epoch`: the one kept, from 1; `version`: the model's."""

    version: str
    f1: float
    epoch: int
    seconds: float
    data: DataReport
    dev: DataReport
    added_tokens: int
    directory: Path
    findings: tuple[DataFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a training keeps, shows and writes of itself; nothing of it changes the model's version. `place`: where
    checkpoints go, none without it; `tensorboard`: a directory for event files; `findings`: of the data, when somebody
    has looked already; `command`: what to give again for the same model, for its card."""

    place: RunPlace | None = None
    tensorboard: Path | None = None
    watch: Watch | None = None
    findings: Sequence[DataFinding] | None = None
    command: str | None = None


Progress = Callable[[str], None]


def train_extractor(
    data: Sequence[AnnotatedProduct],
    *,
    dev: Sequence[AnnotatedProduct] = (),
    out: Path,
    encoder: str = pretrained.DEFAULT,
    seed: int = 0,
    options: TrainOptions | None = None,
    lexicon: Mapping[str, Sequence[str]] | None = None,
    stamp: Stamp | None = None,
    attribute_concepts: Mapping[str, str] | None = None,
    category_concepts: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
    run: RunSettings | None = None,
) -> TrainReport:
    """Trains on `data`, keeps the epoch that is best on `dev` (a tenth of `data` by title hash when empty), and writes
    the model to `out`, which appears complete or not at all.

    `lexicon`: known values by attribute name, from the taxonomy say. `attribute_concepts` and `category_concepts`:
    concept ids by name; `stamp`: which taxonomy they are of. `progress` is called with lines for people.
    Deterministic for a seed on one machine, also when it was stopped and went on (`run`). Raises InputError when
    nothing can be learned from the data, `out` holds something else, or a disk is full.
    """
    options, run, values = options or TrainOptions(), run or RunSettings(), lexicon or {}
    started = time.monotonic()
    check_target(out)
    train, held = (list(data), list(dev)) if dev else split_dev(data)
    findings = tuple(inspect_data(train, held) if run.findings is None else run.findings)
    setup = prepare(train, held, encoder=encoder, seed=seed, options=options, values=values)
    for line in _describe(setup.report, len(setup.dev), setup.added):
        progress(line)
    setup = _taught(setup, options, progress)
    if run.place is None:
        kept = nullcontext(None)
    else:
        mark = fingerprint(train, held, encoder=encoder, seed=seed, options=options, values=values)
        kept = keeping(run.place, mark)  # type: ignore[assignment]
    with kept as keeper:
        best = _learn(setup, options, seed, values, progress=progress, run=run, keeper=keeper)
        config, measured = _tuned(setup, best, encoder, options)
        config = _with_taxonomy(config, stamp, attribute_concepts or {}, category_concepts or {})
        seconds = time.monotonic() - started
        metrics = measured | {
            "epoch": best.epoch, "seconds": round(seconds, 1), "seed": seed, "history": best.history,
            "options": as_json(options), "encoder": encoder, "command": run.command,
            "train": asdict(setup.report), "dev": asdict(setup.dev_report),
        }  # fmt: skip
        card = model_card(config, metrics, findings, encoder=encoder, options=options, command=run.command)
        texts = {"MODEL_CARD.md": card, "options.toml": to_toml(options), "curves.csv": as_csv(best.curves)}
        documents = {"metrics.json": metrics, "data_report.json": [one.to_json() for one in findings]}
        try:
            _write(out, setup, best, config, documents, texts)
        except Exception as error:  # some of the libraries that write raise plain Exception
            if not is_full(error):
                raise
            raise InputError(no_room(out, _size(setup.network), "make room and give the same command again")) from error
        if keeper is not None:
            keeper.done()
    _, version = read_config(out)
    f1 = metrics["f1"]
    progress(f"wrote {out} (version {version}); dev F1 {100 * f1:.1f} from epoch {best.epoch}; {seconds:.0f} s")
    return TrainReport(version, f1, best.epoch, seconds, setup.report, setup.dev_report, setup.added, out, findings)


def _taught(setup: Prepared, options: TrainOptions, progress: Progress) -> Prepared:
    """With the teachers' soft targets, if there are teachers."""
    if not options.teachers:
        return setup
    teachers = [Path(teacher) for teacher in options.teachers]
    soft = soft_tags(teachers, setup.train, setup.products, setup.labels, progress=progress)
    return replace(setup, batcher=replace(setup.batcher, soft=soft))


def _learn(
    setup: Prepared,
    options: TrainOptions,
    seed: int,
    values: Values,
    *,
    progress: Progress,
    run: RunSettings,
    keeper: Keeper | None,
) -> Best:
    board = Board(run.tensorboard)
    learner = Learner(setup.network, setup.batcher, options=options, seed=seed)
    try:
        best = learner.run(
            setup.train,
            setup.dev,
            progress,
            variants=variants(setup, values, options),
            keeper=keeper,
            board=board,
            watch=run.watch or (lambda _: None),
        )
    finally:
        board.close()
    setup.network.cpu().load_state_dict(best.state)
    return best


def _tuned(setup: Prepared, best: Best, encoder: str, options: TrainOptions) -> tuple[ModelConfig, dict[str, Any]]:
    """What is decided on dev after training, and how good it all is there."""
    judging = Judging.of(options)
    tuned = tune(setup.network, setup.dev, setup.batcher, judging=judging)
    mended = np.array([calibrated(float(marginal), tuned.calibration) for marginal in tuned.marginals])
    names = setup.labels.attributes
    measured = {
        "f1": tuned.f1,
        "attributes": attribute_scores(tuned.scored, tuned.chain, names, bias=tuned.bias, judging=judging),
        "calibration": {
            "spans": len(tuned.hits),
            "ece": round(calibration_error(mended, tuned.hits), 4),
            "ece_raw": round(calibration_error(tuned.marginals, tuned.hits), 4),
        },
    }
    return tuned.applied(_config(setup, encoder)), measured


def _config(setup: Prepared, encoder: str) -> ModelConfig:
    """Without what is decided on dev."""
    return ModelConfig(
        attributes=setup.labels.attributes,
        categories=setup.labels.categories,
        applicable=dict(setup.labels.applicable),
        transitions=(),
        start=(),
        end=(),
        special=setup.batcher.special,
        max_tokens=setup.max_tokens,
        encoder=Path(encoder).name,
        trims=setup.trims,
        reads_text=setup.reads_text,
    )


def _with_taxonomy(
    config: ModelConfig, stamp: Stamp | None, attributes: Mapping[str, str], categories: Mapping[str, str]
) -> ModelConfig:
    return replace(
        config,
        taxonomy_revision=stamp.revision if stamp is not None else None,
        taxonomy_version=stamp.version if stamp is not None else None,
        taxonomy_release=stamp.release if stamp is not None else None,
        attribute_concepts={name: attributes[name] for name in config.attributes if name in attributes},
        category_concepts={name: categories[name] for name in config.categories if name in categories},
    )


def _write(
    out: Path,
    setup: Prepared,
    best: Best,
    config: ModelConfig,
    documents: Mapping[str, Any],
    texts: Mapping[str, str],
) -> None:
    """`documents` become JSON files, `texts` files as they are."""
    with new_directory(out) as work:
        write_config(work, config)
        for name, value in documents.items():
            write_json(work / name, value)
        for name, text in texts.items():
            (work / name).write_text(text, encoding="utf-8")
        draw(best.curves, work / "curves.png")
        write_json(work / "lexicon.json", _lexicon_rows(setup, config))
        setup.tokenizer.save(str(work / "tokenizer.json"))
        write_network(setup.network, work)


def _lexicon_rows(setup: Prepared, config: ModelConfig) -> list[list[Any]]:
    """[attribute, token ids, annotated, seen, given] by entry, sorted."""
    return [
        [config.attributes[attribute], list(pieces), entry.annotated, entry.seen, entry.given]
        for (attribute, pieces), entry in sorted(setup.lexicon.entries.items())
    ]


def _size(network: TagNetwork) -> int:
    """Bytes of a model directory, about: its weights for torch and for ONNX."""
    weights: dict[str, torch.Tensor] = network.state_dict()
    return 2 * sum(weight.numel() * weight.element_size() for weight in weights.values())


def _describe(report: DataReport, dev: int, added: int) -> list[str]:
    lines = [f"{report.products} training products ({report.unreadable} unreadable), {dev} to choose by"]
    lines.append(
        f"{report.values} values: {report.not_in_text} not found in the text, {report.overlapping} overlapping;"
        f" {len(report.labels_seen_once)} attributes seen once; {added} tokens added to the vocabulary"
    )
    return lines
