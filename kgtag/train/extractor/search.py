"""Hyper-parameter search by Optuna: TPE sampler, median pruner, trials in SQLite."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna

from graph.errors import InputError
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.config import TrainOptions, as_json, changed, to_toml
from kgtag.train.extractor.dataset import split_dev
from kgtag.train.extractor.loop import Learner
from kgtag.train.extractor.prepare import Training, Values, prepare, variants
from kgtag.train.extractor.records import Progress, Tick
from kgtag.types import AnnotatedProduct

_NAME = "extractor"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One option that is varied: between `low` and `high` (on a log scale if `log`), or one of `choices`."""

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Any, ...] = ()

    def __contains__(self, value: Any) -> bool:
        return value in self.choices if self.choices else self.low <= value <= self.high

    def suggested(self, trial: Any) -> Any:
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)


SPACE = (
    Dimension("learning_rate", 3e-5, 1e-3, log=True),
    Dimension("head_learning_rate", 3e-4, 5e-3, log=True),
    Dimension("layerwise_lr_decay", 0.75, 1.0),
    Dimension("batch_size", choices=(8, 16, 32)),
    Dimension("swap", 0.0, 0.5),
)


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search. `rows`: one for each trial, best first, by `columns`; dev F1 is in percent."""

    best_f1: float
    best: TrainOptions
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def to_json(self) -> dict[str, Any]:
        trials = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"best_f1": self.best_f1, "best": as_json(self.best), "trials": trials}


def search_options(
    data: Sequence[AnnotatedProduct],
    *,
    dev: Sequence[AnnotatedProduct] = (),
    out: Path,
    storage: Path,
    base: TrainOptions,
    encoder: str = pretrained.DEFAULT,
    seed: int = 0,
    trials: int = 20,
    timeout: float | None = None,
    values: Values | None = None,
    space: Sequence[Dimension] = SPACE,
    progress: Progress = lambda _: None,
) -> Found:
    """Train with several options, and write the best ones to `out` as TOML.

    Args:
        storage: SQLite file of the trials; a search that it holds is continued.
        base: options of the first trial, and of what isn't varied in the others.
        trials: in all, those of earlier runs included.
        timeout: seconds after which no new trial begins.

    Raises:
        InputError: `storage` holds a search over other data or options, or no trial came to an end.
    """
    optuna.logging.set_verbosity(logging.WARNING)
    train, held = (list(data), list(dev)) if dev else split_dev(data)
    first = Training(train, held, encoder, seed, base, values or {})
    study = _study(storage, first, space)

    def objective(trial: Any) -> float:
        options = changed(base, {one.name: one.suggested(trial) for one in space})
        task = replace(first, options=options)
        ready = prepare(task)
        progress(f"trial {trial.number}: {', '.join(f'{name} {_short(v)}' for name, v in trial.params.items())}")

        def watch(tick: Tick) -> None:
            if tick.measured and tick.f1 is not None:
                trial.report(tick.f1, tick.epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned

        learner = Learner(ready.network, ready.batcher, options=options, seed=seed)
        best = learner.run(ready.train, ready.dev, lambda _: None, variants=variants(ready, task), watch=watch)
        return max(row["f1"] for row in best.history)

    done = [trial for trial in study.trials if trial.state.is_finished()]
    if done:
        progress(f"continuing the search in {storage}: {len(done)} trials are done")
    if (wanted := trials - len(done)) > 0:
        study.optimize(objective, n_trials=wanted, timeout=timeout, callbacks=[lambda s, t: progress(_line(s, t))])
    return _found(study, base, space, out)


def _study(storage: Path, task: Training, space: Sequence[Dimension]) -> Any:
    """Open or create the study of a file; a trial that was killed counts as failed and is tried again."""
    storage.parent.mkdir(parents=True, exist_ok=True)
    # The sampler's state is not kept: resuming with the same seed would propose the first trials again.
    url = f"sqlite:///{storage}"
    begun = storage.is_file() and any(name == _NAME for name in optuna.get_all_study_names(url))
    count = len(optuna.load_study(study_name=_NAME, storage=url).trials) if begun else 0
    study = optuna.create_study(
        study_name=_NAME, storage=url, direction="maximize", load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=task.seed + count, n_startup_trials=5),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, task.options.epochs // 2)),
    )  # fmt: skip
    before, mark = study.user_attrs.get("fingerprint"), task.fingerprint()
    if before is not None and before != mark:
        other = ", ".join(sorted(name for name in mark if before.get(name) != mark[name]))
        raise InputError(f"{str(storage)!r} holds a search with other {other}; give another --study, or remove it")
    if before is None:
        study.set_user_attr("fingerprint", mark)
        first = {one.name: value for one in space if (value := getattr(task.options, one.name)) in one}
        study.enqueue_trial(first)
    for trial in study.trials:
        if trial.state == optuna.trial.TrialState.RUNNING:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            study.enqueue_trial(trial.params)
    return study


def _found(study: Any, base: TrainOptions, space: Sequence[Dimension], out: Path) -> Found:
    finished = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    if not finished:
        raise InputError("no trial came to an end; give the search more time (--timeout) or fewer --epochs")
    best = max(finished, key=lambda trial: (trial.value, -trial.number))
    options = changed(base, best.params)
    out.parent.mkdir(parents=True, exist_ok=True)
    head = f"Best of {len(study.trials)} trials: dev F1 {100 * best.value:.1f} (trial {best.number})."
    out.write_text(to_toml(options, head=head), encoding="utf-8")
    names, rows = tuple(one.name for one in space), []
    for one in sorted(study.trials, key=lambda one: (one.value is None, -(one.value or 0.0), one.number)):
        varied = (_short(one.params.get(name)) for name in names)
        rows.append((one.number, one.state.name.lower(), _score(one), _seconds(one), *varied))
    return Found(best.value, options, ("trial", "state", "dev F1", "seconds", *names), tuple(rows))


def _score(trial: Any) -> str:
    values = [trial.value] if trial.value is not None else list(trial.intermediate_values.values())
    return f"{100 * max(values):.1f}" if values else ""


def _seconds(trial: Any) -> int | None:
    return None if trial.duration is None else round(trial.duration.total_seconds())


def _line(study: Any, trial: Any) -> str:
    done = [one.value for one in study.trials if one.state.name == "COMPLETE"]
    best = f"; best so far {100 * max(done):.1f}" if done else ""
    return f"trial {trial.number} {trial.state.name.lower()}: dev F1 {_score(trial) or '–'}, {_seconds(trial)} s{best}"


def _short(value: Any) -> Any:
    return f"{value:.3g}" if isinstance(value, float) else value
