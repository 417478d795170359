from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from kgtag.train.calibration import fit_isotonic, fit_logistic, fit_platt, fit_temperature


def sampled(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 3)) * [3, 1, 0.2]
    return features, (rng.random(n) < expit(features @ [0.4, -1.0, 2.0] - 0.7)).astype(float)


@pytest.mark.parametrize("penalty", [1.0, 1e-3])
def test_scikit_learn_finds_the_same_weights(penalty: float) -> None:
    features, labels = sampled(300, seed=2)
    wanted = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=1000).fit(features, labels)
    found = fit_logistic(features, labels, penalty=[penalty] * 3 + [0.0])
    assert found == pytest.approx([*wanted.coef_[0], wanted.intercept_[0]], abs=1e-4)


def test_the_prior_holds_without_data_and_yields_to_it() -> None:
    features, labels = sampled(4000, seed=3)
    prior = [1.0, 2.0, 3.0, 4.0]
    assert fit_logistic(features[:0], labels[:0], penalty=1.0, prior=prior).tolist() == prior
    strong = fit_logistic(features, labels, penalty=1e9, prior=prior)
    assert strong == pytest.approx(prior, abs=1e-4)
    assert fit_logistic(features, labels, penalty=1.0, prior=prior)[0] == pytest.approx(0.4, abs=0.1)


def test_the_fit_is_where_likelihood_and_prior_balance() -> None:
    features, labels = sampled(60, seed=4)
    target = np.where(labels > 0, 0.97, 0.03)
    prior = np.array([1.0, 0.0, 0.0, 0.5])
    found = fit_logistic(features, target, penalty=0.3, prior=prior.tolist())
    x = np.column_stack([features, np.ones(60)])
    gradient = x.T @ (expit(x @ found) - target) + 0.3 * (found - prior)
    assert np.abs(gradient).max() < 1e-4


def test_platt_undoes_a_known_distortion() -> None:
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.1, 0.9, size=20_000)
    slope, intercept = fit_platt(expit(2 * logit(truth) + 1), rng.random(len(truth)) < truth)
    assert (slope, intercept) == pytest.approx((0.5, -0.5), abs=0.05)


def test_isotonic_knots_rise_and_stay_inside() -> None:
    rng = np.random.default_rng(6)
    score = rng.random(3000)
    x, y = fit_isotonic(score, (rng.random(3000) < score**2).astype(float))
    assert (np.diff(x) >= 0).all() and (np.diff(y) >= -1e-12).all()
    assert y[0] > 0 and y[-1] < 1
    grid = np.linspace(0.1, 0.9, 9)
    assert np.abs(np.interp(grid, x, y) - grid**2).max() < 0.1


def test_a_temperature_gives_the_frequencies() -> None:
    margins = np.tile([[1.0, 0.0]], (400, 1))
    often = np.array([0] * 300 + [1] * 100)
    assert fit_temperature(margins, often, prior=2.0, strength=0.1) == pytest.approx(np.log(3), abs=0.02)
    assert fit_temperature(margins, often, prior=2.0, strength=1e6) == pytest.approx(2.0, abs=0.01)
