"""Selection of products to annotate, on vectors and uncertainties made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kgtag.discover.selection import Pool, Uncertainty, path_uncertainties, select_batch
from kgtag.extract.decode import ALLOWED, ENDS, FORBIDDEN, STARTS, Chain
from kgtag.types import Product


def one(id: str, expected: float, *vector: float) -> tuple[Product, Uncertainty]:
    array = np.array(vector, dtype=np.float32)
    return Product(id, f"title {id}"), Uncertainty(expected, (("Color", 0.5),), array / np.linalg.norm(array))


POOL = [
    one("a", 1.0, 1, 0, 0),
    one("a2", 0.99, 1, 0.01, 0),
    one("b", 0.8, 0, 1, 0),
    one("c", 0.7, 0, 0, 1),
    one("d", 0.1, 0, -1, -1),
]


def test_uncertain_and_dissimilar() -> None:
    chosen = select_batch(POOL, 5)
    assert [choice.product.id for choice in chosen[:3]] == ["a", "b", "c"]
    assert chosen[0].score == pytest.approx(1.99, abs=0.01) and chosen[0].nearest is None
    assert (chosen[-1].product.id, chosen[-1].nearest) == ("a2", "a") and chosen[-1].novelty < 0.01
    assert [choice.score for choice in chosen] == sorted((choice.score for choice in chosen), reverse=True)
    assert select_batch(POOL, 5) == chosen


def test_annotated_products_cover_similar_ones() -> None:
    chosen = select_batch(POOL, 5, annotated=[("old", POOL[0][1].vector)])
    assert [choice.product.id for choice in chosen[:2]] == ["b", "c"]
    assert {choice.product.id: choice.nearest for choice in chosen}["a2"] == "old"


def test_an_uncertain_outlier_waits_for_many_of_a_kind() -> None:
    alike = [one(f"k{n}", 0.6, 1, 0.1 * n, 0) for n in range(3)]
    chosen = select_batch([one("odd", 1.2, -1, 0, 0), *alike, one("sure", 0.01, 0, 0, 1)], 2)
    assert chosen[0].product.id.startswith("k") and chosen[1].product.id == "odd"


def test_no_more_than_there_are() -> None:
    assert sorted(choice.product.id for choice in select_batch(POOL, 99)) == ["a", "a2", "b", "c", "d"]
    assert select_batch([], 5) == []


def test_the_pool_keeps_the_most_uncertain_each_title_once() -> None:
    pool = Pool(1)
    pool.add([one(f"{n:04}", n / 1000, 1, n, 0) for n in range(1200)])
    pool.add([one("1199", 5.0, 1, 1, 1)])
    kept = pool.products()
    assert len(kept) == 500
    assert [product.id for product, _ in kept[:2]] == ["1199", "1198"]
    assert kept[0][1].expected_errors == pytest.approx(1.199)


def test_a_row_has_its_reason() -> None:
    (choice,) = select_batch(POOL[:1], 1)
    assert choice.to_dict() == {
        "id": "a",
        "title": "title a",
        "score": 1.0,
        "reason": {
            "expected_errors": 1.0,
            "doubtful": [{"attribute": "Color", "doubt": 0.5}],
            "novelty": 1.0,
            "nearest": None,
        },
    }


def test_uncertainty_is_the_probability_of_all_other_paths() -> None:
    """All paths of two tokens, summed by hand."""
    rng = np.random.default_rng(0)
    chain = Chain(
        np.where(ALLOWED, rng.normal(size=(5, 5)), FORBIDDEN),
        np.where(STARTS, rng.normal(size=5), FORBIDDEN),
        np.where(ENDS, rng.normal(size=5), FORBIDDEN),
    )
    title = rng.normal(size=(2, 2, 5)).astype(np.float32)
    longer = rng.normal(size=(1, 6, 5)).astype(np.float32)
    first, none, second = path_uncertainties([title, np.zeros((1, 1, 0), dtype=np.float32), longer], chain)
    assert none.shape == (0,) and second.shape == (1,)
    for row, doubt in zip(title.astype(np.float64), first, strict=True):
        scores = [
            chain.start[a] + row[0, a] + chain.transitions[a, b] + row[1, b] + chain.end[b]
            for a in range(5)
            for b in range(5)
        ]
        assert doubt == pytest.approx(1 - np.exp(max(scores)) / np.exp(scores).sum(), abs=1e-6)
