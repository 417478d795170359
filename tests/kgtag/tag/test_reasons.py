"""Why a tag was given or left out, in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from kgtag import load
from kgtag.data import sample
from kgtag.pipeline import Pipeline
from kgtag.tag.reasons import sentences, with_reasons
from kgtag.types import DroppedTag, Nil, Rule, Span, Tag, Tagging


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return load(store=str(sample.TAXONOMY))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Nordvik merino crew socks", "Merino wool: 'merino' in the title is a label of it; probability"),
        ("Nordvik merino crew socks", "Wool: broader than Merino wool"),
        ("Not waterproof dome tent", "Waterproof, left out: the product is denied it, or free of it ('waterproof'"),
        (
            "Case for headphones, red",
            "Headphones, left out: it is what the product goes with ('headphones' in the title)",
        ),
        ("Chocolate bar, dark", "Dark roast, left out: its attribute does not apply to Chocolate bars ('dark' in"),
        ("绿茶 100克", "绿茶: '绿茶' in the title is a label of it; probability"),
    ],
)
def test_what_people_read(pipeline: Pipeline, title: str, expected: str) -> None:
    found = list(sentences(pipeline(title).to_dict()))
    assert any(one.startswith(expected) for one in found), found


def _dropped(rule: Rule, against: str | None, **more: Any) -> str:
    kept = Tag("blue", "Blue", "value", "exact", 0.9, attribute="color")
    lost = Tag("red", "Red", more.pop("kind", "value"), "dense", 0.31, span=Span(0, 3), surface="ruby", **more)
    row = Tagging("1", (kept,), (DroppedTag(lost, rule, against),), (), "m", "r").to_dict()
    return with_reasons(row)["dropped"][0]["why"]


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        (_dropped("uncertain", None), "only 0.31 probable ('ruby' in the title)"),
        (_dropped("implausible", None, plausibility=0.04), "hardly ever seen in this category (plausibility 0.04)"),
        (_dropped("excluded", "blue"), "Blue (color) excludes it"),
        (_dropped("single_choice", "blue"), "Blue (color) is the one value of the attribute"),
        (_dropped("single_choice", "blue", kind="category"), "Blue (color) is the one category"),
        (_dropped("outranked", "blue"), "Blue (color) is the better reading of the same words"),
        (
            _dropped("not_applicable", "blue", kind="category"),
            "Blue (color) is chosen, an attribute that does not apply to it",
        ),
        (_dropped("duplicate", None), "the same tag has more probable evidence"),
    ],
)
def test_every_rule_has_its_words(why: str, expected: str) -> None:
    assert why.startswith(expected)


def test_tags_say_how_they_were_found() -> None:
    methods = {
        "given": "given with the product",
        "backed_off": "none of the narrower ones is certain enough; together they point here; unusual in this"
        " category; probability 0.80",
        "fuzzy": "'redd' in the title is spelt almost like a label of it; unusual in this category; probability 0.80",
        "dense": "'redd' in the title means it most likely; unusual in this category; probability 0.80",
    }
    for method, expected in methods.items():
        tag = Tag("red", "Red", "value", method, 0.8, span=Span(0, 4), surface="redd", plausibility=0.1)  # type: ignore[arg-type]
        boots = Tag("boots", "Boots", "category", "exact", 0.9)
        row = with_reasons(Tagging("1", (tag, boots), (), (Nil(Span(5, 9), "teal", None, 0.9),), "m", "r").to_dict())
        assert row["tags"][0]["why"] == expected
        assert "'teal' looks like a value" in row["nil"][0]["why"]
