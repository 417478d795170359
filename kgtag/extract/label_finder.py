"""Concepts that a title names by one of their labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from graph.labels import normalise, singular
from graph.model import Kind
from graph.taxonomy import Taxonomy
from kgtag.types import Span

_TOKEN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]|[^\W_\u3400-\u4dbf\u4e00-\u9fff]+")
"""A word, or one Han character: Chinese has no spaces between words."""
_LONGEST = 8


class LabelFinder:
    """Looks every run of up to eight words of a title up among the labels of one kind of concept."""

    def __init__(self, taxonomy: Taxonomy, kind: Kind) -> None:
        self._taxonomy = taxonomy
        self._kind = kind

    def find(self, title: str, *, admitted: Callable[[str], bool] = lambda _: True) -> Iterator[tuple[Span, list[str]]]:
        """Where `admitted` concepts are named and which, from left to right; a name inside a longer one doesn't count
        ("boots" in "hiking boots")."""
        tokens = [Span(*match.span()) for match in _TOKEN.finditer(title)]
        covered = -1
        for first in range(len(tokens)):
            for last in range(min(first + _LONGEST, len(tokens)) - 1, first - 1, -1):
                span = Span(tokens[first].start, tokens[last].end)
                if span.end <= covered:
                    break
                named = [concept for concept in self._named(title[span.start : span.end]) if admitted(concept)]
                if named:
                    covered = span.end
                    yield span, named
                    break

    def _named(self, text: str) -> list[str]:
        for spelling in _spellings(text):
            named = [id for id in self._taxonomy.lookup(spelling) if self._taxonomy[id].kind == self._kind]
            if named:
                return named
        return []


def _spellings(text: str) -> Iterator[str]:
    key = normalise(text)
    yield key
    if key.isascii():
        one = singular(key)
        yield one
        yield one + "s"
