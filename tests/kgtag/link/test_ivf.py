"""Searching the nearest cells finds what searching everything finds."""

from __future__ import annotations

import numpy as np
import pytest

from kgtag.link.candidates import vectors
from kgtag.link.candidates import vectors as module
from kgtag.link.candidates.ngrams import top
from kgtag.link.candidates.vectors import IvfIndex, LabelVectors
from kgtag.link.encoder import Vectors

DIM = 24


def clustered(count: int, *, seed: int = 0) -> Vectors:
    """Vectors about a few hundred themes, as labels are."""
    rng = np.random.default_rng(seed)
    themes = rng.standard_normal((200, DIM))
    found = themes[rng.integers(0, 200, count)] + 0.4 * rng.standard_normal((count, DIM))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def few_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches read a tenth of 10,000 vectors."""
    monkeypatch.setattr(module, "_READ", 1000)


def test_each_vector_lies_in_one_cell_under_its_number() -> None:
    matrix = clustered(3000)
    made = IvfIndex.of(matrix)
    assert sorted(made.order.tolist()) == list(range(3000))
    assert np.array_equal(made.rows, matrix[made.order])
    assert made.starts[0] == 0 and made.starts[-1] == 3000 and (np.diff(made.starts) > 0).all()
    assert np.allclose(np.linalg.norm(made.centres, axis=1), 1, atol=1e-5)


def test_the_same_vectors_give_the_same_cells() -> None:
    one, other = IvfIndex.of(clustered(3000)), IvfIndex.of(clustered(3000))
    assert np.array_equal(one.order, other.order) and np.array_equal(one.starts, other.starts)


@pytest.mark.usefixtures("few_read")
def test_a_tenth_of_the_vectors_holds_nearly_all_of_the_nearest() -> None:
    matrix, queries = clustered(10_000), clustered(100, seed=1)
    found = IvfIndex.of(matrix).search(queries)
    everyone = np.arange(len(matrix), dtype=np.int32)
    shares = []
    for (names, cosines), row in zip(found, queries @ matrix.T, strict=True):
        assert len(names) < 2000
        assert np.allclose(cosines, row[names], atol=1e-5)
        best = set(top(everyone, row, 10)[0].tolist())
        shares.append(len(best & set(top(names, cosines, 10)[0].tolist())) / 10)
    assert np.mean(shares) > 0.9


@pytest.mark.usefixtures("few_read")
def test_among_few_that_are_allowed_the_search_is_exact() -> None:
    matrix, queries = clustered(10_000), clustered(20, seed=1)
    allowed = np.zeros(len(matrix), dtype=np.bool_)
    allowed[::37] = True
    for names, _ in IvfIndex.of(matrix).search(queries, allowed):
        assert sorted(names.tolist()) == np.flatnonzero(allowed).tolist()


def test_equal_vectors_and_none_that_is_allowed() -> None:
    same = np.tile(clustered(1), (500, 1))
    made = IvfIndex.of(same)
    assert [len(names) for names, _ in made.search(same[:2])] == [500, 500]
    assert [len(names) for names, _ in made.search(same[:2], np.zeros(500, dtype=np.bool_))] == [0, 0]


@pytest.mark.usefixtures("few_read")
def test_many_label_vectors_are_searched_by_cells_few_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "EXACT_UP_TO", 2000)
    matrix, queries = clustered(10_000), clustered(5, seed=2)
    many, few = (LabelVectors(part, np.zeros(len(part), dtype=np.uint64)) for part in (matrix, matrix[:2000]))
    assert many.ivf is not None and few.ivf is None
    half, some = (np.arange(0, size, dtype=np.int32) for size in (5000, 1500))
    for within in (None, half, some):
        for (names, cosines), query in zip(many.search(queries, [within] * 5, 10), queries, strict=True):
            assert len(names) == 10 and (np.diff(cosines) <= 2e-5).all()
            assert within is None or names.max() < len(within)
            assert np.allclose(cosines, matrix[names] @ query, atol=1e-5)
