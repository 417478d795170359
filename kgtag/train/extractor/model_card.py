"""The model card a training run writes: what was learned from what, how well, and where not to trust it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgtag.evaluation.rates import rates
from kgtag.extract.decode import Chain
from kgtag.extract.files import ModelConfig
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.data_checks import DataFinding
from kgtag.train.extractor.decision import Judging, Scored, decided
from kgtag.train.extractor.options import TrainOptions, settings

_BEST_AND_WORST = 8
_LICENCES = {pretrained.DEFAULT: "Apache-2.0"}


def attribute_scores(
    scored: Sequence[Scored], chain: Chain, names: Sequence[str], *, bias: float, judging: Judging
) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support by attribute name, as the run is judged."""
    right: Counter[int] = Counter()
    said: Counter[int] = Counter()
    wanted: Counter[int] = Counter()
    for one in decided(scored, chain, bias=bias, judging=judging):
        for attribute, *counts in one.counts(judging):
            right[attribute] += counts[0]
            said[attribute] += counts[1]
            wanted[attribute] += counts[2]
    return {
        names[a]: {rate: round(share, 4) for rate, share in rates(right[a], said[a], wanted[a]).items()}
        | {"support": wanted[a]}
        for a in sorted({*said, *wanted})
    }


def calibration_error(probabilities: NDArray[np.float64], hits: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Expected calibration error in [0, 1] over equally wide bins; 0 without spans."""
    if not len(hits):
        return 0.0
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    gaps = [abs(probabilities[which == b].sum() - hits[which == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(hits))


def model_card(
    config: ModelConfig,
    metrics: Mapping[str, Any],
    findings: Sequence[DataFinding],
    *,
    encoder: str,
    options: TrainOptions,
    command: str | None,
) -> str:
    """Markdown. Names and counts of the data, none of its rows."""
    train, dev = metrics["train"], metrics["dev"]
    parts = [
        "# Product attribute extractor",
        "Finds values of attributes as spans in product titles, and predicts categories. Trained by kgtag.",
        "## Trained on",
        f"- {train['products']} products ({train['unreadable']} unreadable), {train['values']} annotated values, of"
        f" which {train['not_in_text']} stand neither in the title nor in a text\n"
        f"- {len(config.attributes)} attributes: {_listed(config.attributes)}\n"
        f"- {len(config.categories)} categories: {_listed(config.categories)}\n"
        f"- chosen and calibrated on {dev['products']} other products ({dev['values']} values)",
        _findings(findings),
        "## Built from",
        f"- encoder: {Path(encoder).name} (licence: {_licence(encoder)})\n- taxonomy: {_taxonomy(config)}\n"
        f"- seed {metrics['seed']}; best epoch {metrics['epoch']} of {options.epochs}",
        _options(options),
        "## How well, on the products it was chosen by",
        f"Micro-F1 of exact spans {_percent(metrics['f1'])}; expected calibration error"
        f" {metrics['calibration']['ece']:.3f} ({metrics['calibration']['ece_raw']:.3f} before calibration). Choosing"
        " by the same products flatters a little: measure on products of your own with `kgtag evaluate extractor`.",
        _attributes(metrics["attributes"]),
        "## Limits",
        _limits(config, metrics, train),
        "## The command",
        f"```sh\n{command}\n```" if command else "Trained from Python (`train_extractor`); the options are above.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _findings(findings: Sequence[DataFinding]) -> str:
    if not findings:
        return "The data report found nothing amiss."
    return "The data report (`data_report.json`) says:\n" + "\n".join(f"- {f.count} {f.message}" for f in findings)


def _options(options: TrainOptions) -> str:
    changed = [
        f"`{one.name}` {getattr(options, one.name)!r}"
        for one in settings()
        if getattr(options, one.name) != one.default
    ]
    return f"Options other than the defaults (all are in `options.toml`): {', '.join(changed) or 'none'}."


def _attributes(found: Mapping[str, Mapping[str, float]]) -> str:
    ranked = sorted(found.items(), key=lambda pair: (-pair[1]["f1"], -pair[1]["support"], pair[0]))
    ranked = [pair for pair in ranked if pair[1]["support"]]
    if not ranked:
        return ""
    head = "| attribute | P | R | F1 | titles |\n|---|---|---|---|---|"
    if len(ranked) <= 2 * _BEST_AND_WORST:
        return "\n".join([head, *map(_row, ranked)])
    gap = f"| … {len(ranked) - 2 * _BEST_AND_WORST} more, in `metrics.json` | | | | |"
    return "\n".join([head, *map(_row, ranked[:_BEST_AND_WORST]), gap, *map(_row, ranked[-_BEST_AND_WORST:])])


def _row(pair: tuple[str, Mapping[str, float]]) -> str:
    name, rates = pair
    cells = " | ".join(_percent(rates[which]) for which in ("precision", "recall", "f1"))
    return f"| {name} | {cells} | {rates['support']:.0f} |"


def _limits(config: ModelConfig, metrics: Mapping[str, Any], train: Mapping[str, Any]) -> str:
    weak = [name for name, rates in metrics["attributes"].items() if rates["support"] and rates["f1"] < 0.5]
    unmeasured = sorted(set(config.attributes) - {n for n, r in metrics["attributes"].items() if r["support"]})
    lines = [
        f"- It reads {config.max_tokens} tokens at once; longer titles are read in overlapping windows.",
        "- It finds values that stand in the title; what only a picture or the world knows is not its business.",
        "- Titles of other categories, languages or shops than those it was trained on will be read worse.",
    ]
    if weak:
        lines.append(f"- Below 50% F1 on dev, so don't rely on: {_listed(weak)}.")
    if unmeasured:
        lines.append(f"- Never seen with a value on dev, so nothing is known of: {_listed(unmeasured)}.")
    if train["labels_seen_once"]:
        lines.append(f"- Seen in one training product only: {_listed(train['labels_seen_once'])}.")
    return "\n".join(lines)


def _taxonomy(config: ModelConfig) -> str:
    if config.taxonomy_revision is None:
        return "none"
    known = (("version", config.taxonomy_version), ("release", config.taxonomy_release))
    said = "".join(f", {name} {value}" for name, value in known if value is not None)
    return f"revision {config.taxonomy_revision}{said}"


def _licence(encoder: str) -> str:
    """As far as it is known: the default's, or what the front matter of the encoder's README says."""
    if Path(encoder).name in _LICENCES:
        return _LICENCES[Path(encoder).name]
    readme = pretrained.resolve(encoder) / "README.md"
    lines = readme.read_text(encoding="utf-8", errors="replace").splitlines()[:60] if readme.is_file() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("license:")]
    return found[0] if found and found[0] else "unknown; look it up before you publish"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _listed(names: Sequence[str], *, most: int = 30) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "none"
