"""The texts of the page: each once, in both languages, and every one that a view asks for."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import api

PAGE = Path(api.__file__).parent / "page"


def test_every_text_stands_once_in_both_languages_and_none_is_missing() -> None:
    lines = [
        line for line in (PAGE / "texts.js").read_text(encoding="utf-8").splitlines() if re.match(r"  \w+: \{", line)
    ]
    names = [line.split(":")[0].strip() for line in lines]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert [line for line in lines if not re.search(r'\{ en: ".+", zh: ".+" \},?$', line)] == []
    asked = {
        name for file in PAGE.glob("*.js") for name in re.findall(r'\bt\("(\w+)"', file.read_text(encoding="utf-8"))
    }
    assert asked - set(names) == set()
