"""Which of two models is better, and whether that is certain: their decisions, joined with the feedback that came."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from graph.model import Feedback
from kgtag.evaluation.sequential import SequentialTest
from kgtag.rows.challenger import ArmRow, ChallengerReport, DifferenceRow, ShadowRow, SpeedRow, SplitRow
from kgtag.tag.decisions import ARMS, Arm, Decision

Reviews = Mapping[str, list[tuple[Feedback, Decision]]]
"""By product: each verdict that is still valid, with the decision that it is about."""


def report(
    decisions: Iterable[Decision], feedback: Iterable[Feedback], unit: Callable[[str], str], *, alpha: float = 0.05
) -> ChallengerReport | None:
    """Compare the models of the latest decision; None without any.

    Args:
        decisions: Of any number of trials.
        feedback: The store's, in any order.
        unit: The hash of a product's id or title, as in the decisions.
        alpha: The probability of calling equally good models different, however often one looks.
    """
    rows = sorted(decisions, key=lambda one: one.at)
    if not rows:
        return None
    models = rows[-1].models
    own = [one for one in rows if one.models == models]
    reviews = _reviews(own, feedback, unit)
    split = [one for one in own if one.mode == "split"]
    shadow = [one for one in own if one.mode == "shadow"]
    return {
        "champion": models["champion"],
        "challenger": models["challenger"],
        "since": own[0].at,
        "until": own[-1].at,
        "decisions": len(own),
        "of_other_models": len(rows) - len(own),
        "alpha": alpha,
        "split": _split(split, reviews, alpha) if split else None,
        "shadow": _shadow(shadow, reviews) if shadow else None,
        "speed": {arm: _speed(own, arm) for arm in ARMS},
    }


def _reviews(decisions: Sequence[Decision], feedback: Iterable[Feedback], unit: Callable[[str], str]) -> Reviews:
    """The verdicts on what a decision answered: right and wrong on its tags, missing on others. Of several verdicts on
    a tag of a product, the latest counts."""
    by_unit: dict[str, list[Decision]] = defaultdict(list)
    for one in decisions:
        by_unit[one.unit].append(one)
    found: dict[str, dict[str, tuple[Feedback, Decision]]] = {}
    for given in sorted(feedback, key=lambda one: one.id):
        hashes = (unit(key) for key in _keys(given))
        known = next((one for one in hashes if one in by_unit), None)
        if known is None:
            continue
        made = by_unit[known]
        before = bisect_right([one.at[:19] for one in made], given.at[:19])
        if before and (given.concept in made[before - 1].concepts(made[before - 1].served)) != (
            given.verdict == "missing"
        ):
            found.setdefault(known, {})[given.concept] = given, made[before - 1]
    return {key: list(verdicts.values()) for key, verdicts in found.items()}


def _keys(given: Feedback) -> list[str]:
    """What the product may have been known by."""
    product = given.product or {}
    return [str(one) for one in (given.item, product.get("id"), product.get("title")) if one]


def _split(decisions: Sequence[Decision], reviews: Reviews, alpha: float) -> SplitRow:
    test, missing = SequentialTest(alpha), Counter[Arm]()
    certain = None
    for verdicts in reviews.values():
        of_split = [(given, decision) for given, decision in verdicts if decision.mode == "split"]
        if not of_split:
            continue
        last = of_split[0][1]
        own = [given for given, decision in of_split if decision.served == last.served]
        right = sum(given.verdict == "right" for given in own)
        missing[last.served] += sum(given.verdict == "missing" for given in own)
        test.add(last.served, right=right, wrong=len(own) - right, share=last.share)
        if certain is None and test.certain_after is not None:
            certain = max(given.at for given in own)
    served: dict[Arm, set[str]] = {arm: {one.unit for one in decisions if one.served == arm} for arm in ARMS}
    arms: dict[Arm, ArmRow] = {}
    for arm in ARMS:
        rate, mine = test.rates[arm], [one for one in decisions if one.served == arm]
        arms[arm] = {
            "products": len(served[arm]),
            "tags_per_product": _mean([len(one.concepts(arm)) for one in mine]),
            "reviewed": rate.products,
            "right": rate.right,
            "wrong": rate.wrong - missing[arm],
            "missing": missing[arm],
            "share_right": _rounded(rate.share),
        }
    everything = sum(map(len, served.values()))
    return {
        "share": decisions[-1].share,
        "share_of_products": round(len(served["challenger"]) / everything, 4),
        "champion": arms["champion"],
        "challenger": arms["challenger"],
        "difference": _rounded(test.difference),
        "p": float(f"{test.p:.3g}"),
        "better": test.better,
        "certain_after": test.certain_after,
        "certain_since": certain,
        "more": test.more(decisions[-1].share),
    }


def _shadow(decisions: Sequence[Decision], reviews: Reviews) -> ShadowRow:
    latest = {one.unit: one for one in decisions}
    same, overlaps, by_attribute = 0, list[float](), dict[str, Counter[str]]()
    for one in latest.values():
        left, right = one.concepts("champion"), one.concepts("challenger")
        same += left == right
        overlaps.append(len(left & right) / len(left | right) if left | right else 1.0)
        for attribute in one.tags["champion"].keys() | one.tags["challenger"].keys():
            a, b = (set(one.tags[arm].get(attribute, ())) for arm in ARMS)
            count = by_attribute.setdefault(attribute, Counter())
            count.update(products=1, same=int(a == b), only_champion=len(a - b), only_challenger=len(b - a))
    rows: list[DifferenceRow] = [
        {
            "attribute": attribute or None,
            "products": count["products"],
            "same": count["same"],
            "only_champion": count["only_champion"],
            "only_challenger": count["only_challenger"],
        }
        for attribute, count in by_attribute.items()
    ]
    rows.sort(key=lambda row: (row["same"] - row["products"], row["attribute"] or ""))
    seen = Counter[str]()
    for verdicts in reviews.values():
        for given, decision in verdicts:
            if decision.mode == "shadow":
                has = given.concept in decision.concepts("challenger")
                seen[f"{given.verdict}_{'kept' if has else 'without'}"] += 1
    return {
        "products": len(latest),
        "same": same,
        "agreement": round(same / len(latest), 4),
        "overlap": round(sum(overlaps) / len(overlaps), 4),
        "by_attribute": rows,
        "right_lost": seen["right_without"],
        "right_kept": seen["right_kept"],
        "wrong_dropped": seen["wrong_without"],
        "wrong_kept": seen["wrong_kept"],
        "missing_found": seen["missing_kept"],
    }


def _speed(decisions: Sequence[Decision], arm: Arm) -> SpeedRow | None:
    times = sorted(one.ms[arm] for one in decisions if one.alone and arm in one.ms)
    if not times:
        return None
    p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
    return {"products": len(times), "median_ms": statistics.median(times), "p95_ms": p95}


def _mean(values: Sequence[int]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
