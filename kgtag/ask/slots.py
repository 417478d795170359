"""Questions that fit no template: what they name decides what they ask. Every word must be accounted for.

One item and an attribute ask for a value, one item and a value for a yes or no, two items for their difference, an
attribute and a description for the values of a shelf, a description alone for items or their number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from graph.labels import CJK
from kgtag.ask.conditions import ConditionReader
from kgtag.ask.grammar import Reading
from kgtag.ask.names import Names
from kgtag.ask.shelf import MARKS

_LONGEST = 4
"""Words of the name of an attribute."""
_COUNT = re.compile(r"\b(?:how many|(?:total )?number of|count|tally)\b|多少|几[个件款种双]|一共|总共|数量", re.I)
_DIFFER = re.compile(
    r"\b(?:differ\w*|distinguish\w*|distinct\w*|compar\w*|contrast\w*|vs|versus|unlike|not? the same|alike|same)\b"
    r"|区别|不同|不一样|差别|差异|比较|对比|相比",
    re.I,
)
_PIECE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+|[^\s\u3040-\u30ff\u3400-\u9fff，。？！、：；]+")


def compares(text: str) -> bool:
    """Whether a question has a word that asks for a difference."""
    return bool(_DIFFER.search(text))


def slot_readings(text: str, names: Names, reader: ConditionReader) -> Iterator[Reading]:
    """The ways to read a marked question by what it names, the likeliest first."""
    items = MARKS.findall(text)
    rest = MARKS.sub(" ", text)
    if len(items) == 2:
        if _DIFFER.search(rest):
            yield Reading("difference", {"p": items[0], "q": items[1]})
        return
    if len(items) == 1:
        value = reader.core(rest)
        if reader.exact(value) is not None and not names.is_attribute(value):
            yield Reading("has", {"p": items[0], "v": value})
        named = list(_attributes(rest, names))
        for attribute, left in named:
            value = reader.core(left, names.attributes(attribute))
            yield Reading(
                "has" if value else "value", {"p": items[0], "a": attribute} | ({"v": value} if value else {})
            )
        if not named:
            yield Reading("has", {"p": items[0], "v": value})
        return
    if items:
        return
    if _COUNT.search(rest):
        yield Reading("count", {"s": _COUNT.sub(" ", rest)})
        return
    conditions, unknown = reader.read(rest)
    named = list(_attributes(rest, names))
    if not unknown and all(any(name in one.text and name != one.text for one in conditions) for name, _ in named):
        yield Reading("items", {"s": rest})
    for attribute, left in named:
        yield Reading("value", {"a": attribute, "p": reader.core(left)})
    yield Reading("items", {"s": rest})


def _attributes(text: str, names: Names) -> Iterator[tuple[str, str]]:
    """(name, the rest of the text) for every name of an attribute in it, the longest first."""
    pieces = [match.span() for match in _PIECE.finditer(text)]
    spans = [(pieces[i][0], pieces[j - 1][1]) for i, j in combinations(range(len(pieces) + 1), 2) if j - i <= _LONGEST]
    spans += [span for start, end in pieces if CJK.match(text, start) for span in _inside(start, end)]
    spans.sort(key=lambda span: (span[0] - span[1], span[0]))
    taken: Sequence[tuple[int, int]] = []
    for start, end in spans:
        name = text[start:end].strip(".,:;?!\"'()")
        if name and not any(a <= start and end <= b for a, b in taken) and names.is_attribute(name):
            taken = [*taken, (start, end)]
            yield name, f"{text[:start]} {text[end:]}"


def _inside(start: int, end: int) -> Iterator[tuple[int, int]]:
    yield from ((a, b) for a in range(start, end) for b in range(a + 2, min(end, a + 6) + 1))
