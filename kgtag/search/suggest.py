"""Autocomplete over labels, by a prefix index of their words."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.columns.columns import HIDDEN, PREF, owners
from graph.columns.hierarchy import Csr
from graph.columns.sequences import offsets
from graph.labels import normalise, typed_form
from graph.model import Kind
from graph.taxonomy import Taxonomy
from kgtag.rows import SuggestionRow

Longs = NDArray[np.int64]
Characters = NDArray[np.uint8]
_WORDS = 8
"""Words, or characters of a text without spaces, that are indexed."""
_HEAD = 8


@dataclass(frozen=True, slots=True)
class PrefixIndex:
    """(k,) word starts in the bytes of all texts, sorted by the eight bytes that follow, then by text and place. `text`
    is the number of the text that a place is in and `begin` (texts,) the start of each text."""

    head: NDArray[np.uint64]
    place: Longs
    text: NDArray[np.int32]
    begin: Longs
    data: Characters

    @classmethod
    def of(cls, texts: pa.LargeStringArray, wanted: NDArray[np.bool_]) -> PrefixIndex:
        """Index the wanted texts, in normal form, at each word; without spaces and not ASCII, at each character."""
        starts = offsets(texts)
        buffer = texts.buffers()[2] if len(texts) else None
        data = np.frombuffer(buffer or b"\0", dtype=np.uint8)[: max(1, int(starts[-1]))]
        if not int(starts[-1]):
            nowhere = np.zeros(0, dtype=np.int64)
            return cls(nowhere.astype(np.uint64), nowhere, nowhere.astype(np.int32), starts[:-1], data)
        owner = np.repeat(np.arange(len(texts), dtype=np.int32), np.diff(starts))
        place = _places(starts, data, owner)
        text = owner[place]
        first = np.cumsum(np.bincount(text, minlength=len(texts)))
        number = np.arange(len(place)) - np.append(0, first)[text]
        kept = (number < _WORDS) & wanted[text]
        place, text = place[kept], text[kept]
        head = _head(data, place, starts[text + 1])
        order = np.argsort(head, kind="stable")
        return cls(head[order], place[order], text[order], starts[:-1], data)

    def starting_with(self, prefix: str, limit: int) -> list[tuple[int, bool, int]]:
        """(text, whether inside of it, characters from there on) of up to `limit` places with the prefix."""
        wanted = prefix.encode()
        low, high = (wanted[:_HEAD].ljust(_HEAD, fill) for fill in (b"\0", b"\xff"))
        first = np.searchsorted(self.head, np.uint64(int.from_bytes(low, "big")), side="left")
        last = np.searchsorted(self.head, np.uint64(int.from_bytes(high, "big")), side="right")
        places, texts = self.place[first:last], self.text[first:last]
        ends = np.append(self.begin, len(self.data))[texts + 1]
        fits = places + len(wanted) <= ends
        for at in range(_HEAD, len(wanted)):
            left = np.flatnonzero(fits)
            fits[left] = self.data[places[left] + at] == wanted[at]
        places, texts, ends = places[fits][:limit], texts[fits][:limit], ends[fits][:limit]
        return [
            (text, place > self.begin[text], len(bytes(self.data[place:end]).decode()))
            for text, place, end in zip(texts.tolist(), places.tolist(), ends.tolist(), strict=True)
        ]


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


_ODD = r"[^a-z0-9 ]"
"""What a text has that may differ from its typed form."""
_SCAN = 2_000
"""Matches ranked per prefix; only one or two letters have more."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A completion: the matching label, in its language, and the concept's preferred label."""

    concept: str
    label: str
    pref_label: str
    kind: Kind
    lang: str

    def to_dict(self) -> SuggestionRow:
        """The row of a completion."""
        return cast(SuggestionRow, asdict(self))


class Suggester:
    """Completes prefixes of any word of a label: "boot" finds "hiking boots"."""

    def __init__(self, taxonomy: Taxonomy, *, popularity: Callable[[int], int] = lambda _: 0) -> None:
        self._taxonomy = taxonomy
        self._popularity = popularity
        self._labels = taxonomy.derived.labels
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Build the index now rather than at the first call."""
        with self._lock:
            _ = self._keys, self._forms

    def suggest(
        self, text: str, *, limit: int = 10, lang: str | None = None, kind: str | None = None
    ) -> list[Suggestion]:
        """One completion per concept: label starts before inner words, preferred labels before others."""
        prefix = typed_form(normalise(text))
        if not prefix:
            return []
        self.warm()
        columns = self._taxonomy.columns
        best: dict[int, tuple[tuple[int, int, int, str], str, str]] = {}
        for form, late, size in self._keys.starting_with(prefix, _SCAN):
            for row in self._forms.row(form):
                i, tag = int(self._owners[row]), columns.texts.lang[row]
                if lang not in (None, tag, tag.split("-")[0]) or kind not in (None, columns.kind[i]):
                    continue
                label = columns.texts.text[row].as_py()
                order = (int(columns.texts.kind[row] != PREF) + 2 * late, -self._popularity(i), size, label)
                if i not in best or order < best[i][0]:
                    best[i] = (order, label, tag)
        ranked = sorted(best.items(), key=lambda item: (item[1][0], item[0]))[:limit]
        found = ((self._taxonomy[self._taxonomy.ids[i]], label, tag) for i, (_, label, tag) in ranked)
        return [Suggestion(c.id, label, c.label(tag), c.kind, tag) for c, label, tag in found]

    @cached_property
    def _owners(self) -> NDArray[np.int32]:
        return owners(self._taxonomy.columns.texts)

    @cached_property
    def _forms(self) -> Csr:
        """The label rows of each normal form that may be suggested."""
        columns, form = self._taxonomy.columns, self._labels.form
        deprecated = columns.status.where("deprecated")[self._owners]
        rows = np.flatnonzero((form >= 0) & (columns.texts.kind != HIDDEN) & ~deprecated).astype(np.int32)
        order = np.argsort(form[rows], kind="stable")
        return Csr.sorted(len(self._labels.texts), form[rows][order], rows[order])

    @cached_property
    def _keys(self) -> PrefixIndex:
        texts = self._labels.texts.array
        odd = pc.match_substring_regex(texts, _ODD)
        typed = pa.array(map(typed_form, texts.filter(odd).to_pylist()), texts.type)
        return PrefixIndex.of(pc.replace_with_mask(texts, odd, typed), np.diff(self._forms.starts) > 0)
