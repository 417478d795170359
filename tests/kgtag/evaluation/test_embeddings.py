"""Ranks against PyKEEN's own evaluator, and what the protocol says about ties and unseen entities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pykeen.evaluation import RankBasedEvaluator
from pykeen.models import ComplEx, RotatE
from pykeen.triples import CoreTriplesFactory

from kgtag.embed.export import Export, write_export
from kgtag.embed.vectors import ModelName, Vectors
from kgtag.evaluation.embeddings import evaluate, evaluate_directory
from kgtag.train.embeddings.kinds import vectors_of


@pytest.mark.parametrize("name", ["ComplEx", "RotatE"])
def test_equals_pykeens_evaluator(name: ModelName) -> None:
    rng = np.random.default_rng(5)
    everything = np.unique(
        np.column_stack([rng.integers(50, size=900), rng.integers(4, size=900), rng.integers(50, size=900)]), axis=0
    )
    rng.shuffle(everything)
    test, train = everything[:200], everything[200:]
    factory = CoreTriplesFactory(torch.from_numpy(train), num_entities=50, num_relations=4)
    model = {"ComplEx": ComplEx, "RotatE": RotatE}[name](triples_factory=factory, embedding_dim=8, random_seed=1)
    with torch.no_grad():  # equal entities, so that there are ties
        weights = model.entity_representations[0]._embeddings.weight
        weights[10:20] = weights[10]
    theirs = RankBasedEvaluator(filtered=True).evaluate(
        model,
        torch.from_numpy(test),
        additional_filter_triples=[torch.from_numpy(train)],
        batch_size=32,
        use_tqdm=False,
    )
    ours = evaluate(vectors_of(model, name), test, everything)
    assert ours.mrr == pytest.approx(theirs.get_metric("both.realistic.inverse_harmonic_mean_rank"), abs=2e-3)
    for k, value in ((1, ours.hits_at_1), (3, ours.hits_at_3), (10, ours.hits_at_10)):
        assert value == pytest.approx(theirs.get_metric(f"both.realistic.hits_at_{k}"), abs=5e-3)
    assert ours.n == 200
    assert ours.protocol == "filtered, both sides, realistic rank"


def line(n: int) -> Vectors:
    """Entities at 0, 1, …, n-1 on a line, and one relation that moves nowhere: the nearest entity scores highest."""
    positions = np.arange(n, dtype=np.float32)[:, None]
    return Vectors("TransE", positions, np.zeros((1, 1), dtype=np.float32))


def test_filtering_leaves_other_answers_out() -> None:
    known = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 2]])
    asked = known[2:]
    assert evaluate(line(6), asked, known, sides=("tail",)).mrr == 1.0
    assert evaluate(line(6), asked, known, sides=("tail",), filtered=False).mrr == pytest.approx(1 / 3)


def test_ties_count_as_the_mean_of_best_and_worst() -> None:
    same = Vectors("TransE", np.zeros((9, 1), dtype=np.float32), np.zeros((1, 1), dtype=np.float32))
    asked = np.array([[0, 0, 1]])
    assert evaluate(same, asked, asked).mrr == pytest.approx(1 / 5)


def test_both_sides_and_restricted_alternatives() -> None:
    asked = np.array([[0, 0, 3]])
    assert evaluate(line(6), asked, asked).mrr == pytest.approx((1 / 4 + 1 / 6) / 2)
    restricted = evaluate(
        line(6), asked, asked, sides=("tail",), restrict_to=np.array([[1, 0, 3], [1, 0, 2], [0, 0, 5]])
    )
    assert restricted.mrr == pytest.approx(1 / 2)
    assert restricted.protocol == "filtered, tail side, realistic rank, among entities of that side of the relation"


def test_unseen_entities_count_as_the_middle_or_are_dropped() -> None:
    asked = np.array([[0, 0, 0], [0, 0, 9], [1, -1, 0]])
    counted = evaluate(line(5), asked, asked, num_entities=9, sides=("tail",))
    assert (counted.n, counted.unseen) == (3, 2)
    assert counted.mrr == pytest.approx((1 + 1 / 5 + 1 / 5) / 3)
    dropped = evaluate(line(5), asked, asked, num_entities=9, sides=("tail",), unseen="drop")
    assert (dropped.n, dropped.unseen, dropped.mrr) == (1, 2, 1.0)


def test_the_contract_of_a_directory(tmp_path: Path) -> None:
    vectors = line(4)
    write_export(Export(("a", "b", "c", "d"), ("r",), vectors), tmp_path / "model")
    (tmp_path / "train.txt").write_text("b\tr\ta\nd\tr\tc\n")
    (tmp_path / "test.txt").write_text("a\tr\tb\nc\tr\tstranger\n")
    report = evaluate_directory(tmp_path / "model", tmp_path).to_json()
    assert {"mrr", "hits_at_1", "hits_at_3", "hits_at_10", "protocol", "n"} <= set(report)
    assert report["protocol"] == "filtered, both sides, realistic rank"
    assert (report["n"], report["unseen"]) == (2, 1)
