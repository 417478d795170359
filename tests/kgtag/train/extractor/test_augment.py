from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from kgtag.train.extractor.prepare import ValueSwapper
from kgtag.types import AnnotatedProduct, Product, Span

WORDS = ("Acme", "runner", "5.5in", "dark blue", "leather", "红色", "跑步鞋", "2 in 1", '12"', "x-ray", "3 kg", "steel")
VALUES = {"Color": ["teal", "深蓝"], "Size": ["9 cm"]}


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
    made = ValueSwapper(data, VALUES, probability=1, texts=True)
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


def shoe(title: str, **values: str) -> AnnotatedProduct:
    return AnnotatedProduct(Product("1", title, category="Shoe"), {name: (value,) for name, value in values.items()})


def variants(one: AnnotatedProduct, *others: AnnotatedProduct, probability: float = 1) -> set[str]:
    made = ValueSwapper([one, *others], VALUES, probability=probability, texts=True)
    found = (made.variant(0, one, random.Random(seed)) for seed in range(60))
    return {one.product.title for one in found if one is not None}


def test_values_come_from_other_titles_and_the_taxonomy() -> None:
    found = variants(shoe("red shoe red", Color="red"), shoe("blue shoe", Color="blue"))
    assert found == {"blue shoe blue", "teal shoe teal", "深蓝 shoe 深蓝"}


def test_a_swapped_value_is_swapped_in_the_text_too() -> None:
    product = Product("1", "red shoe", "A shoe in red, not crimson.", category="Shoe")
    one = AnnotatedProduct(
        product, {"Color": ("red", "crimson")}, (("Color", Span(0, 3)), ("Color", Span(10, 13, "text")))
    )
    made = ValueSwapper([one], VALUES, probability=1, texts=True)
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


def test_chance_may_leave_a_title_alone() -> None:
    assert variants(shoe("red shoe", Color="red"), probability=0) == set()
