"""Progress of a training: ticks for a bar, curves as CSV and picture, TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from graph.errors import InputError

COLUMNS = ("step", "epoch", "loss", "rate", "dev_f1")
Row = tuple[int, int, float, float, float | None]
"""Cells by COLUMNS: `loss` is the mean since the last row or, with a `dev_f1`, of the epoch; `rate` is a factor."""


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
