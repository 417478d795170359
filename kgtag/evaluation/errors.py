"""What goes wrong, by kind and attribute, with examples to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from kgtag.data.locate import locate
from kgtag.evaluation.extraction import Protocol, best_mentions
from kgtag.types import AnnotatedProduct, Extraction, Mention, Span

Kind = Literal["wrong boundary", "wrong attribute", "wrong value", "invented", "missed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The value found shares characters with gold of its attribute; is gold of another attribute; is another place's, while
gold has a value for the attribute; answers to nothing in gold. `missed`: gold that nothing was found for."""

_AROUND = 40
"""Characters of context on either side."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """`predicted` and `gold` are None where there is none; `context` is the text around it, what was found in [ ],
    gold in { }. `score` is the extractor's probability, 0 for what it missed."""

    kind: Kind
    attribute: str
    product: str
    predicted: str | None
    gold: str | None
    score: float
    context: str


def mistakes(data: Sequence[AnnotatedProduct], found: Sequence[Extraction], *, protocol: Protocol) -> Iterator[Mistake]:
    """In the order of the products. In the ExtractGPT protocol the likeliest value of each attribute that gold speaks
    of counts, and any place where gold's value stands is right."""
    for one, extraction in zip(data, found, strict=True):
        gold = _gold(one, protocol)
        chosen: Sequence[Mention] = extraction.mentions
        if protocol == "extractgpt":
            best = best_mentions(extraction.mentions)
            chosen = [best[name] for name in sorted(best) if name in one.attributes]
        answered: set[str] = set()
        right = {(name, span) for name, span in gold}
        for mention in chosen:
            values = {value.strip() for value in one.attributes.get(mention.attribute, ())}
            same = protocol == "extractgpt" and mention.surface.strip() in values
            if (mention.attribute, mention.span) in right or same:
                answered.add(mention.attribute)
        for mention in chosen:
            if (mention.attribute, mention.span) in right or (
                protocol == "extractgpt" and mention.attribute in answered
            ):
                continue
            mistake = _wrong(one, mention, gold)
            answered.add(mention.attribute)
            yield mistake
        yield from _missed(one, chosen, gold, answered)


def table(found: Sequence[Mistake], *, examples: int = 3) -> dict[str, Any]:
    """`by_attribute`: counts by kind, most mistakes first; `by_kind`; and of each attribute and kind so many examples,
    the most certain first."""
    kinds = Counter(one.kind for one in found)
    by_attribute: dict[str, Counter[str]] = {}
    for one in found:
        by_attribute.setdefault(one.attribute, Counter())[one.kind] += 1
    ordered = sorted(by_attribute, key=lambda name: (-by_attribute[name].total(), name))
    shown: list[dict[str, Any]] = []
    for name in ordered:
        for kind in KINDS:
            same = [one for one in found if one.attribute == name and one.kind == kind]
            same.sort(key=lambda one: (-one.score, one.product, one.context))
            shown += (_row(one) for one in same[:examples])
    return {
        "by_kind": {kind: kinds[kind] for kind in KINDS},
        "by_attribute": {name: {kind: by_attribute[name][kind] for kind in KINDS} for name in ordered},
        "examples": shown,
    }


def _row(one: Mistake) -> dict[str, Any]:
    row = {name: getattr(one, name) for name in Mistake.__slots__}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}


def _gold(one: AnnotatedProduct, protocol: Protocol) -> list[tuple[str, Span]]:
    if protocol == "spans":
        return list(one.spans)
    placed = {name for name, _ in one.spans}
    rest = {name: values for name, values in one.attributes.items() if name not in placed}
    return [*one.spans, *locate(one.product.title, rest)]


def _wrong(one: AnnotatedProduct, mention: Mention, gold: Sequence[tuple[str, Span]]) -> Mistake:
    own = [span for name, span in gold if name == mention.attribute]
    touching = [span for span in own if span.start < mention.span.end and mention.span.start < span.end]
    other = [name for name, span in gold if span == mention.span and name != mention.attribute]
    values = [value for value in one.attributes.get(mention.attribute, ()) if value != "n/a"]
    kind: Kind
    meant: str | None
    title = one.product.title
    if touching:
        kind, meant = "wrong boundary", title[touching[0].start : touching[0].end]
    elif other:
        kind, meant = "wrong attribute", f"{mention.surface} ({other[0]})"
    elif own or values:
        kind, meant = "wrong value", title[own[0].start : own[0].end] if own else values[0]
    else:
        kind, meant = "invented", None
    near = next(iter((*touching, *own)), None)
    context = _context(title, mention.span, near)
    return Mistake(kind, mention.attribute, one.product.id, mention.surface, meant, mention.score, context)


def _missed(
    one: AnnotatedProduct, chosen: Sequence[Mention], gold: Sequence[tuple[str, Span]], answered: set[str]
) -> Iterator[Mistake]:
    """Gold spans that nothing found of their attribute touches; of attributes without a span, their first value."""
    title = one.product.title
    placed: set[str] = set()
    for name, span in gold:
        placed.add(name)
        touched = any(m.attribute == name and m.span.start < span.end and span.start < m.span.end for m in chosen)
        if not touched and name not in answered:
            answered.add(name)
            surface = title[span.start : span.end]
            yield Mistake("missed", name, one.product.id, None, surface, 0.0, _context(title, None, span))
    for name, values in one.attributes.items():
        if name not in placed and name not in answered and any(value != "n/a" for value in values):
            yield Mistake("missed", name, one.product.id, None, values[0], 0.0, _context(title, None, None))


def _context(title: str, predicted: Span | None, gold: Span | None) -> str:
    """The text around both, cut to _AROUND characters on either side."""
    spans = [span for span in (predicted, gold) if span is not None]
    if not spans:
        return title[: 2 * _AROUND] + ("…" if len(title) > 2 * _AROUND else "")
    marks = []
    if gold is not None:
        marks += [(gold.start, 1, "{"), (gold.end, -1, "}")]
    if predicted is not None:
        marks += [(predicted.start, 2, "["), (predicted.end, -2, "]")]
    marked, at = "", max(min(span.start for span in spans) - _AROUND, 0)
    last = min(max(span.end for span in spans) + _AROUND, len(title))
    before = "…" if at else ""
    for place, _, sign in sorted(marks):
        marked += title[at:place] + sign
        at = place
    return before + marked + title[at:last] + ("…" if last < len(title) else "")
