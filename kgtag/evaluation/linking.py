"""How good a linker is: the right concept first, NIL where there is none, probabilities that mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kgtag.evaluation.calibration import reliability
from kgtag.link.linker import LinkExample
from kgtag.types import Linker

_RECALL_AT = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class LinkOutcome:
    """One example's gold (None: NIL), candidates best first, probability of the best, and the decision."""

    gold: str | None
    ranked: tuple[str, ...]
    probability: float
    link: str | None


def evaluate_linking(linker: Linker, examples: Sequence[LinkExample]) -> dict[str, Any]:
    """Link every query and count: see `linking_metrics`."""
    answers = linker.link([example.query for example in examples])
    outcomes = [
        LinkOutcome(
            gold=example.concept,
            ranked=tuple(candidate.concept for candidate in answer.candidates),
            probability=answer.candidates[0].probability if answer.candidates else 0.0,
            link=answer.link.concept if answer.link else None,
        )
        for example, answer in zip(examples, answers, strict=True)
    ]
    return linking_metrics(outcomes)


def linking_metrics(outcomes: Sequence[LinkOutcome]) -> dict[str, Any]:
    """Shares in [0, 1], None where there is nothing to count.

    `acc@1` and `recall@k`: gold first, or among the first k, where gold has a concept, whatever was decided.
    `linked`: precision, recall and F1 of the decisions for a concept; `nil`: of those for NIL; `accuracy`: of all.
    `ece`: expected calibration error of the best candidate's probability, in ten bins of equal width.
    """
    linkable = [outcome for outcome in outcomes if outcome.gold is not None]
    right = sum(outcome.link == outcome.gold for outcome in linkable)
    nil_gold = len(outcomes) - len(linkable)
    nil_right = sum(outcome.gold is None and outcome.link is None for outcome in outcomes)
    nil_predicted = sum(outcome.link is None for outcome in outcomes)
    sure = [outcome.probability for outcome in outcomes if outcome.ranked]
    first_right = [outcome.ranked[0] == outcome.gold for outcome in outcomes if outcome.ranked]
    return {
        "n": len(outcomes),
        "n_nil": nil_gold,
        "acc@1": _share(sum(o.ranked[:1] == (o.gold,) for o in linkable), len(linkable)),
        **{f"recall@{k}": _share(sum(o.gold in o.ranked[:k] for o in linkable), len(linkable)) for k in _RECALL_AT},
        "linked": _prf(right, len(outcomes) - nil_predicted, len(linkable)),
        "nil": _prf(nil_right, nil_predicted, nil_gold),
        "accuracy": _share(right + nil_right, len(outcomes)),
        "ece": round(reliability(sure, first_right).ece, 6) if sure else None,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _prf(right: int, predicted: int, gold: int) -> dict[str, float | None]:
    precision, recall = _share(right, predicted), _share(right, gold)
    f1 = _share(2 * right, predicted + gold)
    return {"precision": precision, "recall": recall, "f1": f1}
