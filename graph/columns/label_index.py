"""An index from normalised labels to concepts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.columns.columns import DEFINITION, Columns, Flags, Ints, Longs, owners
from graph.columns.sorted_texts import SortedTexts
from graph.labels import normalise

_PLAIN = r"^[\x00-\x7f\x{4e00}-\x{9fff}]*$"
"""Texts that NFKC leaves unchanged and that fold like ASCII: Latin without accents, and Chinese characters."""
_UNTIDY = r"[\t-\r\x1c-\x1f\-_/]|  |^ | $"
_SEPARATORS = r"[\t-\r\x1c-\x1f \-_/]+"


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
        sorted_names = SortedTexts(names.take(pa.array(order)))
        return cls(sorted_names, starts, owner=owner[first], lang=lang[first], form=form)

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
