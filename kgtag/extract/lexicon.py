"""Known values found in a title: a feature per (attribute, token) for the sequence model.

An entry's reliability says how often, when the value stood in a training title whose category has the attribute, it
was annotated as such. Values given from outside (taxonomy labels, gazetteers) that no training title holds are a level
of their own; those that stand in titles and are never annotated there are as unreliable as any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgtag.extract.inputs import Tokens

LEVELS = 4
"""The last is for values known from outside alone: how far to trust them is learned from how training meets them."""
CODES = 1 + 4 * LEVELS
"""0: no entry here; else 1 + 4 * level + position, position 0 begin, 1 inside, 2 end, 3 single."""
MAX_PIECES = 16
"""Longer values are left out."""

SURE = 0.86
"""How often a value that one attribute alone has is gold where it stands: on the sample shop's dev titles, 469 mentions
of the taxonomy's labels."""

Pieces = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """An entry of `attribute` (index) at tokens first..last, both inclusive. `pieces` are its token ids."""

    attribute: int
    first: int
    last: int
    pieces: Pieces


@dataclass(frozen=True, slots=True)
class Entry:
    """`annotated` of the `seen` titles that hold the value have it as gold; `given` when it came from outside."""

    annotated: int
    seen: int
    given: bool = False

    def level(self, *, without: tuple[int, int] = (0, 0)) -> int | None:
        """0..2, higher is more reliable, or LEVELS - 1 for a given value that training titles say nothing of; None when
        nothing is known `without` (annotated, seen) titles."""
        annotated, seen = self.annotated - without[0], self.seen - without[1]
        if annotated <= 0:
            return (LEVELS - 1 if seen <= 0 else 0) if self.given else None
        share = annotated / max(seen, 1)
        return 0 if share < 0.4 else 1 if share < 0.8 else 2


class Lexicon:
    """Values by attribute index, matched longest first, per attribute without overlap, on whole words."""

    def __init__(self, entries: Mapping[tuple[int, Pieces], Entry]) -> None:
        self.entries = dict(entries)
        self._by_pieces: dict[Pieces, list[int]] = defaultdict(list)
        lengths: dict[int, set[int]] = defaultdict(set)
        for attribute, pieces in sorted(self.entries):
            self._by_pieces[pieces].append(attribute)
            lengths[pieces[0]].add(len(pieces))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    @classmethod
    def of(cls, rows: Iterable[tuple[str, Sequence[int], int, int, bool]], attributes: Sequence[str]) -> Lexicon:
        """From rows of attribute, pieces, annotated, seen, given, as a model directory keeps them."""
        index = {name: number for number, name in enumerate(attributes)}
        return cls({(index[name], tuple(ids)): Entry(hits, seen, given) for name, ids, hits, seen, given in rows})

    def __len__(self) -> int:
        return len(self.entries)

    def matches(self, title: Tokens, attributes: Sequence[int]) -> list[Match]:
        """Ordered by first token, then attribute."""
        ids, wanted = title.ids.tolist(), set(attributes)
        open_word = [*title.continues.tolist()[1:], False]
        free = dict.fromkeys(wanted, 0)
        found = []
        for first, token in enumerate(ids):
            if token not in self._lengths or title.continues[first]:
                continue
            for length in self._lengths[token]:
                last = first + length - 1
                if last >= len(ids) or open_word[last]:
                    continue
                pieces = tuple(ids[first : last + 1])
                for attribute in self._by_pieces.get(pieces, ()):
                    if attribute in wanted and free[attribute] <= first:
                        free[attribute] = last + 1
                        found.append(Match(attribute, first, last, pieces))
        return sorted(found, key=lambda match: (match.first, match.attribute))

    def codes(
        self,
        title: Tokens,
        attributes: Sequence[int],
        *,
        own: frozenset[tuple[int, Pieces]] | None = None,
        skip: frozenset[int] = frozenset(),
    ) -> NDArray[np.int64]:
        """(len(attributes), T) int64 feature codes.

        `own`: the gold of a training title, so that it doesn't see its own annotation; `skip`: matches to leave out,
        by number (training noise).
        """
        result = np.zeros((len(attributes), len(title)), dtype=np.int64)
        row = {attribute: index for index, attribute in enumerate(attributes)}
        for number, match in enumerate(self.matches(title, attributes)):
            key = (match.attribute, match.pieces)
            without = (0, 0) if own is None else (int(key in own), 1)
            level = self.entries[key].level(without=without)
            if level is None or number in skip:
                continue
            codes = result[row[match.attribute], match.first : match.last + 1]
            codes[:] = 1 + 4 * level + 1
            codes[0], codes[-1] = (1 + 4 * level + 3,) * 2 if len(codes) == 1 else (1 + 4 * level, 1 + 4 * level + 2)
        return result


def count_entries(
    values: Iterable[tuple[int, Pieces]],
    titles: Iterable[tuple[Tokens, Sequence[int], frozenset[tuple[int, Pieces]]]],
    *,
    given: Iterable[tuple[int, Pieces]] = (),
) -> Lexicon:
    """A lexicon counted on training titles: each with its applicable attributes and its gold (attribute, pieces)."""
    outside = set(given)
    entries = {key: Entry(0, 0, key in outside) for key in (*values, *outside) if 0 < len(key[1]) <= MAX_PIECES}
    plain = Lexicon(entries)
    annotated: dict[tuple[int, Pieces], int] = defaultdict(int)
    seen: dict[tuple[int, Pieces], int] = defaultdict(int)
    for title, attributes, gold in titles:
        here = {(match.attribute, match.pieces) for match in plain.matches(title, attributes)} | gold
        for key in here:
            seen[key] += 1
            annotated[key] += key in gold
    return Lexicon({key: Entry(annotated[key], seen[key], entry.given) for key, entry in entries.items()})
