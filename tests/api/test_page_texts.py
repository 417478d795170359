"""The texts of the page: each once, in both languages, and every one that a view asks for."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import get_args

import api
from api.errors import STATUS
from graph.audit import check_names
from graph.model.concepts import ProblemCode
from kgtag.types import Rule

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
    families = tuple(name for name in asked if name.endswith("_"))
    assert {name for name in asked if name not in names and name not in families} == set()
    assert all(any(name.startswith(family) for name in names) for family in families)


def test_what_the_service_says_has_a_chinese_word_for_each_stable_name() -> None:
    text = (PAGE / "chinese.js").read_text(encoding="utf-8")

    def names(table: str) -> set[str]:
        body = text.split(f"const {table} = {{")[1].split("\n};")[0]
        return set(re.findall(r'^  "?([\w-]+)"?: ', body, re.MULTILINE))

    assert names("PROBLEMS") == set(STATUS)
    assert names("INVARIANTS") == set(get_args(ProblemCode))
    assert names("CHECKS") == {*check_names(), "implausible_broader", "implausible_tag"}
    assert names("RULES") == set(get_args(Rule))
