"""Spans of many rows at once are the spans of each alone."""

from __future__ import annotations

import numpy as np
import pytest

from kgtag.extract.decode import ALLOWED, ENDS, FORBIDDEN, STARTS, Chain, TokenSpan, decode, tag_spans
from kgtag.extract.spans import find_spans, may_hold, path_spans


def chain(rng: np.random.Generator) -> Chain:
    return Chain(
        np.where(ALLOWED, rng.normal(size=(5, 5)), FORBIDDEN),
        np.where(STARTS, rng.normal(size=5), FORBIDDEN),
        np.where(ENDS, rng.normal(size=5), FORBIDDEN),
    )


def titles(rng: np.random.Generator, *, empty: float) -> list[np.ndarray]:
    """20 titles of 0 to 6 rows; `empty` is added to O."""
    made = []
    for _ in range(20):
        one = rng.normal(scale=2, size=(rng.integers(0, 7), rng.integers(1, 12), 5)).astype(np.float32)
        one[:, :, 0] += np.float32(empty)
        made.append(one)
    return made


@pytest.mark.parametrize("bias", [-1.5, 0.0, 2.0])
@pytest.mark.parametrize("empty", [-2.0, 3.0, 7.0])
def test_the_same_spans_as_one_by_one(bias: float, empty: float) -> None:
    rng = np.random.default_rng(int(bias * 10 + empty) % 97)
    model, data = chain(rng), titles(rng, empty=empty)
    found = find_spans(data, model, bias=bias)
    wanted: list[tuple[int, TokenSpan]] = []
    for number, one in enumerate(data):
        lengths = np.full(len(one), one.shape[1], dtype=np.int64)
        wanted += [(number, span) for span in decode(one.astype(np.float64), lengths, model, bias=bias)]
    assert [(t, r, f, z) for t, r, f, z in zip(found.title, found.row, found.first, found.last, strict=True)] == [
        (number, span.row, span.first, span.last) for number, span in wanted
    ]
    assert np.allclose(found.probability, [span.probability for _, span in wanted], atol=1e-9)
    assert wanted or empty > 5


def test_only_rows_without_a_span_are_passed_over() -> None:
    rng = np.random.default_rng(5)
    model, passed = chain(rng), 0
    for one in titles(rng, empty=6.0) + titles(rng, empty=9.0):
        if not one.size:
            continue
        lengths = np.full(len(one), one.shape[1], dtype=np.int64)
        held = {span.row for span in decode(one.astype(np.float64), lengths, model, bias=0.5)}
        starts = np.arange(len(one)) * one.shape[1]
        hopeful = set(np.flatnonzero(may_hold(one.reshape(-1, 5), starts, model, bias=0.5)).tolist())
        assert held <= hopeful
        passed += len(one) - len(hopeful)
    assert passed > 20


def test_spans_of_paths_well_formed_or_not() -> None:
    paths = np.random.default_rng(1).integers(0, 5, size=(200, 7))
    row, first, last = path_spans(paths)
    assert list(zip(row.tolist(), first.tolist(), last.tolist(), strict=True)) == [
        (number, *span) for number, path in enumerate(paths) for span in tag_spans(path)
    ]


def test_nothing_in_nothing() -> None:
    model = chain(np.random.default_rng(0))
    assert len(find_spans([], model).row) == 0
    assert len(find_spans([np.zeros((0, 0, 5), dtype=np.float32)], model).probability) == 0
