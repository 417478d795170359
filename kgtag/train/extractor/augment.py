"""Augmentation by value swaps: a title gets another value of an attribute, and its gold stays exact."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graph.errors import TextError
from kgtag.text import clean, document, field_span
from kgtag.train.extractor.dataset import place
from kgtag.types import AnnotatedProduct, Field, Span


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a title or text: words between values, or values that touch or overlap each other.

    `gold`: (attribute, span within the stretch).
    """

    text: str
    gold: tuple[tuple[str, Span], ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """A product's fields in parts; both empty for an unreadable title, no `text` where texts aren't read."""

    title: list[Part]
    text: list[Part]


class ValueSwapper:
    """Swaps values of training products.

    Args:
        data: the training products, whose values may take each other's place within a category.
        values: more values by attribute name, of a taxonomy for example.
        probability: that a product gets another value.
        texts: products' texts are read, too.
    """

    def __init__(
        self,
        data: Sequence[AnnotatedProduct],
        values: Mapping[str, Sequence[str]],
        *,
        probability: float,
        texts: bool = True,
    ) -> None:
        self._probability = probability
        self._parts = [_parts(one, texts) for one in data]
        pools: dict[tuple[str | None, str], set[str]] = defaultdict(set)
        for one, parts in zip(data, self._parts, strict=True):
            for part in parts.title + parts.text:
                for name, span in part.gold:
                    pools[one.product.category, name].add(part.text[span.start : span.end])
        self._pools = {
            key: sorted(found | {value for value in values.get(key[1], ()) if value.strip()})
            for key, found in pools.items()
        }

    def variant(self, number: int, one: AnnotatedProduct, rng: random.Random) -> AnnotatedProduct | None:
        """Return a variant of the product at `number` in the data, or None where nothing changes."""
        before = after = self._parts[number]
        if rng.random() < self._probability:
            after = self._swapped(before, one.product.category, rng)
        for _ in range(3):
            rng.random()  # drawn by options that are gone: without them, seeds of published models would differ
        return None if after == before else _joined(one, before, after)

    def _swapped(self, parts: Parts, category: str | None, rng: random.Random) -> Parts:
        """Replace one value, wherever it stands apart from others, by another of its attribute."""
        alone = sorted({(part.gold[0][0], part.text) for part in parts.title + parts.text if _alone(part)})
        if not alone:
            return parts
        name, old = rng.choice(alone)
        pool = self._pools.get((category, name), [])
        new = rng.choice(pool) if pool else old

        def other(part: Part) -> Part:
            if _alone(part) and (part.gold[0][0], part.text) == (name, old):
                return Part(new, ((name, Span(0, len(new))),))
            return part

        return Parts([other(part) for part in parts.title], [other(part) for part in parts.text])


def _parts(one: AnnotatedProduct, texts: bool) -> Parts:
    """Cut both fields, or the title alone, where gold begins and ends."""
    try:
        title = clean(one.product.title)
    except TextError:
        return Parts([], [])
    whole = document(title, one.product.text) if texts else title
    names = sorted({*one.attributes, *(name for name, _ in one.spans)})
    gold = [
        (field_span(span.start, span.end, len(title)), name) for name in names for span in place(one, whole, name)[0]
    ]
    return Parts(
        _cut(title, [pair for pair in gold if pair[0].field == "title"]),
        _cut(whole[len(title) + 1 :], [pair for pair in gold if pair[0].field == "text"]),
    )


def _cut(text: str, gold: Sequence[tuple[Span, str]]) -> list[Part]:
    left = sorted(gold, key=lambda pair: pair[0])
    parts: list[Part] = []
    done = 0
    while left:
        start, end = left[0][0].start, left[0][0].end
        group = []
        while left and left[0][0].start < end:
            span, name = left.pop(0)
            end = max(end, span.end)
            group.append((name, Span(span.start - start, span.end - start)))
        parts += [Part(text[done:start]), Part(text[start:end], tuple(group))]
        done = end
    return [*parts, Part(text[done:])]


def _alone(part: Part) -> bool:
    return len(part.gold) == 1 and part.gold[0][1] == Span(0, len(part.text))


def _joined(one: AnnotatedProduct, before: Parts, parts: Parts) -> AnnotatedProduct:
    """Return the product with the parts' text; values that stand nowhere in it stay as they were."""
    title, in_title = _field(parts.title, "title")
    text, in_text = _field(parts.text, "text")
    product = replace(one.product, title=title, text=text or one.product.text)
    spans = [*in_title, *in_text]
    values: dict[str, dict[str, None]] = {name: {} for name in one.attributes}
    for name, span in spans:
        values.setdefault(name, {})[product.cut(span)] = None
    placed = {
        (name, part.text[span.start : span.end].casefold())
        for part in before.title + before.text
        for name, span in part.gold
    }
    for name, found in one.attributes.items():
        values[name] |= dict.fromkeys(value for value in found if (name, value.strip().casefold()) not in placed)
    return AnnotatedProduct(product, {name: tuple(found) for name, found in values.items()}, tuple(spans))


def _field(parts: Sequence[Part], field: Field) -> tuple[str, list[tuple[str, Span]]]:
    """Join the parts, and return their gold by place."""
    text, spans = "", []
    for part in parts:
        spans += [(name, Span(len(text) + span.start, len(text) + span.end, field)) for name, span in part.gold]
        text += part.text
    return text, sorted(spans, key=lambda pair: (pair[1], pair[0]))
