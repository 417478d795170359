"""Rows of annotated products: attributes and values, spans, ExtractGPT sets; and where values stand in a text."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from graph.errors import InputError
from graph.formats.reading import Row, kind_of
from graph.model.times import time_text
from kgtag.types import AnnotatedProduct, Product, Span

_SOLID = ((0x0E00, 0x0EFF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
"""Thai and Lao, kana, Han: written without spaces, so that any place in them may be a token boundary."""


def locate(text: str, attributes: Mapping[str, Sequence[str]]) -> list[tuple[str, Span]]:
    """(attribute, span) of every occurrence of every value on token boundaries, in the order of the text.

    Values are looked for as written, then without regard to case. Where values of one attribute overlap, the longest
    stands. A value inside a longer one of another attribute counts there only when it stands nowhere else.
    """
    found: list[tuple[str, str, Span]] = []
    for attribute, values in attributes.items():
        taken: list[Span] = []
        for value in sorted(set(values), key=lambda value: (-len(value), value)):
            spans = occurrences(text, value)
            free = [one for one in spans if not any(one.start < old.end and old.start < one.end for old in taken)]
            taken += free
            found += ((attribute, value, span) for span in free)
    kept = [one for one in found if not _swallowed(one, found)]
    return sorted(((attribute, span) for attribute, _, span in kept), key=lambda pair: (pair[1], pair[0]))


def occurrences(text: str, value: str) -> list[Span]:
    """Where the value stands on token boundaries, without overlap, left to right; any run of spaces equals another."""
    words = value.split()
    if not words:
        return []
    pattern = r"\s+".join(map(re.escape, words))
    for flags in (re.NOFLAG, re.IGNORECASE):
        spans = [Span(*match.span()) for match in re.finditer(pattern, text, flags)]
        whole = [span for span in spans if boundary(text, span.start) and boundary(text, span.end)]
        if whole:
            return whole
    return []


def boundary(text: str, at: int) -> bool:
    """Whether a token may begin or end before character `at`: anywhere but between letters or digits of one word."""
    if at <= 0 or at >= len(text):
        return True
    left, right = text[at - 1], text[at]
    return not (left.isalnum() and right.isalnum()) or _unspaced(left) or _unspaced(right)


def _unspaced(character: str) -> bool:
    return character > "\u0dff" and any(first <= ord(character) <= last for first, last in _SOLID)


def _inside(a: Span, b: Span) -> bool:
    return b.start <= a.start and a.end <= b.end and b.end - b.start > a.end - a.start


def _swallowed(one: tuple[str, str, Span], found: Iterable[tuple[str, str, Span]]) -> bool:
    """Whether a longer value of another attribute covers this occurrence while the same value stands free elsewhere."""
    attribute, value, span = one
    longer = [other for name, _, other in found if name != attribute]
    if not any(_inside(span, other) for other in longer):
        return False
    again = [other for name, text, other in found if name == attribute and text == value]
    return any(not any(_inside(other, outer) for outer in longer) for other in again)


_ABSENT = "n/a"
_LONGEST_VALUE = 10_000
"""Characters; values are looked for in titles, and a longer one is a mistake."""


def annotated(row: Row) -> AnnotatedProduct:
    """A product with `attributes`, `spans` or both. Without `spans`, the values are looked for in title and text."""
    product = plain(row)
    attributes = _attributes(row)
    if row.fields.get("spans") is None:
        if row.fields.get("attributes") is None:
            raise row.error("neither 'attributes' nor 'spans'; annotated products have one of them")
        return AnnotatedProduct(product, attributes, _located(product, attributes, attributes))
    return _with_spans(row, product, attributes)


def gold_row(one: AnnotatedProduct) -> dict[str, Any]:
    """The row of an annotated product, as `annotated` reads it. Spans of the text are not written: its values are
    looked for again."""
    values = {name: list(found) for name, found in one.attributes.items()}
    row: dict[str, Any] = {**one.product.to_dict(), "attributes": values}
    if any(span.field == "text" for _, span in one.spans):
        return row
    row["spans"] = []
    for name, span in one.spans:
        key = (name, one.product.cut(span))
        linked = {"concept": one.concepts[key]} if key in one.concepts else {}
        row["spans"].append({"start": span.start, "end": span.end, "label": name, **linked})
    return row


def spans(row: Row) -> AnnotatedProduct:
    """`{"id", "text", "spans": [{"start", "end", "label"}]}`; the text is the product's title."""
    if row.fields.get("spans") is None:
        raise row.error('\'spans\' is missing; a list of {"start", "end", "label"} was expected')
    product = Product(row.id(), row.text("text"), category=row.optional("category"), lang=row.optional("lang"))
    return _with_spans(row, product, {})


def extractgpt(row: Row) -> AnnotatedProduct:
    """`input` or `input_title` is the title, `input_description` the text; "n/a" says known to be absent. A value's
    `pid` says which of the two it was marked in, 0 or 1: it is looked for there alone."""
    title = row.text("input_title" if "input_title" in row.fields else "input")
    scores = row.fields.get("target_scores")
    if not isinstance(scores, dict):
        raise row.error(f"'target_scores' must be an object of values by attribute, not {kind_of(scores)}")
    attributes: dict[str, tuple[str, ...]] = {}
    in_title, in_text = {}, {}
    for name, values in scores.items():
        if not isinstance(values, dict):
            raise row.error(
                f"'target_scores' of {name!r} must be an object with its values as keys, not {kind_of(values)}"
            )
        attributes[name] = _values(row, name, [value for value in values if value != _ABSENT and value.strip()])
        in_title[name] = tuple(value for value in attributes[name] if _marked(values[value], 0))
        in_text[name] = tuple(value for value in attributes[name] if _marked(values[value], 1))
    product = Product(
        row.id(), title, row.optional("input_description"), row.optional("category"), row.optional("lang")
    )
    return AnnotatedProduct(product, attributes, _located(product, in_title, in_text))


def _marked(about: Any, part: int) -> bool:
    """Whether the value was marked in this part of the product; in either, where nothing says."""
    places = about.get("pid") if isinstance(about, dict) else None
    return not isinstance(places, list) or part in places


def _located(
    product: Product, in_title: Mapping[str, tuple[str, ...]], in_text: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[str, Span], ...]:
    """Where values stand: those of the title by place, then those of the text."""
    text = locate(product.text, in_text) if product.text else []
    return (*locate(product.title, in_title), *((name, replace(span, field="text")) for name, span in text))


def plain(row: Row, *, lang: str | None = None) -> Product:
    """The product alone; `lang` is for a row that names no language."""
    return Product(
        id=row.id(),
        title=row.text("title"),
        text=row.optional("text"),
        category=row.optional("category"),
        lang=row.optional("lang") or lang,
        at=_time(row),
        group=row.optional("group"),
    )


def _time(row: Row) -> str | None:
    """The time in the field `at`, which Parquet may have as a time. Raises FileFormatError."""
    value = row.fields.get("at")
    text = value.isoformat() if isinstance(value, date) else row.optional("at")
    try:
        return None if text is None else time_text(text)
    except InputError as error:
        raise row.error(f"'at': {error}") from None


def _attributes(row: Row) -> dict[str, tuple[str, ...]]:
    given = row.fields.get("attributes")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise row.error(f"'attributes' must be an object of lists of values, not {kind_of(given)}")
    found: dict[str, tuple[str, ...]] = {}
    for name, values in given.items():
        if values is None:
            continue
        listed = [values] if isinstance(values, str) else values
        if not isinstance(listed, list) or not all(isinstance(value, str) and value.strip() for value in listed):
            raise row.error(f"attribute {name!r} must have a list of strings with something in them")
        found[name] = _values(row, name, listed)
    return found


def _values(row: Row, name: str, listed: list[str]) -> tuple[str, ...]:
    """Each once, in their order."""
    longest = max(listed, key=len, default="")
    if len(longest) > _LONGEST_VALUE:
        shown = f"{longest[:40]!r}…, a value of {len(longest)} characters"
        raise row.error(f"attribute {name!r} has {shown}; at most {_LONGEST_VALUE} were expected")
    return tuple(dict.fromkeys(listed))


def _with_spans(row: Row, product: Product, attributes: dict[str, tuple[str, ...]]) -> AnnotatedProduct:
    """Spans as they are given; values that only they name join the attributes."""
    given = row.fields["spans"]
    if not isinstance(given, list):
        raise row.error(f"'spans' must be a list, not {kind_of(given)}")
    placed: list[tuple[str, Span]] = []
    concepts: dict[tuple[str, str], str | None] = {}
    merged = {name: dict.fromkeys(values) for name, values in attributes.items()}
    for number, one in enumerate(given):
        label, span = _span(row, f"spans[{number}]", one, product.title)
        surface = product.title[span.start : span.end]
        placed.append((label, span))
        merged.setdefault(label, {})[surface] = None
        if "concept" in one:
            concept = one["concept"]
            if concept is not None and not isinstance(concept, str):
                raise row.error(f"spans[{number}]: 'concept' must be a concept id or null, not {kind_of(concept)}")
            concepts.setdefault((label, surface), concept)
    ordered = sorted(set(placed), key=lambda pair: (pair[1], pair[0]))
    return AnnotatedProduct(product, {name: tuple(v) for name, v in merged.items()}, tuple(ordered), concepts)


def _span(row: Row, where: str, one: Any, title: str) -> tuple[str, Span]:
    if not isinstance(one, dict):
        raise row.error(f"{where} must be an object, not {kind_of(one)}")
    start, end, label = one.get("start"), one.get("end"), one.get("label")
    if not isinstance(label, str) or not label:
        raise row.error(f"{where}: 'label' must be a string with something in it, not {kind_of(label)}")
    if type(start) is not int or type(end) is not int:
        raise row.error(f"{where}: 'start' and 'end' must be whole numbers")
    if not 0 <= start < end <= len(title):
        raise row.error(f"{where}: [{start}, {end}) isn't within the text, which has {len(title)} characters")
    return label, Span(start, end)
