"""Autocomplete over labels: by a prefix index of their words, and where that gives little, in other ways."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.columns.columns import HIDDEN, PREF, owners
from graph.columns.hierarchy import Csr
from graph.labels import CJK, CJK_CLASS, normalise, typed_form
from graph.model import Kind
from graph.taxonomy import Taxonomy
from kgtag.rows.search import SuggestionRow
from kgtag.search.concepts import ConceptSearch
from kgtag.search.pinyin import PinyinIndex
from kgtag.search.prefixes import PrefixIndex
from kgtag.search.words import WordIndex

_ODD = r"[^a-z0-9 ]"
"""What a text has that may differ from its typed form."""
_SCAN = 2_000
"""Matches ranked per prefix; only one or two letters have more."""
_BATCH = 100
"""Matches that are put in order at once."""
_MOST_USED = (1 << 31) - 1
_CHECKED = 400
"""Labels that are checked for all words of a text."""
_INFIX = 3
_WORDS = 16
"""Words that a misspelt one, or a part of one, is completed by."""

Forms = NDArray[np.int32]
Matches = tuple[Forms, NDArray[np.bool_], NDArray[np.int64]]
"""(k,) normal forms, whether each is found inside of it, and letters from there on."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A completion: the matching label, in its language, and the concept's preferred label. `path`: labels of the
    broader concepts from the top, where other completions have the same label."""

    concept: str
    label: str
    pref_label: str
    kind: Kind
    lang: str
    path: tuple[str, ...] = field(default=())

    def to_dict(self) -> SuggestionRow:
        """The row of a completion."""
        row: SuggestionRow = {
            "concept": self.concept,
            "label": self.label,
            "pref_label": self.pref_label,
            "kind": self.kind,
            "lang": self.lang,
        }
        if self.path:
            row["path"] = list(self.path)
        return row


class Suggester:
    """Completes prefixes of any word of a label: "boot" finds "hiking boots".

    Where fewer labels than asked for begin so: all words in any order, pinyin and its initials, parts of words; where
    none does, words with a typing error.
    """

    def __init__(self, taxonomy: Taxonomy, *, popularity: Callable[[int], int] = lambda _: 0) -> None:
        self._taxonomy = taxonomy
        self._popularity = popularity
        self._labels = taxonomy.derived.labels
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Build the indexes now rather than at the first call."""
        with self._lock:
            _ = self._keys, self._forms, self._pinyin, self._use, self._lengths
            self._words.warm()

    def suggest(
        self, text: str, *, limit: int = 10, lang: str | None = None, kind: str | None = None
    ) -> list[Suggestion]:
        """One completion per concept: label starts before inner words, preferred labels before others."""
        prefix = typed_form(normalise(text))
        if not prefix:
            return []
        self.warm()
        rows: dict[int, int] = {}
        for matches in self._stages(prefix, rows, limit):
            for row in self._ranked(matches, lang, kind):
                rows.setdefault(int(self._owners[row]), row)
                if len(rows) >= limit:
                    break
        found = [self._suggestion(i, row) for i, row in rows.items()]
        alike = Counter(one.label for one in found)
        return [replace(one, path=self._path(one)) if alike[one.label] > 1 else one for one in found]

    @cached_property
    def concepts(self) -> ConceptSearch:
        """The search for concepts by relevance, over the same words."""
        return ConceptSearch(self._taxonomy, self._words, self._popularity)

    def _path(self, one: Suggestion) -> tuple[str, ...]:
        return tuple(self._taxonomy[id].label(one.lang) for id in self._taxonomy.path(one.concept)[:-1])

    def _suggestion(self, i: int, row: int) -> Suggestion:
        """Without building the concept where its preferred label is the match."""
        columns, id = self._taxonomy.columns, self._taxonomy.ids[i]
        label, tag = columns.texts.text[row].as_py(), columns.texts.lang[row]
        preferred = label if columns.texts.kind[row] == PREF else self._taxonomy[id].label(tag)
        return Suggestion(id, label, preferred, cast(Kind, columns.kind[i]), tag)

    def _stages(self, prefix: str, found: Mapping[int, int], limit: int) -> Iterator[Matches]:
        """Stage by stage, as long as `found` has less than `limit`."""
        yield self._keys.starting_with(prefix, _SCAN)
        words = prefix.split()
        if len(words) > 1 and len(found) < limit:
            yield self._with_all([[word] for word in words])
        if not found:
            for spaced in _otherwise_spaced(words):
                yield self._keys.starting_with(spaced, _SCAN)
        if prefix.isascii() and len(found) < limit:
            if len(words) == 1:
                yield self._pinyin.starting_with(prefix, _SCAN)
                if len(prefix) >= _INFIX and len(found) < limit:
                    yield self._with_any(self._words.containing(prefix, _WORDS))
            if not found:
                yield from self._misspelt(words, found)

    def _misspelt(self, words: list[str], found: Mapping[int, int]) -> Iterator[Matches]:
        """The word with an error; of several, those that no label has, then any of them, then the last word alone."""
        index = self._words
        if len(words) == 1:
            for number in index.near(words[0], unfinished=True)[:_WORDS]:
                yield self._with_any([number])
            return

        def near(word: str) -> list[str]:
            numbers = index.near(word, unfinished=word is words[-1], shortest=3)
            return [index.vocabulary[number] for number in numbers[:_WORDS]]

        unknown = {word: near(word) for word in words if not index.starting_with(word)}
        if unknown:
            yield self._with_all([unknown.get(word) or [word] for word in words])
        if not found:
            yield self._with_all([[word, *(unknown[word] if word in unknown else near(word))] for word in words])
        if not found and len(words[-1]) > 1:
            yield self._keys.starting_with(words[-1], _SCAN)
        if not found:
            yield from self._misspelt(words[-1:], found)

    def _inside(self, forms: Forms) -> Matches:
        return forms, np.ones(len(forms), dtype=np.bool_), self._lengths[forms].astype(np.int64)

    def _with_any(self, words: Iterable[int]) -> Matches:
        forms = [self._words.texts[number][: _SCAN // _WORDS] for number in words]
        return self._inside(np.unique(np.concatenate(forms)) if forms else np.zeros(0, dtype=np.int32))

    def _with_all(self, options: list[list[str]]) -> Matches:
        """Texts that have, for each list, a word that begins like one of it; looked for among those of the rarest."""
        index = self._words
        spans = [[index.starting_with(word) for word in words] for words in options]
        starts = index.texts.starts
        sizes = [sum(int(starts[one.stop] - starts[one.start]) for one in found) for found in spans]
        rarest = min(range(len(spans)), key=lambda at: sizes[at])
        forms = [index.texts.targets[starts[one.start] : starts[one.stop]] for one in spans[rarest]]
        candidates = np.unique(np.concatenate(forms)[:_CHECKED])
        texts = self._typed.take(pa.array(candidates))
        fits = np.ones(len(candidates), dtype=np.bool_)
        for at, words in enumerate(options):
            if at != rarest:
                begun = rf"(?:^| )(?:{'|'.join(map(re.escape, words))})"
                fits &= pc.match_substring_regex(texts, begun).to_numpy(zero_copy_only=False)
        return self._inside(candidates[fits])

    def _ranked(self, matches: Matches, lang: str | None, kind: str | None) -> Iterator[int]:
        """Label rows: label starts before inner words, preferred labels before others, much used before little used,
        short before long."""
        forms, late, sizes = matches
        if not len(forms):
            return
        starts = self._forms.starts[forms]
        counts = self._forms.starts[forms + 1] - starts
        place = np.repeat(np.arange(len(forms)), counts)
        at = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts, counts)
        rows = self._forms.targets[at]
        columns = self._taxonomy.columns
        kept = np.ones(len(rows), dtype=np.bool_)
        if lang is not None:
            tags = [n for n, tag in enumerate(columns.texts.lang.values) if lang in (tag, tag.split("-")[0])]
            kept &= np.isin(columns.texts.lang.codes[rows], tags)
        owner = self._owners[rows]
        if kind is not None:
            kept &= columns.kind.where(kind)[owner]
        rows, place, owner = rows[kept], place[kept], owner[kept]
        rank = (columns.texts.kind[rows] != PREF) + 2 * late[place].astype(np.int64)
        key = (rank << 48) - (np.minimum(self._use[owner], _MOST_USED) << 16) + np.minimum(sizes[place], 65_535)
        best = self._first(key, _BATCH)
        order = best[np.lexsort((owner[best], forms[place[best]], key[best]))]
        yield from rows[order].tolist()
        if len(order) < len(rows):
            left = np.setdiff1d(np.arange(len(rows)), order)
            yield from rows[left[np.lexsort((owner[left], forms[place[left]], key[left]))]].tolist()

    @staticmethod
    def _first(key: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """Places of the lowest keys, `count` and as many as are equal to the last."""
        if len(key) <= 2 * count:
            return np.arange(len(key))
        return np.flatnonzero(key <= np.partition(key, count)[count])

    @cached_property
    def _use(self) -> NDArray[np.int64]:
        n = len(self._taxonomy)
        return np.fromiter(map(self._popularity, range(n)), dtype=np.int64, count=n)

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
    def _shown(self) -> NDArray[np.bool_]:
        shown: NDArray[np.bool_] = np.diff(self._forms.starts) > 0
        return shown

    @cached_property
    def _typed(self) -> pa.LargeStringArray:
        texts = self._labels.texts.array
        odd = pc.match_substring_regex(texts, _ODD)
        typed = pa.array(map(typed_form, texts.filter(odd).to_pylist()), texts.type)
        return pc.replace_with_mask(texts, odd, typed)

    @cached_property
    def _lengths(self) -> NDArray[np.int32]:
        lengths: NDArray[np.int32] = pc.utf8_length(self._typed).to_numpy().astype(np.int32)
        return lengths

    @cached_property
    def _keys(self) -> PrefixIndex:
        return PrefixIndex.of(self._typed, self._shown)

    @cached_property
    def _words(self) -> WordIndex:
        return WordIndex(self._typed)

    @cached_property
    def _pinyin(self) -> PinyinIndex:
        """Of labels with Chinese characters, and of no other language that has them."""
        chinese = pc.match_substring_regex(self._typed, f"[{CJK_CLASS}]").to_numpy(zero_copy_only=False) & self._shown
        numbers = np.flatnonzero(chinese)
        texts = self._typed.take(pa.array(numbers)).to_pylist()
        return PinyinIndex([row for row in zip(numbers.tolist(), texts, strict=True) if CJK.search(row[1])])


def _otherwise_spaced(words: list[str]) -> list[str]:
    """The text with its spaces elsewhere: "tshirt" as "t shirt", "登山 鞋" as "登山鞋"."""
    if len(words) > 1:
        return [] if all(word.isascii() for word in words) else ["".join(words)]
    (word,) = words
    return (
        [f"{word[:cut]} {word[cut:]}" for cut in range(1, len(word) - 1)] if word.isascii() and word.isalpha() else []
    )
