"""The spinner: for people at a terminal, and only when there is something to wait for."""

from __future__ import annotations

import io
import threading
import time

import pytest
from rich.console import Console

from kgtag.cli import console


@pytest.mark.parametrize(("terminal", "seconds", "shown"), [(True, 0.5, True), (True, 0.0, False), (False, 0.5, False)])
def test_a_spinner_shows_when_work_takes_long(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, seconds: float, shown: bool
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=screen, force_terminal=terminal))
    before = threading.active_count()
    with console.working("importing [big].txt", after=0.1):
        time.sleep(seconds)
    assert ("importing [big].txt" in screen.getvalue()) == shown
    _wait_for_threads(before)


def test_an_error_ends_the_spinner(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=screen, force_terminal=True))
    before = threading.active_count()
    with pytest.raises(ValueError, match="stop"), console.working("importing", after=0.0):
        time.sleep(0.2)
        raise ValueError("stop")
    _wait_for_threads(before)


def _wait_for_threads(count: int) -> None:
    """The spinner's own thread ends at its next tick."""
    deadline = time.monotonic() + 10
    while threading.active_count() > count:
        assert time.monotonic() < deadline, threading.enumerate()
        time.sleep(0.02)
