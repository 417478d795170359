"""What a training shows and leaves on record: ticks for a bar, curves as CSV and picture, TensorBoard, a model card."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from graph.errors import InputError
from kgtag.extract.files import ModelConfig
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.config import DEFAULTS, FILE, OPTION_NAMES, TrainOptions
from kgtag.train.extractor.data_checks import DataFinding

Progress = Callable[[str], None]
"""Called with lines for people."""
COLUMNS = ("step", "epoch", "loss", "rate", "dev_f1")
Row = tuple[int, int, float, float, float | None]
"""Cells by COLUMNS: `loss` is the mean since the last row or, with a `dev_f1`, of the epoch; `rate` is a factor."""
_BEST_AND_WORST = 8
_LISTED = 30
_RATES = ("precision", "recall", "f1")


@dataclass(frozen=True, slots=True)
class Tick:
    """Progress after an optimizer step, with the last loss and the last dev F1, if any. `measured`: dev F1 was
    evaluated just now, at the end of an epoch."""

    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float
    f1: float | None
    measured: bool = False


Watch = Callable[[Tick], None]


def as_csv(rows: Sequence[Row]) -> str:
    """Return the curves as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if cell is None else f"{cell:.6g}" for cell in row] for row in rows)
    return text.getvalue()


class Board:
    """Writes TensorBoard event files; without a directory it does nothing."""

    def __init__(self, directory: Path | None) -> None:
        if directory is not None and find_spec("tensorboard") is None:
            raise InputError("option tensorboard needs the package tensorboard: pip install 'kgtag[tensorboard]'")
        self._directory = directory
        self._writer: Any = None

    def begin(self, step: int) -> None:
        """Open the files; `step` is where a resumed training continues, later events are discarded."""
        if self._directory is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._directory), purge_step=step or None)

    def add(self, row: Row) -> None:
        """Write one row of the curves."""
        if self._writer is None:
            return
        step, _, loss, rate, f1 = row
        named = {"loss/train": loss, "rate": rate} if f1 is None else {"loss/epoch": loss, "f1/dev": f1}
        for name, value in named.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush the files."""
        if self._writer is not None:
            self._writer.close()


def draw(rows: Sequence[Row], path: Path) -> bool:
    """Draw the curves and return True; False where matplotlib isn't installed."""
    if find_spec("matplotlib") is None or not rows:
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    left = figure.add_subplot()
    steps = [(step, loss) for step, _, loss, _, f1 in rows if f1 is None]
    left.plot(*zip(*steps, strict=True), color="tab:blue", label="training loss")
    left.set(xlabel="step", ylabel="loss", ylim=(0, None))
    right = left.twinx()
    found = [(step, 100 * f1) for step, _, _, _, f1 in rows if f1 is not None]
    right.plot(*zip(*found, strict=True), color="tab:orange", marker="o", label="dev F1")
    right.set(ylabel="dev F1, %")
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    return True


def model_card(
    config: ModelConfig, metrics: Mapping[str, Any], findings: Sequence[DataFinding], *, options: TrainOptions
) -> str:
    """Return the card as Markdown, with names and counts of the data but none of its rows."""
    train, dev, encoder, command = (metrics[name] for name in ("train", "dev", "encoder", "command"))
    given = {name: getattr(options, name) for name in OPTION_NAMES}
    changed = [f"`{name}` {value!r}" for name, value in given.items() if value != getattr(DEFAULTS, name)]
    listed = "".join(f"\n- {one.count} {one.message}" for one in findings)
    parts = [
        "# Product attribute extractor",
        "Finds values of attributes as spans in product titles, and predicts categories. Trained by kgtag.",
        "## Trained on",
        f"- {train['products']} products ({train['unreadable']} unreadable), {train['values']} annotated values, of"
        f" which {train['not_in_text']} are neither in the title nor in a text\n"
        f"- {len(config.attributes)} attributes: {_listed(config.attributes)}\n"
        f"- {len(config.categories)} categories: {_listed(config.categories)}\n"
        f"- tuned and calibrated on {dev['products']} other products ({dev['values']} values)",
        f"Findings of the data report (`data_report.json`):{listed}" if listed else "The data report has no findings.",
        "## Built from",
        f"- encoder: {Path(encoder).name} (licence: {_licence(encoder)})\n- taxonomy: {_taxonomy(config)}\n"
        f"- seed {metrics['seed']}; best epoch {metrics['epoch']} of {options.epochs}",
        f"Options other than the defaults (`{FILE}` has all of them): {', '.join(changed) or 'none'}.",
        "## Scores on dev",
        f"Micro-F1 of exact spans {100 * metrics['f1']:.1f}; expected calibration error"
        f" {metrics['calibration']['ece']:.3f} ({metrics['calibration']['ece_raw']:.3f} before calibration). The"
        " model was tuned on these products, so expect a little less on others: `kgtag evaluate extractor` measures.",
        _attributes(metrics["attributes"]),
        "## Limits",
        _limits(config, metrics, train),
        "## The command",
        f"```sh\n{command}\n```" if command else "Trained from Python (`train_extractor`); the options are above.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _attributes(found: Mapping[str, Mapping[str, float]]) -> str:
    """A table, best first; of many attributes the best and the worst."""
    rows = [
        f"| {name} | {' | '.join(f'{100 * of[rate]:.1f}' for rate in _RATES)} | {of['support']:.0f} |"
        for name, of in sorted(found.items(), key=lambda pair: (-pair[1]["f1"], -pair[1]["support"], pair[0]))
        if of["support"]
    ]
    if len(rows) > 2 * _BEST_AND_WORST:
        gap = f"| … {len(rows) - 2 * _BEST_AND_WORST} more, in `metrics.json` | | | | |"
        rows[_BEST_AND_WORST:-_BEST_AND_WORST] = [gap]
    return "\n".join(["| attribute | P | R | F1 | titles |", "|---|---|---|---|---|", *rows]) if rows else ""


def _limits(config: ModelConfig, metrics: Mapping[str, Any], train: Mapping[str, Any]) -> str:
    weak = [name for name, rates in metrics["attributes"].items() if rates["support"] and rates["f1"] < 0.5]
    unmeasured = sorted(set(config.attributes) - {n for n, r in metrics["attributes"].items() if r["support"]})
    lines = [
        f"- It reads {config.max_tokens} tokens at once; longer titles are read in overlapping windows.",
        "- It finds values that are in the title or text, and none that only a picture shows.",
        "- Expect lower scores for other categories, languages or shops than those it was trained on.",
    ]
    if weak:
        lines.append(f"- Below 50% F1 on dev: {_listed(weak)}.")
    if unmeasured:
        lines.append(f"- Without a value on dev, so not measured: {_listed(unmeasured)}.")
    if train["labels_seen_once"]:
        lines.append(f"- In a single training product: {_listed(train['labels_seen_once'])}.")
    return "\n".join(lines)


def _taxonomy(config: ModelConfig) -> str:
    if config.taxonomy_revision is None:
        return "none"
    known = (("version", config.taxonomy_version), ("release", config.taxonomy_release))
    names = "".join(f", {name} {value}" for name, value in known if value is not None)
    return f"revision {config.taxonomy_revision}{names}"


def _licence(encoder: str) -> str:
    """Return the default encoder's licence, or that in the front matter of the encoder's README."""
    if Path(encoder).name == pretrained.DEFAULT:
        return "Apache-2.0"
    readme = pretrained.resolve(encoder) / "README.md"
    lines = readme.read_text(encoding="utf-8", errors="replace").splitlines()[:60] if readme.is_file() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("license:")]
    return found[0] if found and found[0] else "unknown; look it up before you publish"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "") or "none"
