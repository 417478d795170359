"""Hidden tags and held-out items, on data with a structure that popularity cannot see."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from graph.errors import InputError
from kgtag.evaluation.ranking import evaluate_recommender, evaluate_related
from kgtag.recommend.fitting import fit_ranker, pair_ranks
from kgtag.recommend.interactions import Matrix, Pair
from kgtag.recommend.model import RecommenderModel
from kgtag.recommend.rankers import EaseSettings, Popularity, fit_ease
from kgtag.tag.models import load_models
from kgtag.train.recommender import train_recommender
from kgtag.train.reranking import fit_reranked
from tests.kgtag.running import run

GROUPS, EACH = 6, 6


def pairs(rows: int, *, seed: int = 0) -> list[tuple[str, str]]:
    """Rows that have four columns of one group, and one that nearly all have."""
    draw = random.Random(seed)
    found = []
    for row in range(rows):
        group = draw.randrange(GROUPS)
        columns = draw.sample([f"g{group}c{i}" for i in range(EACH)], 4)
        found += [(f"r{row}", column) for column in [*columns, "everywhere"]]
    return found


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Train and test: a tenth of the pairs is hidden."""
    draw = random.Random(1)
    parts: tuple[list[str], list[str]] = ([], [])
    for row, column in pairs(300):
        parts[draw.random() < 0.1].append(f"{row}\t{column}\n")
    names = tmp_path / "train.tsv", tmp_path / "test.tsv"
    for name, lines in zip(names, parts, strict=True):
        name.write_text("".join(lines), encoding="utf-8")
    return names


def test_related_beats_popularity(files: tuple[Path, Path]) -> None:
    answer = evaluate_related(*files)
    assert set(answer["baselines"]) == {"popularity", "cosine", "ease"}
    assert answer["mrr"] > 2 * answer["baselines"]["popularity"]["mrr"]
    assert answer["mrr"] >= answer["baselines"]["ease"]["mrr"] - 0.02
    assert 0 < answer["n"] <= 150 and answer["unseen_tags"] == 0
    assert answer == evaluate_related(*files)


def test_recommender_and_its_floors(files: tuple[Path, Path], tmp_path: Path) -> None:
    tags = tmp_path / "tags.tsv"
    rows = [f"g{g}c{i}\tgroup {g}\n" for g in range(GROUPS) for i in range(EACH)]
    cold = [f"new{g}\tgroup {g}\n" for g in range(GROUPS)]
    tags.write_text("".join([*rows, *cold]), encoding="utf-8")
    group = {line.split("\t")[0]: line.split("\t")[1][1] for line in files[0].read_text().splitlines() if "\tg" in line}
    with files[1].open("a", encoding="utf-8") as file:
        file.writelines(f"{row}\tnew{number}\n" for row, number in list(group.items())[:50])
    answer = evaluate_recommender(*files, tags=tags)
    assert set(answer["baselines"]) == {"popularity", "item_knn", "ease"}
    assert answer["ndcg_at_20"] > 1.5 * answer["baselines"]["popularity"]["ndcg_at_20"]
    assert {"recall_at_20", "coverage_at_20", "novelty_at_20", "n"} <= set(answer)
    assert answer["unseen_items"] == 50 and answer["cold_items"]["n"] == 50
    assert answer["cold_items"]["recall_at_20"] >= answer["cold_items"]["popularity"]["recall_at_20"]


def test_baskets_lose_an_item_each(tmp_path: Path) -> None:
    baskets: dict[str, list[str]] = {}
    for row, column in pairs(200):
        baskets.setdefault(row, []).append(column)
    lines = [f"{row}\t{','.join(columns)}\n" for row, columns in baskets.items()]
    (tmp_path / "train.tsv").write_text("".join(lines[:150]), encoding="utf-8")
    (tmp_path / "test.tsv").write_text("".join(lines[150:]), encoding="utf-8")
    answer = evaluate_related(tmp_path / "train.tsv", tmp_path / "test.tsv")
    assert answer["n"] == 50 and answer["recall_at_10"] == 1.0


def test_nothing_in_common_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("a\tx\na\ty\n", encoding="utf-8")
    (tmp_path / "b.tsv").write_text("b\tx\n", encoding="utf-8")
    with pytest.raises(InputError, match="no pair to rank"):
        evaluate_related(tmp_path / "a.tsv", tmp_path / "b.tsv")
    with pytest.raises(InputError, match="no user"):
        evaluate_recommender(tmp_path / "a.tsv", tmp_path / "b.tsv")


def test_ease_is_the_same_from_either_side() -> None:
    values = Matrix.of([Pair(*pair) for pair in pairs(20)]).values
    wide, tall = values, Matrix.of([Pair(*pair) for pair in pairs(20)] * 1).values
    settings = EaseSettings(ridge=5.0, dropout=0.5, row_power=0.5)
    gram = fit_ease(tall, settings).weights
    x = wide.toarray()
    rows = x.sum(axis=1) ** -0.5
    own = (rows[:, None] * x * x).sum(axis=0)
    kept = fit_ease(wide, settings).kept
    inverse = np.linalg.inv(((rows[:, None] * x).T @ x + np.diag(5.0 * rows.mean() + 0.5 * own))[np.ix_(kept, kept)])
    expected = inverse / -np.diag(inverse)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(gram, expected, atol=1e-4)


def test_ties_count_as_their_mean_place() -> None:
    values = Matrix.of([Pair("r", "a"), Pair("s", "b"), Pair("s", "c"), Pair("s", "d")]).values
    scores = np.zeros((1, 4), dtype=np.float32)
    assert pair_ranks(scores, values[[0]], np.array([0]), np.array([2])).tolist() == [2.0]


def test_too_little_data_falls_back_to_popularity() -> None:
    fitted = fit_ranker(Matrix.of([Pair("a", "x"), Pair("b", "x"), Pair("b", "y")]).values, k=10)
    assert isinstance(fitted.ranker, Popularity)
    with pytest.raises(InputError, match="no pairs"):
        fit_ranker(Matrix.of([], columns=["x"]).values, k=10)


def test_the_second_stage_takes_part_only_where_it_helps() -> None:
    values = Matrix.of([Pair(*pair) for pair in pairs(600)]).values
    fitted = fit_reranked(values, k=3)
    found = fitted.settings["second_stage"]
    assert (type(fitted.ranker).__name__ == "Reranker") == (found["with"] > found["without"])
    assert fitted.ranker.scores(values[:5]).shape == (5, values.shape[1])


def test_a_trained_recommender_is_read_back(files: tuple[Path, Path], tmp_path: Path) -> None:
    report = train_recommender([files[0]], out=tmp_path / "items", known={"g0c0"}.__contains__)
    model = RecommenderModel.load(tmp_path / "items")
    assert (model.version, len(model.items)) == (report.version, GROUPS * EACH + 1) and report.unknown == GROUPS * EACH
    scores = model.scores({"g1c0": 1.0, "nope": 1.0})
    best = sorted(scores, key=lambda id: -scores[id])[:4]
    assert sum(id.startswith("g1") for id in best) >= 3 and "g1c0" not in scores
    (tmp_path / "items" / "items.txt").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="does not match its manifest"):
        RecommenderModel.load(tmp_path / "items")


def test_items_beyond_the_dense_matrix_have_neighbours(files: tuple[Path, Path], tmp_path: Path) -> None:
    train_recommender([files[0]], out=tmp_path / "items", columns=10, neighbours=5)
    model = RecommenderModel.load(tmp_path / "items")
    for group in range(GROUPS):
        scores = model.scores({f"g{group}c5": 1.0})
        best = sorted(scores, key=lambda id: -scores[id])[:4]
        assert sum(id.startswith(f"g{group}") for id in best) >= 3


def test_the_commands(files: tuple[Path, Path]) -> None:
    train, test = map(str, files)
    ran = run("evaluate", "related", "--train", train, "--test", test, "--json")
    answer = json.loads(ran.stdout)
    assert {"recall_at_10", "mrr", "n", "baselines"} <= set(answer)
    assert "kgtag" in run("evaluate", "recommender", "--train", train, "--test", test).stdout


def test_training_from_the_command_line(files: tuple[Path, Path], tmp_path: Path) -> None:
    store, out = f"sqlite:///{tmp_path / 'shop.db'}", tmp_path / "items"
    assert run("init", "--store", store).code == 0
    ran = run("train", "recommender", "--interactions", files[0], "--store", store, "--out", out, "--json")
    assert ran.json["items"] == GROUPS * EACH + 1 == ran.json["unknown"]
    assert "not in the store" in ran.stderr
    assert load_models(recommender=out).recommender is not None
