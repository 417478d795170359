from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.formats.annotated import AnnotatedRow, induce
from graph.formats.parsed import Parsed
from graph.labels import normalise, singular, slug
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy


def _category(id: str, label: str, **labels: str) -> Concept:
    return Concept(id, "shop", "category", {"en": label, **labels})


SHOP = Taxonomy.of(
    TaxonomyData.of(
        0,
        (
            _category("s", "Shoes", zh="鞋"),
            _category("s-1", "Sandals"),
            _category("s-1-1", "Shoes"),
            _category("t", "Running Shorts"),
        ),
        (Relation("broader", "s-1", "s", primary=True), Relation("broader", "s-1-1", "s-1", primary=True)),
    )
)


def _induce(rows: Iterable[AnnotatedRow], onto: Taxonomy = SHOP) -> Parsed:
    return induce(rows, onto, scheme="ae", lang="en")


def test_surfaces_that_normalise_alike_are_one_value() -> None:
    rows = [AnnotatedRow("Shoes", {"Color": [c]}) for c in ("navy-blue", "Navy Blue", "Navy Blue", "red")]
    found = _induce(rows)
    assert found.concepts == (
        Concept("ae:color", "ae", "attribute", {"en": "Color"}),
        Concept("ae:color.navy-blue", "ae", "value", {"en": "Navy Blue"}, {"en": ("navy-blue",)}),
        Concept("ae:color.red", "ae", "value", {"en": "red"}),
    )


def test_attributes_apply_to_the_best_known_category() -> None:
    rows = [
        AnnotatedRow("shoe", {"Color": ["red"]}),
        AnnotatedRow("鞋", {"Size": ["5"]}),
        AnnotatedRow("s-1", {"Size": []}),
    ]
    found = _induce(rows)
    assert [r for r in found.relations if r.type == "applies_to"] == [
        Relation("applies_to", "ae:color", "s"),
        Relation("applies_to", "ae:size", "s"),
        Relation("applies_to", "ae:size", "s-1"),
    ]
    assert found.notes == (
        "1 categories fit several concepts; the one nearest to the other categories, then the shallowest, was taken, "
        "e.g. 'shoe' is 's' (Shoes)",
    )


def test_company_decides_between_categories_of_one_name() -> None:
    shampoos = (_category("pets", "Pets"), _category("pets-1", "Shampoo"), _category("care", "Care"))
    shampoos += (_category("care-1", "Hair"), _category("care-1-1", "Shampoo"), _category("care-2", "Soap"))
    parents = {"pets-1": "pets", "care-1": "care", "care-1-1": "care-1", "care-2": "care"}
    edges = tuple(Relation("broader", low, high, primary=True) for low, high in parents.items())
    onto = Taxonomy.of(TaxonomyData.of(0, shampoos, edges))
    alone = _induce([AnnotatedRow("Shampoo", {"Scent": ["rose"]})], onto)
    assert Relation("applies_to", "ae:scent", "pets-1") in alone.relations
    among = _induce([AnnotatedRow(name, {"Scent": ["rose"]}) for name in ("Shampoo", "Soaps")], onto)
    assert [r.target for r in among.relations if r.type == "applies_to"] == ["care-1-1", "care-2"]


def test_unknown_categories_are_new_and_linked_to_close_ones() -> None:
    found = _induce([AnnotatedRow("Shorts, Running", {"Color": ["red"]}), AnnotatedRow("Guitars", {"Color": ["red"]})])
    new = [concept for concept in found.concepts if concept.kind == "category"]
    assert [concept.label() for concept in new] == ["Guitars", "Shorts, Running"]
    assert Relation("close_match", new[1].id, "t") in found.relations
    assert not any(r.type == "close_match" and new[0].id in (r.source, r.target) for r in found.relations)
    assert {r.target for r in found.relations if r.type == "applies_to"} == {concept.id for concept in new}


def test_inducing_again_on_the_result_changes_nothing() -> None:
    rows = [AnnotatedRow("Guitars", {"Color": ["red"]}), AnnotatedRow(None, {"Brand": ["X"]})]
    once = _induce(rows)
    onto = Taxonomy.of(TaxonomyData.of(1, (*SHOP.concepts, *once.concepts), (*SHOP.relations, *once.relations)))
    assert _induce(rows, onto) == once
    assert onto.problems == ()


def test_names_of_nothing_are_left_out_and_noted() -> None:
    found = _induce([AnnotatedRow("Shoes", {"-": ["a"], "Color": [" "]})])
    assert [concept.id for concept in found.concepts] == ["ae:color"]
    assert found.notes[-1].startswith("2 names consist of separators alone")


@given(st.lists(st.text(min_size=1).map(normalise).filter(bool), unique=True, min_size=2))
def test_slugs_tell_labels_apart(keys: list[str]) -> None:
    slugs = [slug(key) for key in keys]
    assert len(set(slugs)) == len(keys)
    assert all(len(one) <= 90 and one == one.strip() and one.isprintable() for one in slugs)


def test_slugs_stay_readable() -> None:
    assert [slug(key) for key in ("deep blue", "鞋 子", "3.5g", "café")] == ["deep-blue", "鞋-子", "3.5g", "café"]


def test_singulars_meet_their_plurals() -> None:
    pairs = {"shoes": "shoe", "dresses": "dress", "boxes": "box", "phone cases": "phone case", "batteries": "battery"}
    pairs |= {"watches": "watch", "toys": "toy", "bus": "bus", "glass": "glass", "鞋": "鞋"}
    assert all(singular(plural) == singular(one) for plural, one in pairs.items())
