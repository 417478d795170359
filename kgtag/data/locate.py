"""Where annotated values stand in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from kgtag.types import Span

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x3040, 0x30FF),  # kana
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
"""Scripts that are written without spaces: any place in them may be a token boundary."""


def locate(text: str, attributes: Mapping[str, Sequence[str]]) -> list[tuple[str, Span]]:
    """(attribute, span) of every occurrence of every value on token boundaries, in the order of the text.

    Values are looked for as written, then without regard to case. Where values of one attribute overlap, the longest
    stands. A value inside a longer one of another attribute counts there only when it stands nowhere else.
    """
    found: list[tuple[str, str, Span]] = []
    for attribute, values in attributes.items():
        taken: list[Span] = []
        for value in sorted(set(values), key=lambda value: (-len(value), value)):
            free = [span for span in occurrences(text, value) if not any(_overlap(span, old) for old in taken)]
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
    return character > "\u0dff" and any(first <= ord(character) <= last for first, last in _UNSPACED)


def _overlap(a: Span, b: Span) -> bool:
    return a.start < b.end and b.start < a.end


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
