"""Prices, sizes and quantities in search queries, English, German, French and Chinese, as ranges with a unit."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from graph.labels import CJK
from kgtag.normalise.quantities import NUMBER, UNIT, base_of, value_of
from kgtag.types import Span

AmountType = Literal["price", "size", "quantity"]
ABOUT = 0.2
"""How far a price may be from one that a query gives without bounds, as a share of it."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A price, size or quantity. `low` and `high` bound it, inclusive, in `unit`; equal for a plain quantity.

    Attributes:
        span: Where it stands, bounds ("under") included.
        type: "price", "size" or "quantity".
        unit: Currency (ISO 4217) of a price, None where it is not written; base unit of a quantity's dimension.
        dimension: Of a quantity: "length", "mass", "persons", "age" (in months), "count", …
        text: Of a size: as shops write it, "10" or "XL".
        bounded: Whether the query sets a bound ("under", "以下", a range), not a plain amount.
    """

    span: Span
    type: AmountType
    low: float | None = None
    high: float | None = None
    unit: str | None = None
    dimension: str | None = None
    text: str | None = None
    bounded: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The fields that apply: `gte`, `lte`, `unit`, `dimension`, `text`."""
        row = {"gte": self.low, "lte": self.high, "unit": self.unit, "dimension": self.dimension, "text": self.text}
        return {name: value for name, value in row.items() if value is not None}


_CURRENCIES = {
    "USD": r"us\$|\$|usd|dollars?|bucks?",
    "EUR": r"€|eur|euros?",
    "GBP": r"£|gbp|quid",
    "CNY": r"rmb|cny|yuan|元|块钱?|人民币",
    "JPY": r"jpy|yen|日元|円",
    "": r"¥|￥",
}
"""The last is either of the two before it."""
_CURRENCY = "|".join(_CURRENCIES.values())
_COUNTS = {
    "persons": (r"-?(?:persons?|people|seaters?|man|p)(?!\w)|人", 1.0),
    "age": (r"-?(?:months?|mos?|mths?|monate?|mois)(?!\w)|个?月", 1.0),
    "years": (r"-?(?:years?|yrs?|yo|jahre?|ans)(?!\w)|周?岁", 12.0),
    "charge": (r"-?mah(?!\w)|毫安时?", 1.0),
    "count": (r"-?(?:packs?|pk|count|ct|pcs|pieces?|pairs?|er[- ]pack)(?!\w)|[件只个双包盒片支瓶条]装?", 1.0),
}
_COUNTED = "|".join(pattern for pattern, _ in _COUNTS.values())
_LE = (
    r"under|below|less\s+than|cheaper\s+than|up\s+to|max(?:imum|\.)?(?:\s+of)?|at\s+most|no(?:t)?\s+more\s+than|within|"
    r"<=?|≤|unter|bis(?:\s+zu)?|höchstens|moins\s+de|低于|不超过|不高于|少于|小于|最多|至多"
)
_GE = (
    r"over|above|more\s+than|at\s+least|from|starting\s+at|min(?:imum|\.)?(?:\s+of)?|>=?|≥|über|ab|mindestens|plus\s+de|"
    r"超过|高于|大于|不低于|至少"
)
_ABOUT = r"around|about|approx(?:imately|\.)?|~|circa|ca\.|大约|约"
_AFTER_LE = r"or\s+(?:less|under|below|cheaper)|and\s+(?:under|below)(?!\s*[\d$€£¥])|max(?!\w)|(?:及|元)?以下|以内|之内"
_AFTER_GE = r"or\s+more|and\s+(?:up|above|over|older)(?!\s*[\d$€£¥])|\+|(?:及)?以上|起(?!\w)"
_AMOUNT = re.compile(
    rf"(?:(?<![A-Za-z])(?:(?P<le>{_LE})|(?P<ge>{_GE})|(?P<about>{_ABOUT})|(?P<between>between|zwischen|entre|ages?|aged))\s*)?"
    rf"(?P<before>{_CURRENCY})?\s?(?<![A-Za-z0-9.,/])(?P<low>{NUMBER})(?P<k>k(?!\w))?"
    rf"(?:\s?(?:-|–|—|~|to|and|bis|und|到|至)\s?(?:{_CURRENCY})?\s?(?P<high>{NUMBER}))?"
    rf"(?P<inner>\+)?(?:[\s-]{{0,2}}(?:(?P<money>{_CURRENCY})(?![A-Za-z])|(?P<unit>{UNIT})(?![A-Za-z])|(?P<counted>{_COUNTED})))?"
    rf"(?:\s?old(?!\w))?(?:\s?(?:(?P<less>{_AFTER_LE})|(?P<more>{_AFTER_GE})|(?P<near>左右|上下)))?",
    re.IGNORECASE,
)
_OF = re.compile(r"\b(?:pack|set|box|case)\s+of\s+(\d{1,4})\b", re.IGNORECASE)
_LETTERS = r"(?:x{1,4}|[2-6]x)[sl]|xxs|[sml]"
_SIZE = re.compile(
    rf"\b(?:size|sz|taille|größe|groesse)\s*[:#]?\s*(?P<named>\d{{1,3}}(?:\.\d)?(?:\s?[a-f]{{1,2}})?|{_LETTERS})(?!\w)"
    rf"|\b(?P<system>(?:eu|uk|us|fr|it|jp)\s?\d{{1,2}}(?:\.5)?)(?![\w.])"
    rf"|(?<![A-Za-z\d])(?P<chinese>\d{{2,3}}(?:\.5)?|{_LETTERS})\s?码"
    r"|\b(?P<letters>(?:x{1,4}|[2-6]x)l|x{1,3}s|[2-6]t|w\d{2}\s?l\d{2})(?!\w)",
    re.IGNORECASE,
)
_DOUBTFUL = re.compile(r"(?:[1-6]\s?g|[2-6]\s?t|\d+\s?a|\d+\s?')$", re.IGNORECASE)
"""Generations of mobile networks, sizes of toddlers, and what is more often part of a name than a unit."""


def find_amounts(text: str) -> list[Amount]:
    """The amounts in a clean query, left to right, without overlap.

    Example:
        >>> [(one.type, one.high, one.unit) for one in find_amounts("tent under $200")]
        [('price', 200.0, 'USD')]
    """
    found: list[Amount] = []
    for one in sorted([*_sizes(text), *_packs(text), *_measured(text)], key=lambda one: one.span.start):
        if not found or one.span.start >= found[-1].span.end:
            found.append(one)
    return found


def _sizes(text: str) -> Iterator[Amount]:
    for match in _SIZE.finditer(text):
        written = next(group for group in match.groups() if group is not None)
        yield Amount(Span(*match.span()), "size", text=" ".join(written.upper().split()))


def _packs(text: str) -> Iterator[Amount]:
    for match in _OF.finditer(text):
        count = float(match[1])
        yield Amount(Span(*match.span()), "quantity", count, count, "count", "count")


def _measured(text: str) -> Iterator[Amount]:
    for match in _AMOUNT.finditer(text):
        amount = _price(match, text) if match["before"] or match["money"] else _quantity(match)
        if amount is not None:
            yield amount


def _bounds(match: re.Match[str], low: float, high: float | None) -> tuple[float | None, float | None]:
    if high is not None:
        return min(low, high), max(low, high)
    if match["le"] or match["less"]:
        return None, low
    if match["ge"] or match["more"] or match["inner"]:
        return low, None
    return low, low


def _span(match: re.Match[str]) -> Span:
    start, end = match.span()
    written = match.group()
    return Span(start + len(written) - len(written.lstrip()), end - len(written) + len(written.rstrip()))


def _number(match: re.Match[str], name: str) -> float | None:
    return None if match[name] is None else value_of(match[name]) * (1000 if match["k"] else 1)


def _price(match: re.Match[str], text: str) -> Amount | None:
    amount = _number(match, "low")
    assert amount is not None
    low, high = _bounds(match, amount, _number(match, "high"))
    bounded = low != high
    if not bounded:
        low, high = round(amount * (1 - ABOUT), 2), round(amount * (1 + ABOUT), 2)
    written = match["before"] or match["money"]
    name = next(name for name, found in _CURRENCIES.items() if re.fullmatch(found, written, re.IGNORECASE))
    name = name or ("CNY" if CJK.search(text) else "JPY")
    return Amount(_span(match), "price", low, high, name, bounded=bounded)


def _quantity(match: re.Match[str]) -> Amount | None:
    """Without any unit, a bound is one of the price ("under 50"), but "ages 3" is an age."""
    amount = _number(match, "low")
    assert amount is not None
    low, high = _bounds(match, amount, _number(match, "high"))
    aged = (match["between"] or "").lower().startswith("age")
    if not match["unit"] and not match["counted"] and not aged:
        bound = match["le"] or (match["between"] and match["high"]) or (match["ge"] and match["ge"].lower() != "from")
        return Amount(_span(match), "price", low, high, bounded=True) if bound else None
    if match["unit"] and match["unit"].lower() == "pounds" and (match["le"] or "").lower().startswith("cheaper"):
        return Amount(_span(match), "price", low, high, "GBP", bounded=True)
    if match["unit"]:
        if _DOUBTFUL.search(match.group().strip()):
            return None
        dimension: str
        dimension, unit, factor = base_of(match["unit"])
    else:
        named = match["counted"] or "years"
        kind, (_, factor) = next(
            (kind, found)
            for kind, found in _COUNTS.items()
            if kind == named or re.fullmatch(found[0], named, re.IGNORECASE)
        )
        dimension, unit = {"age": ("age", "months"), "years": ("age", "months"), "charge": ("charge", "mAh")}.get(
            kind, (kind, kind)
        )
    low, high = (None if one is None else round(one * factor, 9) for one in (low, high))
    return Amount(_span(match), "quantity", low, high, unit, dimension, bounded=low != high)
