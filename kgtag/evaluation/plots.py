"""An evaluation as pictures: PNG by matplotlib, without a display."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.errors import InputError
from kgtag.evaluation.errors import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 30
"""Attributes drawn, those with the most gold values."""


def draw(answer: Mapping[str, Any], directory: Path) -> list[Path]:
    """Writes `calibration.png`, `trade_off.png`, `attributes.png` and `errors.png` of `evaluate_thoroughly`'s answer,
    and names them in this order. Raises InputError where matplotlib is missing."""
    written = []
    for name, fill in (
        ("calibration", _calibration),
        ("trade_off", _trade_off),
        ("attributes", _attributes),
        ("errors", _errors),
    ):
        figure = _figure()
        fill(figure.add_subplot(), answer)
        written.append(directory / f"{name}.png")
        figure.savefig(written[-1], dpi=110)
    return written


def _figure() -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("plots need matplotlib; install kgtag[report]") from error
    return Figure(figsize=(6.4, 4.4), layout="constrained")


def _calibration(axes: Axes, answer: Mapping[str, Any]) -> None:
    found = answer["calibration"]
    rows = found["bins"]
    axes.bar(
        [(row["low"] + row["high"]) / 2 for row in rows],
        [row["right"] for row in rows],
        width=0.09,
        color="#9ecae1",
        label="share right",
    )
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    axes.plot([row["probability"] for row in rows], [row["right"] for row in rows], marker="o", color="#08519c")
    for row in rows:
        axes.annotate(str(row["n"]), ((row["low"] + row["high"]) / 2, 0.01), ha="center", fontsize=7)
    axes.set(xlabel="probability", ylabel="share right", xlim=(0, 1), ylim=(0, 1), title=f"ECE {found['ece']:.3f}")


def _trade_off(axes: Axes, answer: Mapping[str, Any]) -> None:
    rows = answer["trade_off"]
    axes.plot([row["recall"] for row in rows], [row["precision"] for row in rows], marker=".", color="#08519c")
    for row in rows[::4]:
        axes.annotate(f"{row['threshold']:.2f}", (row["recall"], row["precision"]), fontsize=7)
    axes.set(xlabel="recall", ylabel="precision", title="Least probability taken, all attributes alike")


def _attributes(axes: Axes, answer: Mapping[str, Any]) -> None:
    labels = answer["per_label"]
    names = sorted(labels, key=lambda name: (-labels[name]["support"], name))[:_MOST][::-1]
    bounds = answer["confidence"]["per_label_f1"]
    values = [labels[name]["f1"] for name in names]
    wide = [bounds.get(name, [value, value]) for name, value in zip(names, values, strict=True)]
    error = [
        [max(value - low, 0.0) for value, (low, _) in zip(values, wide, strict=True)],
        [max(high - value, 0.0) for value, (_, high) in zip(values, wide, strict=True)],
    ]
    axes.barh(names, values, xerr=error, color="#9ecae1", ecolor="#08519c")
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel="F1 with 95% interval", xlim=(0, 1))


def _errors(axes: Axes, answer: Mapping[str, Any]) -> None:
    rows = answer["errors"]["by_attribute"]
    names = list(rows)[:_MOST][::-1]
    left = [0] * len(names)
    for kind in KINDS:
        counts = [rows[name][kind] for name in names]
        axes.barh(names, counts, left=left, label=kind)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel="mistakes")
    if names:
        axes.legend(fontsize=7)
