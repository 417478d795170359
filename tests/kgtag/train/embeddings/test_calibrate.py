from __future__ import annotations

import numpy as np

from kgtag.embed.triples import Triples
from kgtag.embed.vectors import Calibration, Vectors
from kgtag.evaluation.calibration import reliability
from kgtag.train.calibration import _fit, calibrate, corrupt, sample_references


def test_a_fitted_curve_means_what_it_says() -> None:
    rng = np.random.default_rng(1)
    for n in (400, 8000):  # Platt alone, and with the isotonic step
        features = rng.normal(size=(n, 3)) * [5, 1, 1]
        chance = 1 / (1 + np.exp(-(0.3 * features[:, 0] + features[:, 1] - 0.5)))
        labels = (rng.random(n) < chance).astype(float)
        curve = _fit(features, labels)
        assert (curve.knots is None) == (n == 400)
        fresh = rng.normal(size=(20_000, 3)) * [5, 1, 1]
        chance = 1 / (1 + np.exp(-(0.3 * fresh[:, 0] + fresh[:, 1] - 0.5)))
        measured = reliability(curve(fresh), (rng.random(len(fresh)) < chance).astype(float))
        assert measured.ece < 0.06
        assert curve(fresh).min() > 0 and curve(fresh).max() < 1


def test_no_evidence_is_a_coin() -> None:
    assert _fit(np.zeros((0, 3)), np.zeros(0))(np.ones((2, 3))).tolist() == [0.5, 0.5]


def lattice() -> tuple[Triples, Vectors]:
    """Values v0…v19 of two attributes occur in categories c0…c9 when their numbers agree modulo 5; TransE knows it."""
    labelled = [(f"v{v:02}", "occurs_in", f"c{c}") for v in range(20) for c in range(10) if v % 5 == c % 5]
    groups = {f"v{v:02}": f"value:{'ab'[v % 2]}" for v in range(20)} | {f"c{c}": "category:" for c in range(10)}
    triples = Triples.of(labelled, groups=groups)
    place = np.array([[int(name[1:]) % 5] for name in triples.entities], dtype=np.float32)
    return triples, Vectors("TransE", place, np.zeros((1, 1), dtype=np.float32))


def test_corruptions_are_of_the_same_type_and_false() -> None:
    triples, _ = lattice()
    corrupted = corrupt(triples.train, triples, seed=0)
    assert len(corrupted) == len(triples.train)
    known = set(map(tuple, triples.train.tolist()))
    assert triples.groups is not None
    for positive, negative in zip(triples.train.tolist(), corrupted.tolist(), strict=True):
        assert tuple(negative) not in known
        changed = [i for i in range(3) if positive[i] != negative[i]]
        assert len(changed) == 1
        assert triples.groups[positive[changed[0]]] == triples.groups[negative[changed[0]]]


def test_calibrated_probabilities_part_the_true_from_the_corrupted() -> None:
    triples, vectors = lattice()
    calibration = calibrate(vectors, triples, triples.train)
    assert calibration.probability(vectors, triples.train).min() > 0.8
    assert calibration.probability(vectors, corrupt(triples.train, triples, seed=7)).max() < 0.3


def test_few_triples_share_one_curve() -> None:
    triples, vectors = lattice()
    assert set(calibrate(vectors, triples, triples.train[:20]).curves) == {-1}


def test_json_and_back() -> None:
    triples, vectors = lattice()
    calibration = calibrate(vectors, triples, triples.train)
    again = Calibration.from_json(calibration.to_json(), calibration.references)  # type: ignore[arg-type]
    np.testing.assert_allclose(
        again.probability(vectors, triples.train), calibration.probability(vectors, triples.train)
    )


def test_references_are_entities_of_that_side() -> None:
    triples, _ = lattice()
    references = sample_references(triples.train, 1)
    heads = {triples.entities[i][0] for i in references[0, 0] if i >= 0}
    tails = {triples.entities[i][0] for i in references[0, 1] if i >= 0}
    assert (heads, tails) == ({"v"}, {"c"})
