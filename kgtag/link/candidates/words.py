"""The parts a label is made of, and lookups by them: together, reordered, without numbers, by initials, substituted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from graph.labels import CJK_CLASS, plain_letters, singular
from kgtag.link.candidates.label_table import Ids, digest

MOST = 8
"""Substitutes kept of one part."""


@dataclass(frozen=True, slots=True)
class Substitutes:
    """Part of a mention → parts of a label with the share of synonyms that change the one into the other, best first.
    The empty part says that the label goes without."""

    table: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)

    def of(self, part: str) -> Sequence[tuple[str, float]]:
        return self.table.get(part, ())

    def as_json(self) -> dict[str, list[list[Any]]]:
        return {part: [[other, share] for other, share in found] for part, found in sorted(self.table.items())}

    @classmethod
    def of_json(cls, raw: Any) -> Substitutes:
        """Raises InputError when it isn't what `as_json` gives."""
        try:
            return cls(
                {str(part): tuple((str(other), float(share)) for other, share in found) for part, found in raw.items()}
            )
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(f"the linker's substitutes don't read ({error!r}); train the linker again") from error


BITS = TOGETHER, REORDERED, NUMBERLESS, CONTAINED, SUBSTITUTED, INITIALS = 1, 2, 4, 8, 16, 32
"""How a text was found by its parts; bits, since one text may be found in several ways."""

MAX_PARTS = 12
"""Parts of a text that are looked at."""
_LONGEST_RUN = 5
_HITS = 20
"""Texts taken from one key."""
_PART = re.compile(rf"[{CJK_CLASS}]|[^\W\d_{CJK_CLASS}]+[#+]*|\d+|[#+]+")
_INITIALS = range(2, 7)


def parts(normal: str) -> tuple[str, ...]:
    """Singular words, numbers, and CJK characters one by one: "node.js-v2" → ("node", "js", "v", "2")."""
    return tuple(singular(part) for part in _PART.findall(plain_letters(normal))[:MAX_PARTS])


class Words:
    """The parts of all texts of a table, and the index by their keys.

    `starts` (texts + 1,), `tokens` int32: the distinct parts of text `t` are `tokens[starts[t]:starts[t + 1]]`,
    ascending. `idf` (vocabulary,) float64. `is_number` (vocabulary,) bool. `first`, `last` (texts,) int32, -1 for none.
    `together`: each text's parts written as one; `sizes` (texts,) int32: how many they are.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.vocabulary: dict[str, int] = {}
        counts, flat = [0], list[int]()
        first, last = np.full(len(texts), -1, dtype=np.int32), np.full(len(texts), -1, dtype=np.int32)
        hashes, owners = list[int](), list[int]()
        self.together: list[str] = []
        self.sizes: Ids = np.zeros(len(texts), dtype=np.int32)
        for number, text in enumerate(texts):
            found = parts(text)
            self.together.append("".join(found))
            self.sizes[number] = len(found)
            ids = [self.vocabulary.setdefault(part, len(self.vocabulary)) for part in found]
            if ids:
                first[number], last[number] = ids[0], ids[-1]
            distinct = sorted(set(ids))
            flat += distinct
            counts.append(len(distinct))
            keys = {digest(key) for key in _label_keys(text, found)}
            hashes += keys
            owners += [number] * len(keys)
        self.starts: Ids = np.cumsum(counts, dtype=np.int64).astype(np.int32)
        self.tokens: Ids = np.array(flat, dtype=np.int32)
        self.first, self.last = first, last
        size = len(self.vocabulary)
        frequency = np.bincount(self.tokens, minlength=size)
        self.idf: NDArray[np.float64] = np.log1p(len(texts) / (1 + frequency))
        self.rarest = float(np.log1p(len(texts)))
        self.is_number = np.array([part.isdigit() for part in self.vocabulary], dtype=np.bool_)
        at = np.array(hashes, dtype=np.uint64)
        owner = np.array(owners, dtype=np.int32)
        order = np.lexsort((owner, at))
        self._hashes, self._owners = at[order], owner[order]

    def find(self, normal: str, substitutes: Substitutes) -> dict[int, int]:
        """Text number → bits, of the texts that share a key with the query."""
        found: Counter[int] = Counter()
        asked: dict[str, int] = {}
        for key, bit in _query_keys(parts(normal), substitutes):
            asked[key] = asked.get(key, 0) | bit
        hashes = np.array([digest(key) for key in asked], dtype=np.uint64)
        starts = np.searchsorted(self._hashes, hashes)
        ends = np.searchsorted(self._hashes, hashes, side="right")
        for bits, start, end in zip(asked.values(), starts.tolist(), ends.tolist(), strict=True):
            for text in self._owners[start : min(end, start + _HITS)].tolist():
                found[text] |= bits
        return dict(found)


def initials(found: Sequence[str]) -> str:
    """First characters of a name of two to six parts; empty for others."""
    return "".join(part[0] for part in found) if len(found) in _INITIALS else ""


def _label_keys(text: str, found: Sequence[str]) -> Iterator[str]:
    if not found:
        return
    yield "=" + "".join(found)
    bare = "".join(part for part in found if not part.isdigit())
    if bare:
        yield "=" + bare
    if len(found) > 1:
        yield "~" + " ".join(sorted(set(found)))
        short = initials(found)
        if short and not short.isdigit():
            yield "!" + short


def _query_keys(found: Sequence[str], substitutes: Substitutes) -> Iterator[tuple[str, int]]:
    if not found:
        return
    whole = "".join(found)
    yield "=" + whole, TOGETHER
    bare = "".join(part for part in found if not part.isdigit())
    if bare and bare != whole:
        yield "=" + bare, NUMBERLESS
    if len(found) > 1:
        yield "~" + " ".join(sorted(set(found))), REORDERED
        short = initials(found)
        if len(short) > 1:
            yield "=" + short, INITIALS
    elif len(whole) in _INITIALS:
        yield "!" + whole, INITIALS
    for start in range(len(found)):
        for end in range(start + 1, min(len(found), start + _LONGEST_RUN) + 1):
            run = "".join(found[start:end])
            if len(run) > 1 and end - start < len(found):
                yield "=" + run, CONTAINED
    for at, part in enumerate(found):
        for other, _ in substitutes.of(part):
            changed = [*found[:at], *([other] if other else []), *found[at + 1 :]]
            if changed:
                yield "=" + "".join(changed), SUBSTITUTED
                yield "~" + " ".join(sorted(set(changed))), SUBSTITUTED
