"""Concepts in the terms of another scheme."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graph.columns.assemble import TaxonomyData
from graph.crosswalk import Crosswalk, Mapped
from graph.errors import UnknownConcept
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy

OURS = ("goods", "shoes", "trail-shoes", "hats", "caps")
THEIRS = ("t-shoes", "t-sneakers", "t-old", "t-new")
EDGES = (
    Relation("broader", "caps", "hats", primary=True),
    Relation("broader", "hats", "goods", primary=True),
    Relation("broader", "shoes", "goods", primary=True),
    Relation("broader", "trail-shoes", "shoes", primary=True),
    Relation("close_match", "shoes", "t-sneakers"),
    Relation("exact_match", "shoes", "t-shoes"),
    Relation("exact_match", "caps", "t-old"),
    Relation("replaced_by", "t-old", "t-new"),
)


def walk(*left_out: Relation, scheme: str = "theirs") -> Crosswalk:
    concepts = [Concept(id, "ours", "category", {"en": id}) for id in OURS]
    concepts += [Concept(id, "theirs", "category", {"en": id.title()}) for id in THEIRS]
    concepts = [replace(one, status="deprecated") if one.id == "t-old" else one for one in concepts]
    edges = tuple(sorted(edge for edge in EDGES if edge not in left_out))
    concepts.sort(key=lambda one: one.id)
    return Crosswalk(Taxonomy.of(TaxonomyData.of(0, tuple(concepts), edges)), scheme)


def test_an_exact_match_comes_before_a_close_one() -> None:
    assert walk().find("shoes") == Mapped("t-shoes", "exact")
    assert walk(EDGES[5]).find("shoes") == Mapped("t-sneakers", "close")


def test_a_concept_without_a_match_has_that_of_the_nearest_broader_one() -> None:
    assert walk().find("trail-shoes") == Mapped("t-shoes", "broader", "shoes")
    assert walk().find("hats") is None


def test_a_deprecated_counterpart_leads_to_what_replaces_it() -> None:
    assert walk().find("caps") == Mapped("t-new", "exact")
    assert walk(EDGES[7]).find("caps") is None


def test_matches_lead_both_ways_and_a_concept_of_the_scheme_is_its_own() -> None:
    assert walk(scheme="ours").find("t-shoes") == Mapped("shoes", "exact")
    assert walk().find("t-new") == Mapped("t-new", "exact")


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(UnknownConcept, match=r"scheme 'google'.*'ours', 'theirs'"):
        walk(scheme="google")
