"""Settings from the environment: checked once, with an error of one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.errors import InputError
from kgtag.serve.settings import read_settings
from tests.kgtag.running import main

WRONG = [
    ("THRESHOLD", "7", "less than or equal to 1"),
    ("THRESHOLD", "high", "valid number"),
    ("MODE", "foo", "'off', 'symbolic' or 'full'"),
    ("PRECISION", "fp8", "'fp32' or 'int8'"),
    ("POLL_SECONDS", "0", "greater than 0"),
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_a_wrong_setting_is_an_error_of_one_line(tmp_path: Path, name: str, value: str, expected: str) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    ran = main("init", "--store", url, env={f"KGTAG_{name}": value})
    assert ran.code == 2 and ran.stdout == ""
    (line,) = ran.stderr.strip().splitlines()
    assert f"KGTAG_{name} is {value!r}" in line and expected in line
    assert not (tmp_path / "shop.db").exists()


def test_what_is_given_counts_more_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGTAG_STORE", "sqlite:///there.db")
    monkeypatch.setenv("KGTAG_THRESHOLD", "0.7")
    settings = read_settings(store="sqlite:///here.db", model=None)
    assert (settings.store, settings.threshold, settings.model) == ("sqlite:///here.db", 0.7, None)


def test_a_wrong_value_is_named_wherever_it_comes_from() -> None:
    with pytest.raises(InputError, match=r"KGTAG_MODE is 'foo'"):
        read_settings(mode="foo")
