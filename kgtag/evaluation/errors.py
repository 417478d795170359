"""Mistakes by kind and attribute, with examples to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from kgtag.data.annotated import locate
from kgtag.evaluation.extraction import Protocol, best_mentions
from kgtag.types import AnnotatedProduct, Extraction, Mention, Span

Kind = Literal["wrong boundary", "wrong attribute", "wrong value", "invented", "missed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The predicted value overlaps gold of its attribute; is gold of another attribute; stands elsewhere, while gold has a
value of the attribute; has no counterpart in gold. `missed`: gold without a prediction."""

_AROUND = 40
"""Characters of context on either side."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """`predicted` and `gold` are None where there is none; `probability` is 0 for what was missed.

    `context` is the text around, with the prediction in [ ] and gold in { }.
    """

    kind: Kind
    attribute: str
    product: str
    predicted: str | None
    gold: str | None
    probability: float
    context: str


def mistakes(
    data: Sequence[AnnotatedProduct], predicted: Sequence[Extraction], *, protocol: Protocol
) -> Iterator[Mistake]:
    """The mistakes in the order of the products.

    In the ExtractGPT protocol the most probable value of each attribute that gold lists counts, wherever it stands.
    """
    for one, extraction in zip(data, predicted, strict=True):
        gold = list(one.spans)
        chosen: Sequence[Mention] = extraction.mentions
        if protocol == "extractgpt":
            placed = {name for name, _ in gold}
            rest = {name: values for name, values in one.attributes.items() if name not in placed}
            gold += locate(one.product.title, rest)
            chosen = [mention for name, mention in sorted(best_mentions(chosen).items()) if name in one.attributes]
        for mention in chosen:
            values = {value.strip() for value in one.attributes.get(mention.attribute, ())}
            same_value = protocol == "extractgpt" and mention.surface.strip() in values
            if (mention.attribute, mention.span) not in gold and not same_value:
                yield _wrong(one, mention, gold)
        yield from _missed(one, gold, {mention.attribute for mention in chosen})


def error_table(found: Sequence[Mistake], *, examples: int = 3) -> dict[str, Any]:
    """Counts `by_kind` and `by_attribute`, most mistakes first, and up to `examples` of each, most probable first."""
    kinds = Counter(one.kind for one in found)
    by_attribute: dict[str, Counter[str]] = {}
    for one in found:
        by_attribute.setdefault(one.attribute, Counter())[one.kind] += 1
    ordered = sorted(by_attribute, key=lambda name: (-by_attribute[name].total(), name))
    shown: list[dict[str, Any]] = []
    for name in ordered:
        for kind in KINDS:
            same = [one for one in found if one.attribute == name and one.kind == kind]
            same.sort(key=lambda one: (-one.probability, one.product, one.context))
            shown += (asdict(one) | {"probability": round(one.probability, 4)} for one in same[:examples])
    return {
        "by_kind": {kind: kinds[kind] for kind in KINDS},
        "by_attribute": {name: {kind: by_attribute[name][kind] for kind in KINDS} for name in ordered},
        "examples": shown,
    }


def _wrong(one: AnnotatedProduct, mention: Mention, gold: Sequence[tuple[str, Span]]) -> Mistake:
    own = [span for name, span in gold if name == mention.attribute]
    touching = [span for span in own if span.start < mention.span.end and mention.span.start < span.end]
    other = [name for name, span in gold if span == mention.span and name != mention.attribute]
    values = [value for value in one.attributes.get(mention.attribute, ()) if value != "n/a"]
    kind: Kind = "invented"
    meant: str | None = None
    title = one.product.title
    if touching:
        kind, meant = "wrong boundary", title[touching[0].start : touching[0].end]
    elif other:
        kind, meant = "wrong attribute", f"{mention.surface} ({other[0]})"
    elif own or values:
        kind, meant = "wrong value", title[own[0].start : own[0].end] if own else values[0]
    context = _context(title, mention.span, next(iter((*touching, *own)), None))
    return Mistake(kind, mention.attribute, one.product.id, mention.surface, meant, mention.probability, context)


def _missed(one: AnnotatedProduct, gold: Sequence[tuple[str, Span]], predicted: set[str]) -> Iterator[Mistake]:
    """The first gold span, else the first value, of each attribute without a prediction."""
    title = one.product.title
    first: dict[str, Span] = {}
    for name, span in gold:
        first.setdefault(name, span)
    for name, span in first.items():
        if name not in predicted:
            surface = title[span.start : span.end]
            yield Mistake("missed", name, one.product.id, None, surface, 0.0, _context(title, None, span))
    for name, values in one.attributes.items():
        if name not in first and name not in predicted and any(value != "n/a" for value in values):
            yield Mistake("missed", name, one.product.id, None, values[0], 0.0, _context(title, None, None))


def _context(title: str, predicted: Span | None, gold: Span | None) -> str:
    """The text around both, cut to _AROUND characters on either side."""
    marks: list[tuple[int, int, str]] = []
    if gold is not None:
        marks += [(gold.start, 1, "{"), (gold.end, -1, "}")]
    if predicted is not None:
        marks += [(predicted.start, 2, "["), (predicted.end, -2, "]")]
    places = [place for place, _, _ in marks] or [_AROUND]
    first, last = max(min(places) - _AROUND, 0), max(places) + _AROUND
    marked = title[:last]
    for place, _, sign in sorted(marks, reverse=True):
        marked = marked[:place] + sign + marked[place:]
    return ("…" if first else "") + marked[first:] + ("…" if last < len(title) else "")
