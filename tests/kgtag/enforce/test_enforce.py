"""Enforcement, rule by rule on a small wardrobe, and the promise on random taxonomies: no violation, ever."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.enforce import Enforcer, EnforceSettings, violations
from kgtag.types import CandidateTag, Consistent, Plausibility, Span
from tests.strategies import taxonomies


def _concept(id: str, kind: str, **more: object) -> Concept:
    return Concept(id, "shop", kind, {"en": id.replace("-", " ")}, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def wardrobe() -> Taxonomy:
    categories = ["shop", "clothing", "t-shirts", "food", "tea"]
    values = {
        "color": ["blue", "navy", "sky-blue", "red"],
        "material": ["leather", "vegan-leather", "wool"],
        "neckline": ["crew-neck", "v-neck"],
        "flavor": ["mint"],
        "brand": ["nordvik"],
    }
    concepts = [_concept(id, "category") for id in categories]
    concepts += [
        _concept(a, "attribute", choice="single" if a in ("neckline", "brand") else "multiple") for a in values
    ]
    concepts += [_concept(v, "value") for names in values.values() for v in names]
    concepts += [_concept("azure", "value", status="deprecated"), _concept("taupe", "value", status="deprecated")]
    relations = [Relation("value_of", v, a) for a, names in values.items() for v in names]
    relations += [Relation("value_of", v, "color") for v in ("azure", "taupe")]
    relations += [
        Relation("broader", "clothing", "shop"),
        Relation("broader", "t-shirts", "clothing"),
        Relation("broader", "food", "shop"),
        Relation("broader", "tea", "food"),
        Relation("broader", "navy", "blue"),
        Relation("broader", "sky-blue", "blue"),
        Relation("excludes", "leather", "vegan-leather"),
        Relation("replaced_by", "azure", "sky-blue"),
        Relation("applies_to", "color", "clothing"),
        Relation("applies_to", "material", "clothing"),
        Relation("applies_to", "neckline", "t-shirts"),
        Relation("applies_to", "flavor", "food"),
    ]
    taxonomy = Taxonomy.of(TaxonomyData.of(1, tuple(concepts), tuple(relations)))
    assert not taxonomy.problems
    return taxonomy


def enforce(
    candidates: Sequence[CandidateTag],
    taxonomy: Taxonomy,
    *,
    plausibility: Plausibility | None = None,
    settings: EnforceSettings | None = None,
) -> Consistent:
    return Enforcer(taxonomy, plausibility=plausibility, settings=settings).enforce(candidates)


def _tag(concept: str, probability: float = 0.9, start: int | None = 0) -> CandidateTag:
    return CandidateTag(concept, probability, "exact", None if start is None else Span(start, start + 3))


def _category(concept: str, probability: float = 1.0) -> CandidateTag:
    return CandidateTag(concept, probability, "given" if probability == 1.0 else "predicted")


def _concepts(result: Consistent) -> set[str]:
    return {tag.concept for tag in result.tags}


def _rules(result: Consistent) -> dict[str, str]:
    return {dropped.tag.concept: dropped.rule for dropped in result.dropped}


class _Fixed:
    """Plausibilities by formula: what is listed, else unknown."""

    def __init__(self, known: dict[tuple[str, str, str], float]) -> None:
        self._known = known

    def probabilities(self, triples: Sequence[tuple[str, str, str]]) -> list[float | None]:
        return [self._known.get(triple) for triple in triples]


def test_ancestors_are_implied_and_name_their_reason(wardrobe: Taxonomy) -> None:
    result = enforce([_category("t-shirts"), _tag("navy")], wardrobe)
    assert _concepts(result) == {"t-shirts", "clothing", "shop", "navy", "blue"}
    implied = {tag.concept: tag.implied_by for tag in result.tags if tag.method == "implied"}
    assert implied == {"clothing": "t-shirts", "shop": "t-shirts", "blue": "navy"}


def test_exclusion_keeps_the_more_probable(wardrobe: Taxonomy) -> None:
    result = enforce([_tag("leather", 0.7), _tag("vegan-leather", 0.8, 5)], wardrobe)
    assert _concepts(result) == {"vegan-leather"}
    assert _rules(result) == {"leather": "excluded"}


def test_one_value_of_a_single_choice_attribute(wardrobe: Taxonomy) -> None:
    result = enforce([_tag("crew-neck", 0.9), _tag("v-neck", 0.6, 5)], wardrobe)
    assert _concepts(result) == {"crew-neck"}
    assert _rules(result) == {"v-neck": "single_choice"}


def test_several_values_of_a_multiple_choice_attribute(wardrobe: Taxonomy) -> None:
    assert {"navy", "red"} <= _concepts(enforce([_tag("navy"), _tag("red", start=5)], wardrobe))


def test_an_attribute_that_does_not_apply(wardrobe: Taxonomy) -> None:
    result = enforce([_category("t-shirts"), _tag("mint", 0.99)], wardrobe)
    assert _rules(result) == {"mint": "not_applicable"}
    assert "nordvik" in _concepts(enforce([_category("t-shirts"), _tag("nordvik")], wardrobe)), "applies nowhere: free"


def test_values_overrule_a_predicted_category_but_never_a_given_one(wardrobe: Taxonomy) -> None:
    evidence = [_tag("crew-neck", 0.95), _tag("navy", 0.95, 5), _tag("wool", 0.95, 9)]
    predicted = enforce([_category("tea", 0.55), _category("t-shirts", 0.51), *evidence], wardrobe)
    assert {"t-shirts", "crew-neck", "navy", "wool"} <= _concepts(predicted)
    given_category = enforce([_category("tea"), *evidence], wardrobe)
    assert _concepts(given_category) == {"tea", "food", "shop"}


def test_the_narrower_of_two_categories_on_one_line_stands_for_both(wardrobe: Taxonomy) -> None:
    result = enforce([_category("clothing", 0.9), _category("t-shirts", 0.6)], wardrobe)
    by_concept = {tag.concept: tag for tag in result.tags}
    assert by_concept["t-shirts"].method == by_concept["clothing"].method == "predicted"
    assert by_concept["shop"].implied_by == "clothing"


def test_uncertain_alternatives_back_off_to_their_common_ancestor(wardrobe: Taxonomy) -> None:
    result = enforce([_tag("navy", 0.4), _tag("sky-blue", 0.3)], wardrobe)
    (tag,) = result.tags
    assert (tag.concept, tag.method, round(tag.probability, 6)) == ("blue", "backed_off", 0.7)
    assert _rules(result) == {"navy": "uncertain", "sky-blue": "uncertain"}


def test_redirects_are_followed_and_dead_ends_dropped(wardrobe: Taxonomy) -> None:
    result = enforce([_tag("azure"), _tag("taupe", start=5)], wardrobe)
    assert _concepts(result) == {"sky-blue", "blue"}
    assert _rules(result) == {"taupe": "deprecated"}


def test_second_best_link_steps_in_when_the_best_is_impossible(wardrobe: Taxonomy) -> None:
    candidates = [_category("t-shirts"), _tag("mint", 0.9), _tag("red", 0.6)]
    result = enforce(candidates, wardrobe)
    assert "red" in _concepts(result)
    assert _rules(result) == {"mint": "not_applicable"}


def test_plausibility_moves_the_odds_and_says_so(wardrobe: Taxonomy) -> None:
    odd = _Fixed({("wool", "occurs_in", "t-shirts"): 0.05})
    candidates = [_category("t-shirts"), _tag("wool", 0.6)]
    heavy = EnforceSettings(plausibility_weight=0.5)
    result = enforce(candidates, wardrobe, plausibility=odd, settings=heavy)
    assert _rules(result) == {"wool": "implausible"}
    assert result.dropped[0].tag.plausibility == 0.05
    without = EnforceSettings(plausibility_weight=0.5, mode="symbolic")
    assert "wool" in _concepts(enforce(candidates, wardrobe, plausibility=odd, settings=without))


def test_a_plausible_attribute_is_accepted_and_proposed(wardrobe: Taxonomy) -> None:
    likely = _Fixed({("flavor", "applies_to", "t-shirts"): 0.97})
    result = enforce([_category("t-shirts"), _tag("mint")], wardrobe, plausibility=likely)
    assert "mint" in _concepts(result)
    assert [(p.head, p.relation, p.tail) for p in result.proposals] == [("flavor", "applies_to", "t-shirts")]
    assert not violations(_concepts(result), wardrobe, proposals=result.proposals)


def test_off_lets_contradictions_through_and_the_judge_sees_them(wardrobe: Taxonomy) -> None:
    candidates = [_category("tea"), _tag("crew-neck"), _tag("v-neck", start=5), _tag("leather", start=9)]
    found = violations(_concepts(enforce(candidates, wardrobe, settings=EnforceSettings(mode="off"))), wardrobe)
    assert {v.rule for v in found} == {"not_applicable", "not_closed", "single_choice"}


@st.composite
def _items(draw: st.DrawFn) -> tuple[Taxonomy, list[CandidateTag]]:
    taxonomy = Taxonomy.of(draw(taxonomies()))
    ids = [c.id for c in taxonomy if c.kind != "attribute"]
    chosen = draw(st.lists(st.sampled_from(ids), max_size=12)) if ids else []
    candidates = []
    for id in chosen:
        probability = draw(st.floats(0, 1))
        if taxonomy[id].kind == "category":
            candidates.append(CandidateTag(id, probability, draw(st.sampled_from(["given", "predicted"]))))
        else:
            start = draw(st.none() | st.integers(0, 3))
            candidates.append(CandidateTag(id, probability, "exact", None if start is None else Span(start, start + 1)))
    return taxonomy, candidates


@settings(max_examples=60, deadline=None)
@given(_items(), st.integers(0, 3))
def test_no_violation_whatever_comes_in(item: tuple[Taxonomy, list[CandidateTag]], salt: int) -> None:
    taxonomy, candidates = item

    class Hashed:
        def probabilities(self, triples: Sequence[tuple[str, str, str]]) -> list[float | None]:
            return [[None, 0.05, 0.5, 0.99][zlib.crc32(f"{triple} {salt}".encode()) % 4] for triple in triples]

    result = enforce(candidates, taxonomy, plausibility=Hashed() if salt else None)
    assert not violations((tag.concept for tag in result.tags), taxonomy, proposals=result.proposals)
    # Every candidate is accounted for: it, or what its redirects lead to, is a tag or was dropped under a rule.
    seen = {tag.concept for tag in result.tags} | {dropped.tag.concept for dropped in result.dropped}
    assert {taxonomy.resolve(candidate.concept) for candidate in candidates} <= seen


def test_what_stands_above_a_tag_is_implied_though_it_redirects_to_the_tag() -> None:
    concepts = (_concept("old", "category"), _concept("new", "category"))
    relations = (Relation("broader", "new", "old"), Relation("replaced_by", "old", "new"))
    taxonomy = Taxonomy.of(TaxonomyData.of(1, concepts, relations))
    assert _concepts(enforce([_category("old", 0.9)], taxonomy)) == {"old", "new"}


def test_huge_conflicts_are_settled_in_bounded_time() -> None:
    values = [_concept(f"v{i:03}", "value") for i in range(300)]
    concepts = [_concept("a", "attribute", choice="single"), *values]
    taxonomy = Taxonomy.of(TaxonomyData.of(1, tuple(concepts), tuple(Relation("value_of", v.id, "a") for v in values)))
    candidates = [_tag(v.id, 0.5 + i / 1000, start=3 * i) for i, v in enumerate(values)]
    result = enforce(candidates, taxonomy)
    assert _concepts(result) == {"v299"}


def test_a_value_within_a_longer_value_is_part_of_it() -> None:
    concepts = [_concept("tea", "attribute"), _concept("colour", "attribute")]
    concepts += [_concept(id, "value") for id in ("green", "green-tea", "mint", "red")]
    edges = [
        Relation("value_of", id, home)
        for id, home in zip(("green", "green-tea", "mint", "red"), ("colour", "tea", "tea", "colour"), strict=True)
    ]
    taxonomy = Taxonomy.of(TaxonomyData.of(1, tuple(concepts), tuple(edges)))
    whole = CandidateTag("green-tea", 0.7, "exact", span=Span(0, 9))
    inner = CandidateTag("green", 0.95, "exact", span=Span(0, 5))
    apart = CandidateTag("red", 0.9, "exact", span=Span(10, 13))
    result = enforce([whole, inner, apart], taxonomy)
    assert _concepts(result) == {"green-tea", "red"}
    assert [(one.tag.concept, one.rule, one.against) for one in result.dropped] == [("green", "outranked", "green-tea")]
