"""Variants of annotated products whose gold stays exact: other values, other order, misspellings, other unit forms."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graph.errors import TextError
from kgtag.text import clean, document, field_span
from kgtag.train.extractor.dataset import place
from kgtag.train.extractor.options import TrainOptions
from kgtag.types import AnnotatedProduct, Field, Span

_UNITS = (
    ("in", "inch", "inches", '"'),
    ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    ("m", "meter", "meters", "metre", "metres"),
    ("ft", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("g", "gram", "grams"),
    ("kg", "kilogram", "kilograms"),
    ("mg", "milligram", "milligrams"),
    ("oz", "ounce", "ounces"),
    ("lb", "lbs", "pound", "pounds"),
    ("ml", "milliliter", "milliliters", "millilitre", "millilitres"),
    ("l", "liter", "liters", "litre", "litres"),
    ("w", "watt", "watts"),
    ("v", "volt", "volts"),
    ("gb", "gigabyte", "gigabytes"),
    ("pcs", "pc", "pieces", "piece"),
)
_FORMS = {form: forms for forms in _UNITS for form in forms}
_MEASURE = re.compile(
    r"(?<![\w.,/])(\d+(?:[.,]\d+)?)([ -]?)("
    + "|".join(sorted(map(re.escape, _FORMS), key=len, reverse=True))
    + r")(?!\w|\s*\d)",
    re.I,
)
_WORD = re.compile(r"[^\W\d_]{5,}")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a title or text: words between values, or values that touch or overlap each other. `gold`:
    (attribute, span within the stretch)."""

    text: str
    gold: tuple[tuple[str, Span], ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a product says, joined again as it was. Both empty for a title that can't be read; no `text` of a product
    whose text isn't read."""

    title: list[Part]
    text: list[Part]


class Augmenter:
    """`values`: what may take a value's place, by attribute name, say from the taxonomy; those of training products of
    the same category join them. `texts`: products' texts are read, too."""

    def __init__(
        self,
        data: Sequence[AnnotatedProduct],
        values: Mapping[str, Sequence[str]],
        options: TrainOptions,
        *,
        texts: bool = True,
    ) -> None:
        self._options = options
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
        """Of the product that stood at `number` in the data; None when chance leaves it as it is.

        Values and units change wherever the product says them; misspelt and put in another order is only the title.
        """
        before = parts = self._parts[number]
        options = self._options
        if rng.random() < options.swap:
            parts = self._swapped(parts, one.product.category, rng)
        if rng.random() < options.units:
            parts = Parts(_in_other_units(parts.title, rng), _in_other_units(parts.text, rng))
        if rng.random() < options.typos:
            parts = replace(parts, title=_misspelt(parts.title, rng))
        if rng.random() < options.shuffle:
            parts = replace(parts, title=_shuffled(parts.title, rng))
        return None if parts == before else _joined(one, before, parts)

    def _swapped(self, parts: Parts, category: str | None, rng: random.Random) -> Parts:
        """One value, wherever title or text has it alone, becomes another of its attribute."""
        alone = sorted({(part.gold[0][0], part.text) for part in parts.title + parts.text if _alone(part)})
        if not alone:
            return parts
        name, old = rng.choice(alone)
        pool = self._pools.get((category, name), [])
        new = rng.choice(pool) if pool else old

        def other(part: Part) -> Part:
            return _whole(name, new) if _alone(part) and (part.gold[0][0], part.text) == (name, old) else part

        return Parts([other(part) for part in parts.title], [other(part) for part in parts.text])


def _parts(one: AnnotatedProduct, texts: bool) -> Parts:
    """Both fields, or the title alone, cut where gold begins and ends."""
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
        parts += _plain(text[done:start])
        parts.append(Part(text[start:end], tuple(group)))
        done = end
    return [*parts, *_plain(text[done:])]


def _plain(text: str) -> list[Part]:
    """Blanks at either side are parts of their own, so that order can change between them."""
    left, right = len(text) - len(text.lstrip()), len(text.rstrip())
    pieces = (text,) if left >= right else (text[:left], text[left:right], text[right:])
    return [Part(piece) for piece in pieces if piece]


def _alone(part: Part) -> bool:
    return len(part.gold) == 1 and part.gold[0][1] == Span(0, len(part.text))


def _whole(name: str, text: str) -> Part:
    return Part(text, ((name, Span(0, len(text))),))


def _in_other_units(parts: list[Part], rng: random.Random) -> list[Part]:
    """Each measure in another form of its unit, with or without the blank."""

    def other(match: re.Match[str]) -> str:
        form = rng.choice(_FORMS[match.group(3).lower()])
        return match.group(1) + (rng.choice(("", " ")) if len(form) < 3 else rng.choice((" ", "-"))) + form

    return [
        Part(_MEASURE.sub(other, part.text)) if not part.gold
        else _whole(part.gold[0][0], _MEASURE.sub(other, part.text)) if _alone(part)
        else part
        for part in parts
    ]  # fmt: skip


def _misspelt(parts: list[Part], rng: random.Random) -> list[Part]:
    """One word of five letters or more, of a value or not: two letters change places, one goes, or one comes twice."""
    places = [
        (number, match.span())
        for number, part in enumerate(parts)
        if not part.gold or _alone(part)
        for match in _WORD.finditer(part.text)
    ]
    if not places:
        return parts
    number, (start, end) = rng.choice(places)
    text, at = parts[number].text, rng.randrange(start + 1, end - 1)
    pair = text[at : at + 2]
    text = text[:at] + rng.choice((pair[::-1], pair[1], pair[0] + pair)) + text[at + 2 :]
    changed = _whole(parts[number].gold[0][0], text) if parts[number].gold else Part(text)
    return [*parts[:number], changed, *parts[number + 1 :]]


def _shuffled(parts: list[Part], rng: random.Random) -> list[Part]:
    """What stands between blanks changes places; the blanks stay. Without blanks (Chinese) every part may move."""
    blanks = any(part.text.isspace() for part in parts)
    units: list[list[Part]] = [[]]
    glue: list[Part] = []
    for part in parts:
        if blanks and part.text.isspace():
            glue.append(part)
            units.append([])
        elif blanks or not units[-1]:
            units[-1].append(part)
        else:
            units.append([part])
    order = [unit for unit in units if unit]
    rng.shuffle(order)
    moved = iter(order)
    filled = [next(moved) if unit else [] for unit in units]
    joined = list(filled[0])
    for n, unit in enumerate(filled[1:]):
        joined += [*([glue[n]] if blanks else []), *unit]
    return joined


def _joined(one: AnnotatedProduct, before: Parts, parts: Parts) -> AnnotatedProduct:
    """The product of the parts. Values that it said are those that the parts say; others stay as they were."""
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
    """The parts joined, and their gold by place."""
    text, spans = "", []
    for part in parts:
        spans += [(name, Span(len(text) + span.start, len(text) + span.end, field)) for name, span in part.gold]
        text += part.text
    return text, sorted(spans, key=lambda pair: (pair[1], pair[0]))
