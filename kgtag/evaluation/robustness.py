"""How an extractor's F1 changes with how titles are written, and which products it reads worse than others."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from graph.errors import InputError
from kgtag.evaluation.extraction import Protocol, evaluate_extractions, extract_all
from kgtag.types import AnnotatedProduct, Extraction, Extractor, Span

_TYPO_SHARE = 0.2
"""Share of the words of five and more letters that get a typing error."""
_WORD = re.compile(r"[A-Za-z]{5,}")
_PIECE = re.compile(r"\S+|\s+")
_SLICES = 20
"""Values of a field that are listed, those of most products."""
Spans = tuple[tuple[str, Span], ...]


def perturbed(data: Sequence[AnnotatedProduct], kind: str, *, seed: int = 0) -> list[AnnotatedProduct | None]:
    """Each product with its title written otherwise and its spans moved along; None where nothing changes.

    Args:
        kind: One of PERTURBATIONS: "typos" swaps two neighbouring letters inside of one long word in five, "upper" and
            "lower" change the case, "order" shuffles the words (a span stays whole), "traditional" writes Chinese in
            traditional characters.

    Raises:
        InputError: Another kind.

    Example:
        >>> perturbed([AnnotatedProduct(Product("1", "Red tent"), {}, ())], "upper")[0].product.title
        'RED TENT'
    """
    if kind not in PERTURBATIONS:
        raise InputError(f"no perturbation {kind!r}; there is {', '.join(PERTURBATIONS)}")
    found: list[AnnotatedProduct | None] = []
    for one in data:
        spans = tuple(pair for pair in one.spans if pair[1].field == "title")
        title, moved = PERTURBATIONS[kind](one.product.title, spans, random.Random(f"{seed} {one.product.id}"))
        product = replace(one.product, title=title, text=None)
        changed = replace(one, product=product, spans=moved, concepts={})
        found.append(changed if title != one.product.title else None)
    return found


def evaluate_perturbed(
    extractor: Extractor, data: Sequence[AnnotatedProduct], kinds: Sequence[str], *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """By kind: `n` products that it changes, their F1 as they are, `f1` as it is then, and the `difference`; strict
    spans of titles."""
    answer = {}
    for kind in kinds:
        pairs = [(one, new) for one, new in zip(data, perturbed(data, kind, seed=seed), strict=True) if new is not None]
        before = [replace(one, product=replace(one.product, text=None), spans=_of_title(one)) for one, _ in pairs]
        f1 = {
            name: _f1(extractor, given) if given else None
            for name, given in (("before", before), ("f1", [new for _, new in pairs]))
        }
        lost = None if f1["before"] is None or f1["f1"] is None else round(f1["f1"] - f1["before"], 6)
        answer[kind] = {"n": len(pairs), **f1, "difference": lost}
    return answer


def slices(
    data: Sequence[AnnotatedProduct], predicted: Sequence[Extraction], fields: Sequence[str], *, protocol: Protocol
) -> dict[str, list[dict[str, Any]]]:
    """By field: rows of `value`, `n` and micro rates, of the values with most products, the others as one row.

    A field is "lang", "category" or another of the product, or the name of an attribute, whose gold values count; "" is
    for products without.

    Raises:
        InputError: A field that no product has.
    """
    answer = {}
    for field in fields:
        members: dict[str, list[int]] = defaultdict(list)
        for number, one in enumerate(data):
            for value in _values(one, field) or [""]:
                members[value].append(number)
        if set(members) == {""}:
            raise InputError(f"no product has the field or attribute {field!r}, which --slice names")
        order = sorted(members, key=lambda value: (-len(members[value]), value))
        rows = [(value, members[value]) for value in order[:_SLICES]]
        if rest := sorted({number for value in order[_SLICES:] for number in members[value]}):
            rows.append((f"{len(order) - _SLICES} others", rest))
        answer[field] = [
            {"value": value, "n": len(numbers), **_rates(data, predicted, numbers, protocol)} for value, numbers in rows
        ]
    return answer


def _rates(
    data: Sequence[AnnotatedProduct], predicted: Sequence[Extraction], numbers: Sequence[int], protocol: Protocol
) -> Mapping[str, float]:
    some = evaluate_extractions([data[i] for i in numbers], [predicted[i] for i in numbers], protocol=protocol)
    rates: Mapping[str, float] = some["micro"]
    return rates


def _values(one: AnnotatedProduct, field: str) -> list[str]:
    if field in one.attributes:
        return list(dict.fromkeys(value.casefold() for value in one.attributes[field]))
    value = one.product.to_dict().get(field)
    return [str(value)] if value is not None else []


def _f1(extractor: Extractor, data: Sequence[AnnotatedProduct]) -> float:
    answer = evaluate_extractions(data, extract_all(extractor, data), protocol="spans")
    return float(answer["micro"]["f1"])


def _of_title(one: AnnotatedProduct) -> Spans:
    return tuple(pair for pair in one.spans if pair[1].field == "title")


def _typos(title: str, spans: Spans, draw: random.Random) -> tuple[str, Spans]:
    letters = list(title)
    words = list(_WORD.finditer(title))
    for match in draw.sample(words, -(-len(words) * int(100 * _TYPO_SHARE) // 100)):
        at = draw.randrange(match.start() + 1, match.end() - 2)
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters), spans


def _case(change: Callable[[str], str]) -> Callable[[str, Spans, random.Random], tuple[str, Spans]]:
    def changed(title: str, spans: Spans, _: random.Random) -> tuple[str, Spans]:
        return "".join(new if len(new := change(one)) == 1 else one for one in title), spans

    return changed


def _order(title: str, spans: Spans, draw: random.Random) -> tuple[str, Spans]:
    """Words and spans in another order, with a space between them; overlapping spans stay together."""
    whole: list[tuple[int, int]] = []
    for _, span in sorted(spans, key=lambda pair: pair[1]):
        if whole and span.start < whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], span.end))
        else:
            whole.append((span.start, span.end))
    units, at = [], 0
    for start, end in [*whole, (len(title), len(title))]:
        units += [(at + m.start(), at + m.end()) for m in _PIECE.finditer(title[at:start]) if not m[0].isspace()]
        units += [(start, end)] if end > start else []
        at = end
    draw.shuffle(units)
    text, moved = "", {}
    for start, end in units:
        text += " " if text else ""
        moved[start, end] = len(text)
        text += title[start:end]
    placed = []
    for name, span in spans:
        start, end = next(unit for unit in units if unit[0] <= span.start and span.end <= unit[1])
        shift = moved[start, end] - start
        placed.append((name, Span(span.start + shift, span.end + shift)))
    return text, tuple(sorted(placed, key=lambda pair: (pair[1], pair[0])))


def _traditional(title: str, spans: Spans, _: random.Random) -> tuple[str, Spans]:
    """Character by character, so that no offset moves."""
    convert = _converter()
    return "".join(new if len(new := convert(one)) == 1 else one for one in title), spans


@cache
def _converter() -> Callable[[str], str]:
    from opencc import OpenCC

    convert: Callable[[str], str] = OpenCC("s2t").convert
    return cache(convert)


PERTURBATIONS: Mapping[str, Callable[[str, Spans, random.Random], tuple[str, Spans]]] = {
    "typos": _typos,
    "upper": _case(str.upper),
    "lower": _case(str.lower),
    "order": _order,
    "traditional": _traditional,
}
"""Ways to write titles otherwise."""
