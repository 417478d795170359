"""The sequential test: rarely wrong on equal models however often one looks, and it finds a worse one."""

from __future__ import annotations

import random

from kgtag.evaluation.sequential import SequentialTest
from kgtag.tag.decisions import Arm


def _run(seed: int, champion: float, challenger: float, *, share: float, products: int) -> SequentialTest:
    draw, test = random.Random(seed), SequentialTest()
    for _ in range(products):
        arm: Arm = "challenger" if draw.random() < share else "champion"
        rate, verdicts = challenger if arm == "challenger" else champion, draw.choice((1, 1, 3))
        product = draw.choice((rate, rate, 1.0)) if draw.random() < 0.5 else rate  # verdicts on a product are alike
        right = sum(draw.random() < product for _ in range(verdicts))
        test.add(arm, right=right, wrong=verdicts - right, share=share)
        if test.certain_after is not None:
            break
    return test


def test_equal_models_are_rarely_called_different_at_any_of_many_looks() -> None:
    for share in (0.5, 0.1):
        alarms = sum(_run(seed, 0.9, 0.9, share=share, products=400).better is not None for seed in range(200))
        assert alarms <= 10, share


def test_a_worse_model_is_found_and_a_better_one_too() -> None:
    worse = [_run(seed, 0.9, 0.7, share=0.3, products=1500) for seed in range(20)]
    assert all(test.better == "champion" and test.p <= 0.05 for test in worse)
    assert _run(1, 0.7, 0.9, share=0.5, products=1500).better == "challenger"


def test_nothing_is_certain_of_little() -> None:
    test = SequentialTest()
    assert (test.p, test.better, test.difference, test.more(0.1)) == (1.0, None, None, None)
    test.add("challenger", right=0, wrong=1, share=0.1)
    assert test.better is None and test.difference is None
    for _ in range(20):
        test.add("champion", right=1, wrong=0, share=0.1)
    assert test.difference == -1.0 and test.better is None and (test.more(0.1) or 0) > 0
