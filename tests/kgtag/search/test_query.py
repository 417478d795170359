"""Search queries parsed, on the sample shop."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from elasticsearch.dsl.exceptions import UnknownDslObject
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.errors import TextError
from graph.model import Concept
from graph.sources import Taxonomy
from graph.taxonomy import Taxonomy as Snapshot
from kgtag.data import sample
from kgtag.link.linker import TaxonomyLinker
from kgtag.search.amounts import find_amounts
from kgtag.search.parsed import ParsedQuery
from kgtag.search.query import QueryParser
from kgtag.types import Candidate, Linked, Query
from tests.kgtag.search.grammar import check_body, opensearch
from tests.kgtag.search.shop_queries import QUERIES


@pytest.fixture(scope="module")
def taxonomy() -> Snapshot:
    return Taxonomy.load(sample.TAXONOMY)


@pytest.fixture(scope="module")
def parser(taxonomy: Snapshot) -> QueryParser:
    return QueryParser(taxonomy)


def _answer(parsed: ParsedQuery) -> tuple[str | None, set[str], set[str], list[str]]:
    wanted = {span.concepts[0].concept for span in parsed.spans if span.attribute and span.rule is None}
    denied = {span.concepts[0].concept if span.concepts else span.surface for span in parsed.spans if span.negated}
    amounts = [span.amount.type for span in parsed.spans if span.amount is not None]
    return parsed.category and parsed.category.concept, wanted, denied, amounts


def test_queries_of_the_shop_are_read_as_people_mean_them(parser: QueryParser) -> None:
    wrong = []
    for query, category, values, denied, amounts in QUERIES:
        found = _answer(parser.parse(query))
        if found != (category, set(values.split()), set(denied.split()), amounts.split()):
            wrong.append((query, found))
    assert len(wrong) <= 1, wrong  # "羊毛衫" is a label of no category


@pytest.mark.parametrize(
    ("query", "denied"),
    [
        ("不是羊毛的围巾", "羊毛"),
        ("袜子 非羊毛", "羊毛"),
        ("羽绒服 除了黑色", "黑色"),
        ("除黑色以外的背包", "黑色"),
        ("不带吸管的水杯", "带吸管"),
    ],
)
def test_what_denies_is_not_denied_itself(parser: QueryParser, query: str, denied: str) -> None:
    parsed = parser.parse(query)
    assert [span.surface for span in parsed.spans if span.negated] == [denied]
    assert parsed.category is not None


@pytest.mark.parametrize("query", ["有没有黑色的背包", "是不是黑色的背包", "有无黑色背包"])
def test_a_question_either_way_denies_nothing(parser: QueryParser, query: str) -> None:
    parsed = parser.parse(query)
    assert [(span.surface, span.negated) for span in parsed.spans] == [("黑色", False), ("背包", False)]


def test_bounds_that_are_joined_stay_apart() -> None:
    found = [(one.type, one.low, one.high, one.unit) for one in find_amounts("tent under 2 kg and under 300 euro")]
    assert found == [("quantity", None, 2.0, "kg"), ("price", None, 300.0, "EUR")]
    (cheap,) = find_amounts("lamp cheaper than 25 pounds")
    assert (cheap.type, cheap.high, cheap.unit) == ("price", 25.0, "GBP")


def test_probabilities_are_calibrated(parser: QueryParser) -> None:
    """Mean probability of the best concepts against the share that is right."""
    outcomes = []
    for query, category, values, denied, _ in QUERIES:
        right = {category, *values.split(), *denied.split()}
        spans = (span for span in parser.parse(query).spans if span.concepts and span.rule in (None, "negated"))
        outcomes += [(span.concepts[0].probability, span.concepts[0].concept in right) for span in spans]
    mean = sum(probability for probability, _ in outcomes) / len(outcomes)
    assert abs(mean - sum(right for _, right in outcomes) / len(outcomes)) < 0.08
    assert all(sum(one.probability for one in span.concepts) <= 1.0001 for span in parser.parse("green dress").spans)


@pytest.mark.parametrize("query", [row[0] for row in QUERIES])
def test_the_body_is_a_search_request(parser: QueryParser, query: str) -> None:
    parsed = parser.parse(query)
    check_body(parsed.to_dict()["elasticsearch"])
    for span in parsed.spans:
        assert parsed.query[span.start : span.end] == span.surface


def test_the_grammar_refuses_what_a_server_would() -> None:
    with pytest.raises(UnknownDslObject):
        check_body({"query": {"terms_of": {}}})
    for wrong in ({"range": {"price": {"until": 5}}}, {"term": {"concepts": {"worth": "x"}}}, {"terms": {"size": []}}):
        with pytest.raises((AssertionError, ValueError)):
            check_body({"query": wrong})


@pytest.mark.parametrize("wrong", [{"bool": {"must_have": []}}, {"multi_match": {"query": "x", "field": "title"}}])
def test_the_grammar_of_opensearch_knows_parameters(wrong: dict[str, dict[str, object]]) -> None:
    ((name, inner),) = wrong.items()
    with pytest.raises(AssertionError, match=name):
        opensearch(name, inner)


def test_what_the_body_asks_for(parser: QueryParser) -> None:
    body = parser.parse("wool socks men under $20 no polyester").to_dict()["elasticsearch"]["query"]["bool"]
    assert body["filter"] == [{"range": {"price": {"lte": 20.0}}}]
    assert body["must_not"] == [{"terms": {"concepts": ["material.polyester"]}}]
    terms = [clause["bool"]["should"][0]["term"]["concepts"]["value"] for clause in body["must"]]
    assert sorted(terms) == ["audience.men", "material.wool", "socks"]
    two = parser.parse("wool or cashmere scarf").to_dict()["elasticsearch"]["query"]["bool"]["must"]
    assert len(two) == 2, "one of the materials is enough"
    words = parser.parse("pasta without gluten").to_dict()["elasticsearch"]["query"]["bool"]
    assert {"multi_match": {"query": "gluten free", "fields": ["title^2", "text"], "type": "phrase"}} in words[
        "must_not"
    ][0]["bool"]["must_not"], "what is free of gluten says so"


def test_expansions_and_facets(parser: QueryParser) -> None:
    parsed = parser.parse("red sneakers")
    why = {one.text: one.why for one in parsed.expansions}
    assert (why["scarlet"], why["Burgundy"], why["运动鞋"]) == ("synonym", "narrower", "translation")
    assert all(0 < one.weight <= 1 for one in parsed.expansions)
    assert not parser.parse("no red").expansions, "what is excluded is not searched for"
    assert {"color", "size", "material"} <= {facet.attribute for facet in parsed.facets}
    assert parser.parse("红色 连衣裙", lang="en").spans[0].concepts[0].label == "Red"


def test_popular_values_and_concepts_come_first(taxonomy: Snapshot) -> None:
    teal = taxonomy.index("color.teal")
    dresses = taxonomy.index("dresses")
    parser = QueryParser(
        taxonomy, popularity=lambda i: 9 if i == teal else 0, within=lambda i: {teal: 5} if i == dresses else {}
    )
    parsed = parser.parse("green dress")
    assert next(one.text for one in parsed.expansions if one.why == "narrower") == "Teal"
    assert parsed.facets[0].values[0] == ("color.teal", "Teal", 5), "counted within the category"
    elsewhere = next(one for one in parser.parse("green scarf").facets if one.attribute == "color")
    assert elsewhere.values[0] == ("color.teal", "Teal", 0)
    first, _, third, *_ = repr(parsed).splitlines()
    assert (first, third) == ("ParsedQuery of 'green dress' (Dresses, 0.97)", "  dress: category; Dresses 0.97")


@pytest.mark.parametrize(
    ("query", "category", "remainder"),
    [
        ("leather-free bag", "bags", ""),
        ("dairy free chocolate", "chocolate-bars", ""),
        ("backpack not too heavy", "backpacks", "not too heavy"),
        ("不太重的背包", "backpacks", "不太重"),
        ("tee 100% cotton", "t-shirts", "100%"),
    ],
)
def test_what_is_wished_for_neither_excludes_nor_requires_its_words(
    parser: QueryParser, query: str, category: str, remainder: str
) -> None:
    parsed = parser.parse(query)
    assert parsed.category is not None and (parsed.category.concept, parsed.remainder) == (category, remainder)
    clauses = parsed.elasticsearch["query"]["bool"]  # type: ignore[index]
    assert "multi_match" not in {name for clause in clauses["must"] for name in clause}
    assert bool(clauses.get("must_not")) == ("free" in query)


@pytest.mark.parametrize(
    ("query", "denied", "remainder"),
    [("无苦瓜洗发水", "苦瓜", ""), ("免洗洗发水", "", "免洗"), ("围巾 非丝光", "丝光", "")],
)
def test_words_are_denied_without_what_denies_them(
    parser: QueryParser, query: str, denied: str, remainder: str
) -> None:
    parsed = parser.parse(query)
    assert "".join(span.surface for span in parsed.spans if span.negated) == denied
    assert parsed.remainder == remainder


def test_a_model_number_makes_no_fruit() -> None:
    fruit = [Concept("case", "s", "category", {"zh": "手机壳"}), Concept("apple", "s", "category", {"zh": "苹果"})]
    parsed = QueryParser(Snapshot.of(TaxonomyData.of(0, tuple(fruit[::-1]), ()))).parse("手机壳 苹果15")
    assert parsed.category is not None and parsed.category.concept == "case"


@pytest.mark.parametrize("query", ["", "  ", "x" * 301])
def test_what_is_not_a_query(parser: QueryParser, query: str) -> None:
    with pytest.raises(TextError):
        parser.parse(query)


@settings(max_examples=80, deadline=None)
@given(st.text(st.sampled_from("red 红dress-no$20.5x,\"'无不要的 for tent[]>:"), min_size=1, max_size=40))
def test_any_text_gives_a_sound_answer(query: str) -> None:
    try:
        parsed = _SHARED.parse(query)
    except TextError:
        return
    check_body(parsed.to_dict()["elasticsearch"])
    ends = [0, *(span.end for span in parsed.spans)]
    assert all(span.start >= end for span, end in zip(parsed.spans, ends, strict=False))


_SHARED = QueryParser(Taxonomy.load(sample.TAXONOMY))


class _Trained(TaxonomyLinker):
    """Knows one thing that no label says."""

    version = "trained"

    def link(self, queries: Sequence[Query]) -> list[Linked]:
        found = super().link([query for query in queries if query.text != "wigglers"])
        socks = Candidate("sneakers", 0.8, 0.8, "dense")
        return [Linked((socks,), socks) if query.text == "wigglers" else found.pop(0) for query in queries]


def test_a_trained_linker_reads_what_no_label_says(taxonomy: Snapshot) -> None:
    linker = _Trained(taxonomy)
    linker.version = "trained"
    parsed = QueryParser(taxonomy, lambda: linker).parse("blue wigglers")
    assert parsed.category is not None and (parsed.category.concept, parsed.remainder) == ("sneakers", "")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("under $200", ("price", None, 200.0, "USD")),
        ("50元以下", ("price", None, 50.0, "CNY")),
        ("不超过300块", ("price", None, 300.0, "CNY")),
        ("50-100元", ("price", 50.0, 100.0, "CNY")),
        ("between 20 and 40 dollars", ("price", 20.0, 40.0, "USD")),
        ("around €50", ("price", 40.0, 60.0, "EUR")),
        ("£30 or less", ("price", None, 30.0, "GBP")),
        ("¥99以内", ("price", None, 99.0, "CNY")),
        ("unter 50 €", ("price", None, 50.0, "EUR")),
        ("under 50", ("price", None, 50.0, None)),
        ("4 person", ("quantity", 4.0, 4.0, "persons")),
        ("6 months", ("quantity", 6.0, 6.0, "months")),
        ("3-5 years", ("quantity", 36.0, 60.0, "months")),
        ("ages 3+", ("quantity", 36.0, None, "months")),
        ("pack of 6", ("quantity", 6.0, 6.0, "count")),
        ("500ml", ("quantity", 0.5, 0.5, "l")),
        ("less than 2 m", ("quantity", None, 2.0, "m")),
    ],
)
def test_amounts(query: str, expected: tuple[str, float | None, float | None, str | None]) -> None:
    (found,) = find_amounts(f"thing {query}")
    assert (found.type, found.low, found.high, found.unit) == expected


@pytest.mark.parametrize(
    ("query", "size"), [("size 10", "10"), ("eu 42", "EU 42"), ("42码", "42"), ("120码", "120"), ("2xl", "2XL")]
)
def test_sizes(query: str, size: str) -> None:
    (found,) = find_amounts(query)
    assert (found.type, found.text) == ("size", size)


@pytest.mark.parametrize(
    "query", ["iphone 13", "5g phone", "king size bed", "under bed box", "100% cotton", "from 2020"]
)
def test_numbers_that_are_no_amounts(query: str) -> None:
    assert find_amounts(query) == []
