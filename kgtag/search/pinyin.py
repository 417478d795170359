"""Chinese labels by their pinyin without tones, and by its initials: "xiezi" and "xz" for 鞋子.

`pinyin.txt` has the 6,763 characters of GB 2312: a syllable, the characters that are mostly read so, those that often
are. Its readings are those of pypinyin 0.55 (MIT), which itself would take 50 MB and a second to load.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from graph.labels import CJK

_FIRST = 4
"""Characters of a label from which on it may be typed."""
_LAST = "{"
"""After all letters."""


class PinyinIndex:
    """Texts by how they are read; texts without Chinese characters are left out."""

    def __init__(self, texts: Sequence[tuple[int, str]]) -> None:
        """`texts`: (number, typed form), as many as have any Chinese character."""
        found: set[tuple[str, int, int]] = set()
        for number, text in texts:
            for syllables in _readings(text):
                for at in range(min(_FIRST, len(syllables))):
                    found.add(("".join(syllables[at:]), at, number))
                found.add(("".join(one[0] for one in syllables), 0, number))
        self._entries = sorted(found)
        self._keys = [key for key, _, _ in self._entries]

    def starting_with(self, typed: str, limit: int) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int64]]:
        """Of up to `limit` places that read so: (k,) text, whether inside of it, letters from there on."""
        first, last = bisect_left(self._keys, typed), bisect_left(self._keys, typed + _LAST)
        found = self._entries[first : min(last, first + limit)]
        numbers = np.array([number for *_, number in found], dtype=np.int32)
        inside = np.array([at > 0 for _, at, _ in found], dtype=np.bool_)
        return numbers, inside, np.array([len(key) for key, *_ in found], dtype=np.int64)


def _readings(text: str) -> Iterator[list[str]]:
    """The syllables of a text, letters and digits as they are; twice for characters that are read in two ways."""
    usual, other = _tables()
    if CJK.search(text):
        first = [usual.get(character, character) for character in text if not character.isspace()]
        yield first
        second = [
            other.get(character, syllable) for character, syllable in zip(text.replace(" ", ""), first, strict=False)
        ]
        if second != first:
            yield second


@cache
def _tables() -> tuple[dict[str, str], dict[str, str]]:
    usual: dict[str, str] = {}
    other: dict[str, str] = {}
    for line in (resources.files("kgtag.search") / "pinyin.txt").read_text(encoding="utf-8").splitlines():
        syllable, first, *second = line.split(" ")
        usual |= dict.fromkeys(first.replace("-", ""), syllable)
        other |= dict.fromkeys("".join(second), syllable)
    return usual, other
