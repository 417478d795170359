"""Cached facts against the taxonomy itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from graph.columns.assemble import TaxonomyData
from graph.errors import UnknownConcept
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.enforce.conflicts import Facts
from tests.strategies import taxonomies


@settings(max_examples=30)
@given(taxonomies())
def test_facts_equal_the_taxonomy(data: TaxonomyData) -> None:
    taxonomy = Taxonomy.of(data)
    facts = Facts(taxonomy)
    for a in taxonomy.ids:
        one = facts.of(a)
        assert (one.id, facts.resolved(a).id) == (a, taxonomy.resolve(a))
        assert list(one.above) == taxonomy.ancestors(one.id)
        assert one.attribute == taxonomy.attribute_of(one.id)
        for b in taxonomy.ids:
            other = facts.of(b)
            assert one.excludes(other) == taxonomy.excluded(one.id, other.id)
            assert one.competes(other) == other.competes(one)
            same = one.attribute is not None and one.attribute == other.attribute
            related = one.id == other.id or one.id in other.above or other.id in one.above
            assert one.competes(other) == (same and taxonomy[one.attribute].choice == "single" and not related)
            if one.kind == "attribute" and other.kind == "category":
                applies = taxonomy.out(one.id, "applies_to")
                inherited = one.id in taxonomy.attributes_for(other.id)
                assert facts.applies(one.id, other.id) == (not applies or inherited)


def test_values_of_a_single_choice_attribute_compete_unless_one_is_broader() -> None:
    homes = {"red": "color", "crimson": "color", "blue": "color", "gaff": "sail", "jib": "sail"}
    concepts = (
        Concept("color", "shop", "attribute", {"en": "color"}, choice="single"),
        Concept("sail", "shop", "attribute", {"en": "sail"}),
        *(Concept(id, "shop", "value", {"en": id}) for id in homes),
    )
    relations = [Relation("value_of", value, home) for value, home in homes.items()]
    relations.append(Relation("broader", "crimson", "red"))
    facts = Facts(Taxonomy.of(TaxonomyData.of(1, concepts, tuple(relations))))
    assert facts.of("blue").competes(facts.of("crimson"))
    compatible = [("red", "crimson"), ("gaff", "jib"), ("red", "gaff"), ("red", "red"), ("color", "sail")]
    assert not any(facts.of(a).competes(facts.of(b)) for a, b in compatible)


def test_a_concept_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownConcept, match="nowhere"):
        Facts(Taxonomy.of(TaxonomyData.of(1, (), ()))).of("nowhere")
