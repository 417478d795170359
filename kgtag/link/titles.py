"""Categories that a title names by one of their labels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.formats.matching import singular
from graph.labels import normalise
from graph.taxonomy import Taxonomy
from kgtag.types import Span

_TOKEN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]|[^\W_\u3400-\u4dbf\u4e00-\u9fff]+")
"""A word, or one Han character: Chinese has no spaces between words."""
_LONGEST = 8


class TitleCategories:
    """Looks every run of up to eight words of a title up among the labels of the categories."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy

    def find(self, title: str) -> dict[str, Span]:
        """Concept id → where it is named. A name inside a longer name doesn't count ("boots" in "hiking boots")."""
        tokens = [Span(*match.span()) for match in _TOKEN.finditer(title)]
        found: dict[str, Span] = {}
        covered = -1
        for first in range(len(tokens)):
            for last in range(min(first + _LONGEST, len(tokens)) - 1, first - 1, -1):
                span = Span(tokens[first].start, tokens[last].end)
                if span.end <= covered:
                    break
                categories = self._named(title[span.start : span.end])
                if categories:
                    found |= dict.fromkeys(categories, span)
                    covered = span.end
                    break
        return found

    def _named(self, text: str) -> list[str]:
        for spelling in _spellings(text):
            categories = [id for id in self._taxonomy.lookup(spelling) if self._taxonomy[id].kind == "category"]
            if categories:
                return categories
        return []


def _spellings(text: str) -> Iterator[str]:
    key = normalise(text)
    yield key
    if key.isascii():
        one = singular(key)
        yield one
        yield one + "s"
