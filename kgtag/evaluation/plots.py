"""An evaluation as PNG images, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.errors import InputError
from kgtag.evaluation.errors import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 30
"""Attributes drawn: those with the most gold values, or mistakes."""
_LIGHT, _DARK = "#9ecae1", "#08519c"


def draw(answer: Mapping[str, Any], directory: Path) -> list[Path]:
    """Draw `calibration.png`, `trade_off.png`, `attributes.png` and `errors.png` of an `extraction_report`.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("plots need matplotlib; install kgtag[report]") from error
    written = []
    for fill in (_calibration, _trade_off, _attributes, _errors):
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        fill(figure.add_subplot(), answer)
        written.append(directory / f"{fill.__name__[1:]}.png")
        figure.savefig(written[-1], dpi=110)
    return written


def _calibration(axes: Axes, answer: Mapping[str, Any]) -> None:
    rows = answer["calibration"]["bins"]
    middles = [(row["low"] + row["high"]) / 2 for row in rows]
    shares = [row["right"] for row in rows]
    axes.bar(middles, shares, width=0.09, color=_LIGHT, label="share right")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    axes.plot([row["probability"] for row in rows], shares, marker="o", color=_DARK)
    for middle, row in zip(middles, rows, strict=True):
        axes.annotate(str(row["n"]), (middle, 0.01), ha="center", fontsize=7)
    title = f"ECE {answer['calibration']['ece']:.3f}"
    axes.set(xlabel="probability", ylabel="share right", xlim=(0, 1), ylim=(0, 1), title=title)


def _trade_off(axes: Axes, answer: Mapping[str, Any]) -> None:
    rows = answer["trade_off"]
    axes.plot([row["recall"] for row in rows], [row["precision"] for row in rows], marker=".", color=_DARK)
    for row in rows[::4]:
        axes.annotate(f"{row['threshold']:.2f}", (row["recall"], row["precision"]), fontsize=7)
    axes.set(xlabel="recall", ylabel="precision", title="By threshold, the same for all attributes")


def _attributes(axes: Axes, answer: Mapping[str, Any]) -> None:
    labels, bounds = answer["per_label"], answer["confidence"]["per_label_f1"]
    names = sorted(labels, key=lambda name: (-labels[name]["support"], name))[:_MOST][::-1]
    values = [labels[name]["f1"] for name in names]
    around = [(value, *bounds.get(name, (value, value))) for name, value in zip(names, values, strict=True)]
    error = [[max(v - low, 0.0) for v, low, _ in around], [max(high - v, 0.0) for v, _, high in around]]
    axes.barh(names, values, xerr=error, color=_LIGHT, ecolor=_DARK)
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
