from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from kgtag.evaluation.calibration import reliability
from kgtag.evaluation.tagging import linking_metrics


def test_calibration_by_hand() -> None:
    found = reliability(np.array([0.95, 0.91, 0.35, 1.0]), np.array([True, True, False, False])).to_json()
    assert [row["n"] for row in found["bins"]] == [1, 3]  # type: ignore[attr-defined]
    assert found["bins"][1] == {"low": 0.9, "high": 1.0, "n": 3, "probability": 0.95333, "right": 0.66667}  # type: ignore[index]
    assert found["ece"] == pytest.approx((0.35 + 3 * (2.86 / 3 - 2 / 3)) / 4, abs=1e-5)


def test_a_forecast_that_is_right_and_one_that_is_not() -> None:
    assert reliability([0.75] * 4, [True, True, True, False]).ece == 0
    assert reliability([1.0] * 4, [True, True, True, False]).ece == 0.25
    assert reliability([1.0] * 4, [False] * 4).ece == 1


def test_nothing_is_measured_of_nothing() -> None:
    nothing = {"n": 0, "ece": 0.0, "brier": 0.0, "log_loss": 0.0, "auc": 0.0, "bins": []}
    assert reliability(np.zeros(0), np.zeros(0, dtype=bool)).to_json() == nothing
    assert linking_metrics([])["ece"] is None


def test_honest_and_overconfident_probabilities() -> None:
    rng = np.random.default_rng(0)
    honest = rng.random(20_000)
    holds = (rng.random(20_000) < honest).astype(float)
    assert reliability(honest, holds).ece < 0.02
    assert reliability(honest, holds).brier == pytest.approx(1 / 6, abs=0.01)
    boastful = np.where(honest > 0.5, 0.99, 0.01)
    assert reliability(boastful, holds).ece > 0.2
    assert reliability(np.full(100, 0.5), np.r_[np.ones(50), np.zeros(50)]).auc == 0.5


def test_scikit_learn_measures_the_same() -> None:
    rng = np.random.default_rng(1)
    probability = rng.random(500).round(2)
    right = rng.random(500) < probability**2
    found = reliability(probability, right)
    assert found.brier == pytest.approx(brier_score_loss(right, probability))
    assert found.auc == pytest.approx(roc_auc_score(right, probability))
    assert found.log_loss == pytest.approx(log_loss(right, np.clip(probability, 1e-6, 1 - 1e-6)))
