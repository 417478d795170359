from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgtag.train.extractor.augment import Augmenter
from kgtag.train.extractor.options import TrainOptions
from kgtag.types import AnnotatedProduct, Product, Span

WORDS = ("Acme", "runner", "5.5in", "dark blue", "leather", "红色", "跑步鞋", "2 in 1", '12"', "x-ray", "3 kg", "steel")
VALUES = {"Color": ["teal", "深蓝"], "Size": ["9 cm"]}
ALL = TrainOptions(swap=1, shuffle=1, typos=1, units=1)


@st.composite
def products(draw: st.DrawFn) -> AnnotatedProduct:
    """Titles of words with and without blanks between them, some of them annotated, also nested and overlapping."""
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=7))
    glue = draw(st.sampled_from([" ", "", "  ", ", "]))
    title = glue.join(words)
    ends = st.integers(0, len(title))
    spans = set()
    at = 0
    for word in words:
        if name := draw(st.sampled_from(["", "", "Color", "Size"])):
            spans.add((name, Span(at, at + len(word))))
        at += len(word) + len(glue)
    first, last = sorted((draw(ends), draw(ends)))
    if title[first:last].strip() and draw(st.booleans()):
        spans.add(("Odd", Span(first, last)))
    values: dict[str, tuple[str, ...]] = {"Absent": (), "Hidden": ("nowhere to be seen",)}
    for name, span in sorted(spans, key=lambda pair: pair[1]):
        values[name] = (*values.get(name, ()), title[span.start : span.end])
    return AnnotatedProduct(
        Product("1", title, category="Shoe"), values, tuple(sorted(spans, key=lambda p: (p[1], p[0])))
    )


def surfaces(one: AnnotatedProduct) -> Counter[tuple[str, str]]:
    return Counter((name, one.product.title[span.start : span.end]) for name, span in one.spans)


@given(st.lists(products(), min_size=1, max_size=4), st.integers(0, 9))
def test_gold_stays_exact_whatever_is_done_to_titles(data: list[AnnotatedProduct], seed: int) -> None:
    made = Augmenter(data, VALUES, ALL)
    for number, one in enumerate(data):
        for turn in range(4):
            variant = made.variant(number, one, random.Random(f"{seed} {turn}"))
            if variant is None:
                continue
            title = variant.product.title
            assert all(0 <= span.start < span.end <= len(title) for _, span in variant.spans)
            assert Counter(name for name, _ in variant.spans) <= Counter(name for name, _ in place_all(one))
            for name, surface in surfaces(variant):
                assert surface in variant.attributes[name]
            assert variant.attributes["Hidden"] == ("nowhere to be seen",)
            assert variant.attributes["Absent"] == ()


def place_all(one: AnnotatedProduct) -> list[tuple[str, Span]]:
    """Every place of every value: what the augmenter takes for gold."""
    from kgtag.train.extractor.dataset import place

    return [(name, span) for name in one.attributes for span in place(one, one.product.title, name)[0]]


@given(products(), st.integers(0, 50))
def test_shuffling_moves_words_and_loses_none(one: AnnotatedProduct, seed: int) -> None:
    made = Augmenter([one], {}, TrainOptions(shuffle=1))
    variant = made.variant(0, one, random.Random(seed))
    if variant is not None:
        assert sorted(variant.product.title) == sorted(one.product.title)
        assert surfaces(variant) == Counter((n, one.product.title[s.start : s.end]) for n, s in place_all(one))


def shoe(title: str, **values: str) -> AnnotatedProduct:
    return AnnotatedProduct(Product("1", title, category="Shoe"), {name: (value,) for name, value in values.items()})


def variants(one: AnnotatedProduct, options: TrainOptions, *others: AnnotatedProduct) -> set[str]:
    made = Augmenter([one, *others], VALUES, options)
    found = (made.variant(0, one, random.Random(seed)) for seed in range(60))
    return {one.product.title for one in found if one is not None}


def test_values_come_from_other_titles_and_the_taxonomy() -> None:
    found = variants(shoe("red shoe red", Color="red"), TrainOptions(swap=1), shoe("blue shoe", Color="blue"))
    assert found == {"blue shoe blue", "teal shoe teal", "深蓝 shoe 深蓝"}


def test_a_swapped_value_is_swapped_in_the_text_too() -> None:
    product = Product("1", "red shoe", "A shoe in red, not crimson.", category="Shoe")
    one = AnnotatedProduct(
        product, {"Color": ("red", "crimson")}, (("Color", Span(0, 3)), ("Color", Span(10, 13, "text")))
    )
    made = Augmenter([one], VALUES, TrainOptions(swap=1))
    found = [made.variant(0, one, random.Random(seed)) for seed in range(40)]
    swapped = {(v.product.title, v.product.text) for v in found if v is not None and v.product.title != "red shoe"}
    assert swapped == {
        ("teal shoe", "A shoe in teal, not crimson."),
        ("深蓝 shoe", "A shoe in 深蓝, not crimson."),
        ("crimson shoe", "A shoe in crimson, not crimson."),
    }
    for variant in found:
        if variant is not None:
            assert {variant.product.cut(span) for _, span in variant.spans} == set(variant.attributes["Color"])


@pytest.mark.parametrize(
    ("title", "some", "never"),
    [
        ("belt 5.5in", {"belt 5.5 inch", 'belt 5.5"', "belt 5.5-inches"}, {"belt 5.5"}),
        ("2 in 1 mop", set(), {"2 inch 1 mop"}),
    ],
)
def test_units_are_written_otherwise_but_not_where_they_are_none(title: str, some: set[str], never: set[str]) -> None:
    found = variants(shoe(title), TrainOptions(units=1))
    assert some <= found and not never & found
    assert bool(found) == bool(some)


def test_a_misspelt_value_is_still_the_value() -> None:
    one = shoe("leather 12", Material="leather")
    made = Augmenter([one], {}, TrainOptions(typos=1))
    for seed in range(20):
        variant = made.variant(0, one, random.Random(seed))
        if variant is not None:
            ((name, span),) = variant.spans
            assert name == "Material" and span.start == 0 and variant.product.title[span.end :] == " 12"
            assert abs(span.end - 7) <= 1


def test_chance_may_leave_a_title_alone() -> None:
    assert variants(shoe("red shoe", Color="red"), TrainOptions()) == set()
