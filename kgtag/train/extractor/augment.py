"""Augmentation by value swaps: a title gets another value of an attribute, and its gold stays exact."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graph.errors import TextError
from kgtag.text import clean, document, field_span
from kgtag.train.extractor.dataset import place
from kgtag.types import AnnotatedProduct, Product, Span

Gold = tuple[str, Span]


@dataclass(frozen=True, slots=True)
class _Located:
    """A product with its cleaned title, and where its values are, by place; no values for an unreadable title."""

    product: Product
    gold: tuple[Gold, ...] = ()

    def surfaces(self) -> list[tuple[str, str]]:
        """Return (attribute, text) of each value."""
        return [(name, self.product.cut(span)) for name, span in self.gold]

    def alone(self) -> list[Gold]:
        """Return the values that overlap no other one."""
        spans = [span for _, span in self.gold]
        return [(name, span) for name, span in self.gold if sum(_overlap(span, other) for other in spans) == 1]


class ValueSwapper:
    """Swaps values of training products, which take each other's place within a category. `values` are more of them by
    attribute name, of a taxonomy for example; `probability` is that a product gets another value; with `texts`,
    products' texts are read, too."""

    def __init__(
        self, data: Sequence[AnnotatedProduct], values: Mapping[str, Sequence[str]], *, probability: float, texts: bool
    ) -> None:
        self._probability = probability
        self._located = [_locate(one, texts) for one in data]
        pools: dict[tuple[str | None, str], set[str]] = defaultdict(set)
        for one in self._located:
            for name, surface in one.surfaces():
                pools[one.product.category, name].add(surface)
        self._pools = {
            key: sorted(found | {value for value in values.get(key[1], ()) if value.strip()})
            for key, found in pools.items()
        }

    def variant(self, number: int, one: AnnotatedProduct, rng: random.Random) -> AnnotatedProduct | None:
        """Return a variant of the product at `number` in the data, or None where nothing changes."""
        before = self._located[number]
        changed = self._swapped(before, rng) if rng.random() < self._probability else None
        for _ in range(3):
            rng.random()  # drawn by options that are gone: without them, seeds of published models would differ
        return None if changed is None else _annotated(one, before, changed)

    def _swapped(self, before: _Located, rng: random.Random) -> _Located | None:
        """Replace one value, wherever it stands apart from others, by another of its attribute."""
        alone = before.alone()
        choices = sorted({(name, before.product.cut(span)) for name, span in alone})
        if not choices:
            return None
        name, old = rng.choice(choices)
        pool = self._pools[before.product.category, name]
        new = rng.choice(pool)
        if new == old:
            return None
        places = [span for which, span in alone if (which, before.product.cut(span)) == (name, old)]
        return _replaced(before, places, new)


def _locate(one: AnnotatedProduct, texts: bool) -> _Located:
    try:
        title = clean(one.product.title)
    except TextError:
        return _Located(one.product)
    whole = document(title, one.product.text) if texts else title
    names = sorted({*one.attributes, *(name for name, _ in one.spans)})
    gold = [
        (name, field_span(span.start, span.end, len(title))) for name in names for span in place(one, whole, name)[0]
    ]
    return _Located(replace(one.product, title=title), tuple(sorted(gold, key=lambda pair: (pair[1].place, pair[0]))))


def _replaced(before: _Located, places: Sequence[Span], new: str) -> _Located:
    """Put `new` at every place, all of one length, and move the spans behind."""
    product = before.product
    for span in sorted(places, reverse=True):
        text = product.title if span.field == "title" else product.text or ""
        text = text[: span.start] + new + text[span.end :]
        product = replace(product, title=text) if span.field == "title" else replace(product, text=text)
    grown = len(new) - (places[0].end - places[0].start)

    def moved(span: Span) -> Span:
        shift = grown * sum(one.field == span.field and one.end <= span.start for one in places)
        return replace(span, start=span.start + shift, end=span.end + shift + grown * (span in places))

    return _Located(product, tuple((name, moved(span)) for name, span in before.gold))


def _annotated(one: AnnotatedProduct, before: _Located, changed: _Located) -> AnnotatedProduct:
    """Return the changed product with its gold; values that were nowhere in it stay as they were."""
    values: dict[str, dict[str, None]] = {name: {} for name in one.attributes}
    for name, surface in changed.surfaces():
        values.setdefault(name, {})[surface] = None
    placed = {(name, surface.casefold()) for name, surface in before.surfaces()}
    for name, found in one.attributes.items():
        values[name] |= dict.fromkeys(value for value in found if (name, value.strip().casefold()) not in placed)
    return AnnotatedProduct(changed.product, {name: tuple(found) for name, found in values.items()}, changed.gold)


def _overlap(one: Span, other: Span) -> bool:
    return one.field == other.field and one.start < other.end and other.start < one.end
