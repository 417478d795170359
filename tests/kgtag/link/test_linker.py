"""What the linker decides without training: by lookup, shared letters and built-in weights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.errors import UnknownConcept
from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.link import TaxonomyLinker
from kgtag.link.linker import _is_other_unit
from kgtag.types import Query
from tests.kgtag.link.small import small_taxonomy

LINKER = TaxonomyLinker(small_taxonomy())
SURFACES = st.one_of(
    st.sampled_from(["orange", "Mint", "navy-blue", "pnik", "黑色", "", "500ml", "zzz", "polka dots", "橙", "dark"]),
    st.text(max_size=30),
)
QUERIES = st.builds(
    Query,
    SURFACES,
    st.sampled_from([None, "color", "flavor", "capacity"]),
    st.sampled_from([None, "tea", "t-shirts"]),
    st.sampled_from([None, "en", "zh-CN", "xx"]),
)


def linked(text: str, attribute: str | None = None, category: str | None = None, lang: str | None = None) -> str | None:
    link = LINKER.link([Query(text, attribute, category, lang)])[0].link
    return link.concept if link else None


@pytest.mark.parametrize("surface", ["orange", "mint"])
def test_an_ambiguous_surface_goes_to_the_attribute_asked_for(surface: str) -> None:
    assert linked(surface, "color") == f"color.{surface}"
    assert linked(surface, "flavor") == f"flavor.{surface}"
    assert linked(surface, "scent") == f"scent.{surface}"
    assert linked(surface, "material") is None


@pytest.mark.parametrize(
    ("category", "attribute"), [("t-shirts", "color"), ("tea", "flavor"), ("face-creams", "scent")]
)
def test_the_category_decides_where_no_attribute_is_given(category: str, attribute: str) -> None:
    for surface in ("orange", "mint"):
        assert linked(surface, None, category) == f"{attribute}.{surface}"


@pytest.mark.parametrize(
    ("surface", "attribute", "concept"),
    [
        ("Polka-Dots", "pattern", "pattern.polka-dot"),
        ("STRIPE", "pattern", "pattern.striped"),
        ("men's", "audience", "audience.men"),
        ("Mens", "audience", "audience.men"),
        ("womens", "audience", "audience.women"),
        ("500ML", "capacity", "capacity.500-ml"),
        ("navyblue", "color", "color.navy"),
        ("pnik", "color", "color.pink"),
        ("lether", "material", "material.leather"),
        ("polyster", "material", "material.polyester"),
        ("黑色", "color", "color.black"),
        ("黑 色", "color", "color.black"),
        ("\u200bNavy\x00", "color", "color.navy"),
    ],
)
def test_variants_typos_and_chinese_find_their_concept(surface: str, attribute: str, concept: str) -> None:
    assert linked(surface, attribute) == concept


@pytest.mark.parametrize(
    ("surface", "attribute"),
    [("750 ml", "capacity"), ("ultraviolet", "color"), ("titanium", "material"), ("透明", "color"), ("😀", "color")],
)
def test_what_the_taxonomy_lacks_is_nil(surface: str, attribute: str) -> None:
    assert linked(surface, attribute) is None


def test_a_plural_category_links_by_its_singular() -> None:
    assert linked("t-shirt") == "t-shirts"


@given(st.lists(QUERIES, max_size=8))
def test_an_answer_does_not_depend_on_the_batch_or_on_what_was_asked_before(queries: list[Query]) -> None:
    fresh = TaxonomyLinker(LINKER.taxonomy)
    assert fresh.link(queries) == [LINKER.link([query])[0] for query in queries]


@given(QUERIES)
def test_candidates_are_ranked_distinct_and_of_the_attribute(query: Query) -> None:
    answer = LINKER.link([query])[0]
    keys = [(-candidate.score, candidate.concept) for candidate in answer.candidates]
    assert keys == sorted(keys)
    assert len({concept for _, concept in keys}) == len(keys) <= 10
    probabilities = [candidate.probability for candidate in answer.candidates]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0 <= p <= 1 for p in probabilities)
    assert answer.link in (None, *answer.candidates[:1])
    if query.attribute is not None:
        assert all(LINKER.taxonomy.attribute_of(c.concept) == query.attribute for c in answer.candidates)


@pytest.mark.parametrize(
    "text", ["", " ", "\x00\x01", "\ud800", "a" * 10_000, "橙" * 10_000, "😀" * 500, "'s", "\u200b"]
)
def test_any_text_gets_an_answer(text: str) -> None:
    assert LINKER.link([Query(text)])[0].link is None


def test_a_taxonomy_without_labels_answers_nil() -> None:
    empty = TaxonomyLinker(Taxonomy.of(TaxonomyData.of(0, (), ())))
    assert empty.link([Query("orange"), Query("")])[0].candidates == ()
    assert empty.link([]) == []


def test_equal_candidates_rank_by_id() -> None:
    twins = tuple(Concept(id, "small", "category", {"en": "Teapot"}) for id in ("teapot-b", "teapot-a"))
    answer = TaxonomyLinker(small_taxonomy(extra=twins)).link([Query("teapot")])[0]
    assert [c.concept for c in answer.candidates[:2]] == ["teapot-a", "teapot-b"]


def test_deprecated_concepts_and_other_schemes_are_no_candidates() -> None:
    extra = (
        Concept("old", "small", "category", {"en": "Gaiters"}, status="deprecated"),
        Concept("new", "other", "category", {"en": "Kettle"}, status="candidate"),
    )
    taxonomy = small_taxonomy(extra=extra)
    assert TaxonomyLinker(taxonomy).link([Query("gaiters")])[0].link is None
    answer = TaxonomyLinker(taxonomy).link([Query("kettle")])[0].link
    assert answer is not None
    assert answer.concept == "new"
    assert TaxonomyLinker(taxonomy, scheme="small").link([Query("kettle")])[0].link is None
    with pytest.raises(UnknownConcept, match="smal"):
        TaxonomyLinker(taxonomy, scheme="smal")


def test_an_unknown_attribute_is_named() -> None:
    with pytest.raises(UnknownConcept, match="colour"):
        LINKER.link([Query("orange", "colour")])


def test_a_number_is_not_linked_to_the_same_number_of_another_unit() -> None:
    liters = Concept("l20", "shop", "value", {"en": "20 L"}, {"en": ["20l"]})
    assert _is_other_unit("20 W", liters) and not _is_other_unit("20 l", liters)
    assert not _is_other_unit("20", liters) and not _is_other_unit("W 20", liters)
    assert not _is_other_unit("20 W", Concept("w", "shop", "value", {"en": "twenty"}))
