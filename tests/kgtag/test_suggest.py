"""Completions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graph.model import Concept, TaxonomyData
from graph.taxonomy import Taxonomy
from kgtag.suggest import Suggester


def _concept(id: str, en: str, **more: object) -> Concept:
    return Concept(id, "s", "category", {"en": en, **({"zh": more.pop("zh")} if "zh" in more else {})}, **more)  # type: ignore[arg-type,dict-item]


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    concepts = [
        _concept("boots", "Boots", zh="靴子"),
        _concept("hiking", "Hiking boots", zh="登山靴"),
        _concept("bootcut", "Boot-cut jeans"),
        _concept("wellies", "Wellingtons", alt_label={"en": ("boots of rubber",)}, hidden_label={"en": ("bootz",)}),
        replace(_concept("old", "Boots of old"), status="deprecated"),
    ]
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), ()))


def _ids(suggester: Suggester, text: str, **options: str) -> list[str]:
    return [s.concept for s in suggester.suggest(text, **options)]  # type: ignore[arg-type]


def test_preferred_before_alternative_start_before_inner_word(taxonomy: Taxonomy) -> None:
    found = Suggester(taxonomy).suggest("boot")
    assert [s.concept for s in found] == ["boots", "bootcut", "wellies", "hiking"]
    assert (found[2].label, found[2].pref_label) == ("boots of rubber", "Wellingtons")


def test_case_hyphens_and_chinese(taxonomy: Taxonomy) -> None:
    suggester = Suggester(taxonomy)
    assert _ids(suggester, "BOOT CUT") == ["bootcut"]
    assert _ids(suggester, "靴") == ["boots", "hiking"]
    assert _ids(suggester, "山靴") == ["hiking"]
    assert _ids(suggester, "boot", lang="zh") == [] and _ids(suggester, "boot", kind="value") == []


def test_hidden_and_deprecated_are_not_shown_and_nothing_completes_nothing(taxonomy: Taxonomy) -> None:
    suggester = Suggester(taxonomy)
    assert _ids(suggester, "bootz") == [] and "old" not in _ids(suggester, "boots of")
    assert _ids(suggester, "") == _ids(suggester, " - ") == _ids(suggester, "\U0010ffff") == []


def test_what_many_items_carry_comes_first(taxonomy: Taxonomy) -> None:
    popular = taxonomy.index("bootcut")
    suggester = Suggester(taxonomy, popularity=lambda i: 9 if i == popular else 0)
    assert _ids(suggester, "boot")[0] == "bootcut"
    assert len(suggester.suggest("boot", limit=2)) == 2
