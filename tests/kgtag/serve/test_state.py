"""The state machine of the live snapshot, without a store."""

from __future__ import annotations

import pytest

from graph.errors import ModelMismatch
from kgtag.serve.state import Position, Step

START = Position("a", built=0.0, last_seen_token="a")


def _step(position: Position, token: str, *, now: float = 1.0) -> Step:
    return position.step(token, now=now, items_seconds=30.0)


def test_an_unchanged_token_needs_nothing_however_old_the_counts_are() -> None:
    assert _step(START, "a") is Step.NOTHING
    assert _step(START, "a", now=1e6) is Step.NOTHING


def test_a_new_token_is_read() -> None:
    assert _step(START, "b") is Step.READ


def test_after_a_read_that_found_the_same_taxonomy_items_wait_for_their_turn() -> None:
    seen = START.same_taxonomy("b")
    assert _step(seen, "b", now=29.0) is Step.NOTHING
    assert _step(seen, "b", now=30.0) is Step.READ
    assert _step(seen, "c") is Step.READ


def test_a_snapshot_from_a_file_is_counted_at_the_first_poll() -> None:
    loaded = Position("a", built=0.0, counts_stale=True)
    assert _step(loaded, "a") is Step.COUNT
    assert _step(loaded, "b") is Step.READ
    assert not loaded.recent(0.0, 30.0)


@pytest.mark.parametrize(("token", "step"), [("a", Step.NOTHING), ("b", Step.REJECT), ("c", Step.READ)])
def test_a_rejected_taxonomy_is_read_again_only_when_the_store_changes(token: str, step: Step) -> None:
    rejected = START.reject("b", ModelMismatch("lacks red"))
    assert _step(rejected, token) is step
