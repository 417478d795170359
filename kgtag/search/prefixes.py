"""An index of texts by what follows each of their words' starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.columns.sequences import offsets

Longs = NDArray[np.int64]
Characters = NDArray[np.uint8]
_WORDS = 8
"""Words, or characters of a text without spaces, that are indexed."""
_HEAD = 8


@dataclass(frozen=True, slots=True)
class PrefixIndex:
    """(k,) word starts in the bytes of all texts, sorted by the eight bytes that follow, then by text and place. `text`
    is the number of the text that a place is in, `begin` and `end` (texts,) where each text starts and ends."""

    head: NDArray[np.uint64]
    place: Longs
    text: NDArray[np.int32]
    begin: Longs
    end: Longs
    data: Characters

    @classmethod
    def of(cls, texts: pa.LargeStringArray, wanted: NDArray[np.bool_]) -> PrefixIndex:
        """Index the wanted texts, in normal form, at each word; without spaces and not ASCII, at each character."""
        starts = offsets(texts)
        buffer = texts.buffers()[2] if len(texts) else None
        data = np.frombuffer(buffer or b"\0", dtype=np.uint8)[: max(1, int(starts[-1]))]
        if not int(starts[-1]):
            nowhere = np.zeros(0, dtype=np.int64)
            return cls(nowhere.astype(np.uint64), nowhere, nowhere.astype(np.int32), starts[:-1], starts[1:], data)
        owner = np.repeat(np.arange(len(texts), dtype=np.int32), np.diff(starts))
        place = _places(starts, data, owner)
        text = owner[place]
        first = np.cumsum(np.bincount(text, minlength=len(texts)))
        number = np.arange(len(place)) - np.append(0, first)[text]
        kept = (number < _WORDS) & wanted[text]
        place, text = place[kept], text[kept]
        head = _head(data, place, starts[text + 1])
        order = np.argsort(head, kind="stable")
        return cls(head[order], place[order], text[order], starts[:-1], starts[1:], data)

    def starting_with(self, prefix: str, limit: int) -> tuple[NDArray[np.int32], NDArray[np.bool_], Longs]:
        """Of up to `limit` places with the prefix: (k,) text, whether inside of it, bytes from there on."""
        wanted = prefix.encode()
        low, high = (wanted[:_HEAD].ljust(_HEAD, fill) for fill in (b"\0", b"\xff"))
        first = int(np.searchsorted(self.head, np.uint64(int.from_bytes(low, "big")), side="left"))
        last = int(np.searchsorted(self.head, np.uint64(int.from_bytes(high, "big")), side="right"))
        if len(wanted) <= _HEAD:
            last = min(last, first + limit)
        places, texts = self.place[first:last], self.text[first:last]
        ends = self.end[texts]
        if len(wanted) > _HEAD:
            fits = places + len(wanted) <= ends
            for at in range(_HEAD, len(wanted)):
                left = np.flatnonzero(fits)
                fits[left] = self.data[places[left] + at] == wanted[at]
            places, texts, ends = places[fits][:limit], texts[fits][:limit], ends[fits][:limit]
        return texts, places > self.begin[texts], ends - places


def _places(starts: Longs, data: Characters, owner: NDArray[np.int32]) -> Longs:
    """Word starts in the data, ascending; in texts of one word that isn't ASCII, character starts."""
    space = data == ord(" ")
    spaced = np.zeros(len(starts) - 1, dtype=bool)
    spaced[owner[space]] = True
    foreign = np.zeros(len(starts) - 1, dtype=bool)
    foreign[owner[data >= 0x80]] = True
    begins = (foreign & ~spaced)[owner] & ((data & 0xC0) != 0x80)
    begins[1:] |= space[:-1]
    begins[starts[:-1][np.diff(starts) > 0]] = True
    return np.flatnonzero(begins)


def _head(data: Characters, place: Longs, end: Longs) -> NDArray[np.uint64]:
    """The eight bytes from each place on as one big-endian number, zeros after the text's end."""
    padded = np.append(data, np.zeros(_HEAD, dtype=np.uint8))
    found = np.lib.stride_tricks.sliding_window_view(padded, _HEAD)[place].view(">u8")[:, 0].astype(np.uint64)
    over = np.maximum(0, _HEAD - (end - place)).astype(np.uint64) * np.uint64(8)
    masks: NDArray[np.uint64] = found >> over << over
    return masks
