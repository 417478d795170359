"""Indexes derived from sound columns, that of labels among them, computed at first use or read from a file."""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.columns.columns import CODE, DEFINITION, SYMMETRIC_CODES, TYPES, Columns, Flags, Ints, Longs, owners
from graph.columns.hierarchy import Csr, Hierarchy, Indices
from graph.columns.sequences import SortedTexts, offsets
from graph.labels import normalise
from graph.model import RelationType

_PLAIN = r"^[\x00-\x7f\x{4e00}-\x{9fff}]*$"
"""Texts that NFKC leaves unchanged and that fold like ASCII: Latin without accents, and Chinese characters."""
_UNTIDY = r"[\t-\r\x1c-\x1f\-_/]|  |^ | $"
_SEPARATORS = r"[\t-\r\x1c-\x1f \-_/]+"
Adjacency = dict[tuple[RelationType, bool], Csr]


class LabelIndex:
    """Distinct normal forms in `texts`, ascending; entries of text `t` are `starts[t]:starts[t + 1]`.

    `owner` (r,) int32 are rows of concepts, ascending within a text, and `lang` (r,) int32 codes of the columns'
    languages; deprecated concepts have no entries. `form` (m,) int32 is the normal form of each of the columns' texts,
    deprecated concepts included, -1 for definitions.
    """

    __slots__ = ("_lang", "_owner", "_starts", "form", "lang", "owner", "starts", "texts")

    def __init__(self, texts: SortedTexts, starts: Longs, *, owner: Ints, lang: Ints, form: Ints) -> None:
        self.texts = texts
        self.starts = starts
        self.owner = owner
        self.lang = lang
        self.form = form
        self._starts, self._owner, self._lang = starts.data, owner.data, lang.data

    @classmethod
    def of(cls, columns: Columns) -> LabelIndex:
        texts = columns.texts
        labels = texts.kind != DEFINITION
        encoded = normal_forms(texts.text.filter(pa.array(labels))).dictionary_encode()
        names = encoded.dictionary
        order = pc.array_sort_indices(names).to_numpy()
        rank = np.empty(len(names), dtype=np.int32)
        rank[order] = np.arange(len(names), dtype=np.int32)
        form: Ints = np.full(len(texts.kind), -1, dtype=np.int32)
        form[labels] = rank[encoded.indices.to_numpy(zero_copy_only=False)]
        owner = owners(texts)
        deprecated = columns.status.where("deprecated")
        carried = labels & ~deprecated[owner] if deprecated.any() else labels
        number, owner, lang = form[carried], owner[carried], texts.lang.codes[carried]
        places = np.lexsort((lang, owner, number))
        number, owner, lang = number[places], owner[places], lang[places]
        first: Flags = np.ones(len(number), dtype=bool)
        first[1:] = (number[1:] != number[:-1]) | (owner[1:] != owner[:-1]) | (lang[1:] != lang[:-1])
        starts = np.zeros(len(names) + 1, dtype=np.int64)
        np.cumsum(np.bincount(number[first], minlength=len(names)), out=starts[1:])
        return cls(SortedTexts(names.take(pa.array(order))), starts, owner=owner[first], lang=lang[first], form=form)

    def find(self, label: str) -> tuple[list[int], list[int]]:
        """Rows of the concepts with the label, ascending, and the language code of each."""
        text = self.texts.find(normalise(label))
        if text is None:
            return [], []
        start, stop = self._starts[text], self._starts[text + 1]
        return self._owner[start:stop].tolist(), self._lang[start:stop].tolist()


def normal_forms(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """`graph.labels.normalise` of each text, in bulk where the result is equal."""
    forms = pc.ascii_lower(texts)
    untidy = pc.match_substring_regex(forms, _UNTIDY)
    if pc.any(untidy).as_py():
        tidied = pc.replace_substring_regex(forms.filter(untidy), _SEPARATORS, " ")
        forms = pc.replace_with_mask(forms, untidy, pc.utf8_trim(tidied, " "))
    odd = pc.invert(pc.match_substring_regex(texts, _PLAIN))
    if pc.any(odd).as_py():
        encoded = texts.filter(odd).dictionary_encode()
        known = pa.array([normalise(text) for text in encoded.dictionary.to_pylist()], pa.large_string())
        forms = pc.replace_with_mask(forms, odd, known.take(encoded.indices))
    return forms


class Derived:
    """Indexes of one snapshot. `adjacency` has a Csr by relation and direction; symmetric relations share one."""

    def __init__(self, columns: Columns, *, hierarchy: Hierarchy | None = None) -> None:
        self.columns = columns
        self.ids = SortedTexts(columns.ids)
        if self.ids.small:
            self.ids.warm()
        self._hierarchy = hierarchy

    def warm(self) -> None:
        _ = self.hierarchy.descendants, self.labels, self.primary, self.depths, self.revision

    @cached_property
    def adjacency(self) -> Adjacency:
        n, edges = len(self.columns), self.columns.edges
        bounds = np.searchsorted(edges.type, np.arange(len(TYPES) + 1))
        nothing = Csr.empty(n)
        rows: Adjacency = {}
        for type, start, stop in zip(TYPES, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            source, target = edges.source[start:stop], edges.target[start:stop]
            if start == stop:
                forward = backward = nothing
            elif SYMMETRIC_CODES[CODE[type]]:
                forward = backward = Csr.pairs(n, np.concatenate([source, target]), np.concatenate([target, source]))
            else:
                forward = Csr.sorted(n, source, target)
                backward = forward.transposed()
            rows[type, True], rows[type, False] = forward, backward
        return rows

    @cached_property
    def hierarchy(self) -> Hierarchy:
        return self._hierarchy or Hierarchy(self.adjacency["broader", True], self.adjacency["broader", False])

    @cached_property
    def primary_parents(self) -> Indices:
        """(n,) int32: the primary broader concept, -1 at the top."""
        edges = self.columns.edges
        ours = edges.primary & (edges.type == CODE["broader"])
        parents: Indices = np.full(len(self.columns), -1, dtype=np.int32)
        parents[edges.source[ours]] = edges.target[ours]
        return parents

    @cached_property
    def primary(self) -> memoryview[int]:
        """`primary_parents` for access to single rows."""
        return self.primary_parents.data

    @cached_property
    def depths(self) -> Indices:
        """(n,) int32: steps to the top, by pointer doubling."""
        n = len(self.columns)
        above = np.append(np.where(self.primary_parents < 0, n, self.primary_parents), n)
        depth = (above != n).astype(np.int32)
        while (above != n).any():
            depth = depth + depth[above]
            above = above[above]
        depths: Indices = depth[:-1]
        return depths

    @cached_property
    def labels(self) -> LabelIndex:
        return LabelIndex.of(self.columns)

    @cached_property
    def revision(self) -> str:
        return revision_of(self.columns)


def revision_of(columns: Columns) -> str:
    """16 hex digits: a hash of the columns in canonical form, zeros when they are empty."""
    if not len(columns):
        return "0" * 16
    digest = hashlib.blake2b(digest_size=8)

    def add(*arrays: np.ndarray) -> None:
        for array in arrays:
            plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            digest.update(len(plain).to_bytes(8, "little"))
            digest.update(plain.data.cast("B") if plain.size else b"")

    def add_texts(texts: pa.LargeStringArray) -> None:
        starts = offsets(texts)
        add(np.diff(starts))
        data = texts.buffers()[2]
        digest.update(memoryview(data or b"")[int(starts[0]) : int(starts[-1])])

    add_texts(columns.ids)
    for column in (*columns.coded, columns.texts.lang):
        add_texts(pa.array(column.values, pa.large_string()))
        add(column.codes)
    add(columns.notation.is_null().to_numpy(zero_copy_only=False))
    add_texts(pc.fill_null(columns.notation, ""))
    add(columns.texts.starts, columns.texts.kind)
    add_texts(columns.texts.text)
    add(columns.edges.type, columns.edges.source, columns.edges.target, columns.edges.primary)
    return digest.hexdigest()
