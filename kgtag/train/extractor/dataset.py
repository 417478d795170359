"""Training examples: annotated products as token spans by attribute."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from tokenizers import Tokenizer

from graph.errors import TextError
from kgtag.extract.inputs import Tokens, Window, slice_tokens, tokenize, windows
from kgtag.text import clean, document, document_span
from kgtag.types import AnnotatedProduct, Span


@dataclass(frozen=True, slots=True)
class Example:
    """One title, or a window of a long document. `number`: the product's; `applicable`: attribute indices to look for;
    `listed`: annotated ones, present or absent; `spans`: (first, last) tokens by attribute; `unplaced`: attributes that
    don't count, because a value isn't in the document."""

    number: int
    tokens: Tokens
    category: int | None
    applicable: tuple[int, ...]
    listed: frozenset[int]
    spans: Mapping[int, tuple[tuple[int, int], ...]]
    unplaced: frozenset[int]


@dataclass(frozen=True, slots=True)
class DataReport:
    """Counts of products and values in training data. Values `not_in_text` can't be learned as spans; `overlapping`
    ones share characters with another attribute's value."""

    products: int
    unreadable: int
    values: int
    not_in_text: int
    overlapping: int
    labels_seen_once: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Names in a fixed order, and the attributes (indices) of each category in training."""

    attributes: tuple[str, ...]
    categories: tuple[str, ...]
    applicable: Mapping[str, tuple[int, ...]]
    index: Mapping[str, int] = field(default_factory=dict)


def label_map(data: Sequence[AnnotatedProduct]) -> LabelMap:
    """Collect all attribute and category names of the data."""
    names = tuple(sorted({name for item in data for name in _names(item)}))
    index = {name: number for number, name in enumerate(names)}
    by_category: dict[str, set[int]] = defaultdict(set)
    for item in data:
        if item.product.category:
            by_category[item.product.category].update(index[name] for name in _names(item))
    categories = tuple(sorted(by_category))
    return LabelMap(names, categories, {name: tuple(sorted(by_category[name])) for name in categories}, index)


def reads_text(data: Sequence[AnnotatedProduct]) -> bool:
    """Return whether annotated values are in products' texts and not in their titles."""
    return any(
        not locate(item.product.title, value) and locate(item.product.text, value)
        for item in data
        if item.product.text is not None
        for value in {*chain.from_iterable(item.attributes.values()), *(item.product.cut(s) for _, s in item.spans)}
    )


def examples(
    data: Sequence[AnnotatedProduct], labels: LabelMap, tokenizer: Tokenizer, *, max_tokens: int, texts: bool = False
) -> tuple[list[Example], DataReport]:
    """Return examples in order, without unreadable titles, and the report on them. Attributes and categories outside of
    `labels` are ignored; documents longer than `max_tokens` become several examples; `texts` are read if asked."""
    readable: list[tuple[int, str]] = []
    for number, item in enumerate(data):
        try:
            title = clean(item.product.title)
        except TextError:
            continue
        readable.append((number, document(title, item.product.text) if texts else title))
    tokens = tokenize(tokenizer, [text for _, text in readable])
    counts: Counter[str] = Counter()
    made: list[Example] = []
    for (number, text), found in zip(readable, tokens, strict=True):
        if len(found):
            made += _examples(number, data[number], text, found, labels, counts, max_tokens)
    once = tuple(seen_once(data))
    read = len({example.number for example in made})
    report = DataReport(len(data), len(data) - read, counts["values"], counts["missing"], counts["overlapping"], once)
    return made, report


def seen_once(data: Sequence[AnnotatedProduct]) -> list[str]:
    """Return the attributes with a single annotated product, sorted."""
    support = Counter(name for item in data for name, values in item.attributes.items() if values)
    return sorted(name for name, count in support.items() if count == 1)


def place(item: AnnotatedProduct, text: str, attribute: str) -> tuple[list[Span], int]:
    """Locate an attribute's values in the product's document; return spans by place, and how many values are nowhere.
    Of overlapping values the longer one is kept. A value with an annotated span is not looked for again in the title,
    nor in the text when any value has a span there."""
    behind = len(item.product.title) + 1
    given = [document_span(span, len(item.product.title)) for name, span in item.spans if name == attribute]
    given = [span for span in given if span.end <= len(text)]
    surfaces = {text[span.start : span.end] for span in given}
    marked = any(span.field == "text" for _, span in item.spans)
    missing = 0
    for value in (value.strip() for value in item.attributes.get(attribute, ())):
        placed = value in surfaces
        found = [] if placed else locate(text[: behind - 1], value)
        further = [] if placed and marked else locate(text[behind:], value)
        missing += not found and not further and not placed
        given += [*found, *(Span(span.start + behind, span.end + behind) for span in further)]
    kept: list[Span] = []
    for span in sorted(set(given), key=lambda s: (s.start - s.end, s.start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept), missing


def locate(title: str, value: str) -> list[Span]:
    """Return every place of `value` as whole words, else its first place within a word."""
    if not value:
        return []
    places, start = [], title.find(value)
    if start < 0 and len(title.lower()) == len(title):
        title, value = title.lower(), value.lower()
        start = title.find(value)
    while start >= 0:
        places.append(Span(start, start + len(value)))
        start = title.find(value, start + 1)
    whole = [span for span in places if _whole(title, span)]
    return whole or places[:1]


def split_dev(data: Sequence[AnnotatedProduct]) -> tuple[list[AnnotatedProduct], list[AnnotatedProduct]]:
    """Split off a tenth by the title's hash as dev: never all, never none of two or more."""
    dev = [item for item in data if bucket(item.product.title) < 10]
    if not dev or len(dev) == len(data):
        ordered = sorted(data, key=lambda item: (bucket(item.product.title), item.product.title))
        dev = ordered[: max(1, len(data) // 10)]
    chosen = {id(item) for item in dev}
    return [item for item in data if id(item) not in chosen], list(dev)


def learn_trims(
    data: Sequence[AnnotatedProduct], made: Sequence[Example], *, texts: bool = False
) -> dict[str, dict[str, tuple[int, int]]]:
    """Learn which part of a word annotators keep ("Jersey" of "Jerseys"), by attribute and surface."""
    seen: dict[tuple[str, str], Counter[tuple[int, int]]] = defaultdict(Counter)
    for example in made:
        item, tokens = data[example.number], example.tokens
        text = document(item.product.title, item.product.text) if texts else item.product.title
        for attribute in item.attributes:
            for span in place(item, text, attribute)[0]:
                if (found := _token_span(tokens, span)) is None:
                    continue
                start, end = int(tokens.starts[found[0]]), int(tokens.ends[found[1]])
                cut = (max(span.start - start, 0), min(span.end, end) - start)
                seen[attribute, text[start:end]][cut] += 1
    trims: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for (attribute, surface), cuts in sorted(seen.items()):
        cut, count = cuts.most_common(1)[0]
        if count >= 2 and 2 * count > cuts.total() and cut != (0, len(surface)):
            trims[attribute][surface] = cut
    return dict(trims)


def _examples(
    number: int, item: AnnotatedProduct, text: str, tokens: Tokens, labels: LabelMap, counts: Counter[str], size: int
) -> list[Example]:
    """Return an example for every window; a value cut by a window's edge is learned from the next window."""
    found: dict[int, set[tuple[int, int]]] = {}
    unplaced = set()
    before: list[Span] = []
    for name in sorted(_names(item)):
        placed, missing = place(item, text, name)
        counts["values"] += len(item.attributes.get(name, ()))
        counts["missing"] += missing
        counts["overlapping"] += sum(any(a.start < b.end and b.start < a.end for b in before) for a in placed)
        before += placed
        if name not in labels.index:
            continue
        if missing and not placed:
            unplaced.add(labels.index[name])
        found[labels.index[name]] = {pair for span in placed if (pair := _token_span(tokens, span)) is not None}
    category = item.product.category
    known = category if category in labels.applicable else None
    number_of = None if known is None else labels.categories.index(known)
    applicable = tuple(range(len(labels.attributes))) if known is None else labels.applicable[known]
    whole = Example(number, tokens, number_of, applicable, frozenset(found), {}, frozenset(unplaced))
    cuts = windows(len(tokens), size)
    return [replace(whole, tokens=slice_tokens(tokens, cut), spans=_within(found, cut)) for cut in cuts]


def _within(found: Mapping[int, set[tuple[int, int]]], window: Window) -> dict[int, tuple[tuple[int, int], ...]]:
    """Return spans that are wholly in the window, by attribute, counted from its first token."""
    inside = {
        attribute: {(a - window.first, b - window.first) for a, b in spans if window.first <= a and b < window.last}
        for attribute, spans in found.items()
    }
    return {attribute: _disjoint(spans) for attribute, spans in inside.items() if spans}


def _names(item: AnnotatedProduct) -> set[str]:
    return {*item.attributes, *(name for name, _ in item.spans)}


def _token_span(tokens: Tokens, span: Span) -> tuple[int, int] | None:
    """Return the first and last token of the characters."""
    touched = ((tokens.starts < span.end) & (tokens.ends > span.start)).nonzero()[0]
    return (int(touched[0]), int(touched[-1])) if len(touched) else None


def _disjoint(spans: set[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    kept: list[tuple[int, int]] = []
    for first, last in sorted(spans, key=lambda pair: (pair[0] - pair[1], pair)):
        if all(last < other[0] or other[1] < first for other in kept):
            kept.append((first, last))
    return tuple(sorted(kept))


def _whole(title: str, span: Span) -> bool:
    """Return whether no word continues beyond the span: characters of a word are digits, or have a case."""
    edges = (title[: span.start][-1:], title[span.start]), (title[span.end - 1], title[span.end :][:1])
    return not any(all(c.isdigit() or c.lower() != c.upper() for c in pair) for pair in edges if all(pair))


def bucket(key: str) -> int:
    """Return a number of 0…99 that depends on the text alone."""
    return int(hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:8], 16) % 100
