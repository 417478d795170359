"""Retries after lost races."""

from __future__ import annotations

import pytest

from graph.editing.edit import retry_conflicts
from graph.errors import ConflictError, InputError


class _Overtaken(Exception):
    pass


def test_an_attempt_is_repeated_until_it_succeeds() -> None:
    attempts = iter([_Overtaken(), _Overtaken(), None])

    def attempt() -> str:
        if failure := next(attempts):
            raise failure
        return "written"

    assert retry_conflicts(attempt, on=_Overtaken, what="the store") == "written"
    assert next(attempts, "all used") == "all used"


def test_after_40_attempts_it_is_a_conflict() -> None:
    count = 0

    def attempt() -> None:
        nonlocal count
        count += 1
        raise _Overtaken

    with pytest.raises(ConflictError, match="proposal 7 kept changing during 40 attempts; try again"):
        retry_conflicts(attempt, on=_Overtaken, what="proposal 7")
    assert count == 40


def test_other_errors_end_it_at_once() -> None:
    count = 0

    def attempt() -> None:
        nonlocal count
        count += 1
        raise InputError("bad")

    with pytest.raises(InputError, match="bad"):
        retry_conflicts(attempt, on=_Overtaken, what="the store")
    assert count == 1
