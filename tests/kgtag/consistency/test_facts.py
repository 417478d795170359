"""What enforcement remembers of a taxonomy against the taxonomy itself."""

from __future__ import annotations

import pytest
from hypothesis import given

from graph.errors import UnknownConcept
from graph.model import TaxonomyData
from graph.taxonomy import Taxonomy
from kgtag.consistency.facts import Facts
from tests.strategies import taxonomies


@given(taxonomies())
def test_facts_are_what_the_taxonomy_says(data: TaxonomyData) -> None:
    taxonomy = Taxonomy.of(data)
    facts = Facts(taxonomy)
    for a in taxonomy.ids:
        one = facts.of(a)
        assert one.id == taxonomy.resolve(a)
        assert list(one.above) == taxonomy.ancestors(one.id)
        assert one.attribute == taxonomy.attribute_of(one.id)
        for b in taxonomy.ids:
            other = facts.of(b)
            assert one.excludes(other) == taxonomy.excluded(one.id, other.id)
            if one.id != other.id:
                assert one.rivals(other) == taxonomy.rival(one.id, other.id)
            if one.kind == "attribute" and other.kind == "category":
                applies = taxonomy.out(one.id, "applies_to")
                inherited = one.id in taxonomy.attributes_for(other.id)
                assert facts.asserted(one.id, other.id) == (not applies or inherited)


def test_a_concept_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownConcept, match="nowhere"):
        Facts(Taxonomy.of(TaxonomyData.of(1, (), ()))).of("nowhere")
