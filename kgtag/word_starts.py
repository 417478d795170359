"""Where the words of many texts begin, sorted by what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.sorted_texts import offsets

_WORDS = 8
"""Words, or characters of a text without spaces, at which a text can be entered."""
_HEAD = 8


@dataclass(frozen=True, slots=True)
class WordStarts:
    """(k,) places in the bytes of some texts, in order of the eight bytes that follow, then of text and place.

    `text` is the number of the text that a place is in and `begin` (texts,) where each text begins.
    """

    head: NDArray[np.uint64]
    place: NDArray[np.int64]
    text: NDArray[np.int32]
    begin: NDArray[np.int64]
    data: NDArray[np.uint8]

    @classmethod
    def of(cls, texts: pa.LargeStringArray, wanted: NDArray[np.bool_]) -> WordStarts:
        """Of those texts, in normal form, that are wanted.

        A text is entered at each of its words; one that has no spaces and isn't ASCII, at each of its characters.
        """
        starts = offsets(texts)
        data = np.frombuffer(texts.buffers()[2] or b"\0", dtype=np.uint8)[: int(starts[-1]) or 1]
        place = _places(starts, data)
        text = (np.searchsorted(starts, place, side="right") - 1).astype(np.int32)
        # No more than some places a text.
        number = np.arange(len(place)) - np.searchsorted(place, starts[text])
        kept = (number < _WORDS) & wanted[text]
        place, text = place[kept], text[kept]
        head = _head(data, place, starts[text + 1])
        order = np.argsort(head, kind="stable")
        return cls(head[order], place[order], text[order], starts[:-1], data)

    def starting_with(self, prefix: str, limit: int) -> list[tuple[int, int]]:
        """(text, bytes before the place) of up to `limit` places that the prefix, not empty, stands at."""
        wanted = np.frombuffer(prefix.encode(), dtype=np.uint8)
        low = prefix.encode()[:_HEAD]
        first = np.searchsorted(self.head, np.uint64(int.from_bytes(low.ljust(_HEAD, b"\0"), "big")), side="left")
        last = np.searchsorted(self.head, np.uint64(int.from_bytes(low.ljust(_HEAD, b"\xff"), "big")), side="right")
        places, texts = self.place[first:last], self.text[first:last]
        if len(wanted) > _HEAD or 0 in wanted:
            # Within what is left of the data; a place so near the end that the prefix runs out of it is none.
            fits = places + len(wanted) <= len(self.data)
            ends = np.append(self.begin, len(self.data))[texts + 1]
            fits &= places + len(wanted) <= ends
            for at, byte in enumerate(wanted.tolist()):
                here = np.flatnonzero(fits)
                fits[here] = self.data[places[here] + at] == byte
            places, texts = places[fits], texts[fits]
        places, texts = places[:limit], texts[:limit]
        return list(zip(texts.tolist(), (places - self.begin[texts]).tolist(), strict=True))


def _places(starts: NDArray[np.int64], data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Where a word begins in the data, and in texts of one word that isn't ASCII where a character does; ascending."""
    n = len(starts) - 1
    first = starts[:-1][np.diff(starts) > 0]
    spaces = np.flatnonzero(data == ord(" "))
    spaced: NDArray[Any] = np.zeros(n + 1, dtype=bool)
    spaced[np.searchsorted(starts, spaces, side="right") - 1] = True
    characters = np.flatnonzero((data & 0xC0) == 0xC0)
    inner = characters
    owner = np.searchsorted(starts, inner, side="right") - 1
    foreign: NDArray[Any] = np.zeros(n + 1, dtype=bool)
    foreign[owner] = True
    single = foreign & ~spaced
    # Every character of such texts, ASCII ones among them.
    within = np.repeat(single[:n], np.diff(starts))
    every = np.flatnonzero(within & ((data[: len(within)] & 0xC0) != 0x80)) + int(starts[0])
    found: NDArray[np.int64] = np.unique(np.concatenate([first, spaces + 1, every]))
    return found


def _head(data: NDArray[np.uint8], place: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The eight bytes from each place on as one big-endian number, zeros after the text's end."""
    head = np.zeros(len(place), dtype=np.uint64)
    for at in range(_HEAD):
        within = place + at < end
        byte = np.where(within, data[np.minimum(place + at, len(data) - 1)], 0)
        head = (head << np.uint64(8)) | byte.astype(np.uint64)
    return head
