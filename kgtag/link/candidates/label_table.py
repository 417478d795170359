"""Every label of a taxonomy as flat arrays: texts once each, and a row for each (text, concept) that carries it.

Texts are compared in two forms: normal (as they are) and folded (ignoring minor spelling).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graph.labels import folded_forms, normal_form, numbers
from graph.model import Concept, LabelKind
from graph.taxonomy import Taxonomy
from kgtag.compute import among

Ids = NDArray[np.int32]
Flags = NDArray[np.bool_]

_WITH_UMLAUTS = {"da", "de", "et", "fi", "hu", "is", "nb", "nn", "no", "sv", "tr"}
"""Base languages whose labels may be written without umlauts."""
_LABEL_KINDS: dict[LabelKind, int] = {"pref": 0, "alt": 1, "hidden": 2}
ALT, HIDDEN = 1, 2
MOST_LABELS = 12
"""Labels of a concept whose meaning is compared."""
NOWHERE = -1
"""The attribute of a category, the language of a label outside the query's list, numbers that no label has."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Label rows, sorted by text: int32 (rows,) each. `text` and `concept` are indices, `lang` into `languages`."""

    text: Ids
    concept: Ids
    lang: Ids
    kind: Ids


class LabelTable:
    """`texts` are the distinct normal forms, sorted; the rows of text `t` are `starts[t]:starts[t + 1]`. Only active
    and candidate concepts of `scheme` (None: all) have rows."""

    def __init__(
        self, taxonomy: Taxonomy, *, scheme: str | None = None, mentions: Iterable[tuple[str, str]] = ()
    ) -> None:
        """`mentions`: (text, concept id) known from elsewhere, which count as alternative labels in any language."""
        self.taxonomy = taxonomy
        found: list[tuple[str, int, str, int]] = []
        for index, concept in enumerate(taxonomy.concepts):
            if concept.status != "deprecated" and scheme in (None, concept.scheme):
                found.extend(_labels(concept, index))
        found.extend(_mentions(mentions, taxonomy, {index for _, index, *_ in found}))
        self.texts: tuple[str, ...] = tuple(sorted({text for text, *_ in found}))
        self.exact: dict[str, int] = {text: number for number, text in enumerate(self.texts)}
        self.languages: tuple[str, ...] = tuple(sorted({lang for _, _, lang, _ in found}))
        self.rows = self._rows(found)
        self.starts: Ids = np.searchsorted(self.rows.text, np.arange(len(self.texts) + 1)).astype(np.int32)
        self.attribute: Ids = _attributes(taxonomy)
        self.folded: dict[str, tuple[int, ...]] = self._by_folded_form()
        """Text numbers by folded form, ascending. Made here, so that no query waits for it."""
        self._forms = sorted(self.folded)
        self.lengths: NDArray[np.float64] = np.fromiter(map(len, self.texts), dtype=np.float64, count=len(self.texts))
        self._figures: dict[tuple[str, ...], int] = {}
        figures = (self._figures.setdefault(numbers(text), len(self._figures)) for text in self.texts)
        self.figures: Ids = np.fromiter(figures, dtype=np.int32, count=len(self.texts))
        """(texts,) the same for texts with the same numbers in them."""
        self._by_attribute: dict[int, Ids] = {}
        self._within: dict[int, Ids] = {}

    def __len__(self) -> int:
        return len(self.texts)

    def figure(self, normal: str) -> int:
        """What `figures` has for texts with the numbers of this one; NOWHERE when there are none."""
        return self._figures.get(numbers(normal), NOWHERE)

    def texts_of(self, attribute: int | None) -> Ids | None:
        """Ascending numbers of the texts that label a value of the attribute; None (all) when that is None."""
        if attribute is None:
            return None
        if attribute not in self._by_attribute:
            rows = self.of_attribute(self.rows.concept, attribute)
            self._by_attribute[attribute] = np.unique(self.rows.text[rows])
        return self._by_attribute[attribute]

    def of_attribute(self, concepts: Ids, attribute: int) -> Flags:
        """(k,) whether each of the concepts is a value of the attribute or of a narrower one."""
        if attribute not in self._within:
            below = self.taxonomy.derived.hierarchy.below(attribute)
            self._within[attribute] = np.array(sorted((attribute, *below)), dtype=np.int32)
        return among(self.attribute[concepts], self._within[attribute])

    def _by_folded_form(self) -> dict[str, tuple[int, ...]]:
        umlauts = np.isin(self.rows.lang, [n for n, lang in enumerate(self.languages) if lang in _WITH_UMLAUTS])
        transcribed = set(self.rows.text[umlauts].tolist())
        forms: dict[str, tuple[int, ...]] = {}
        for number, text in enumerate(self.texts):
            for form in folded_forms(text, transcribed=number in transcribed):
                forms[form] = (*forms.get(form, ()), number)
        return forms

    def begins(self, folded: str) -> bool:
        """Whether any label's folded form begins so."""
        at = bisect_left(self._forms, folded)
        return at < len(self._forms) and self._forms[at].startswith(folded)

    def concepts_of(self, texts: Iterable[int]) -> list[int]:
        """Indices of the concepts that carry one of the texts, ascending."""
        starts = self.starts
        return sorted({i for text in texts for i in self.rows.concept[starts[text] : starts[text + 1]].tolist()})

    @cached_property
    def depth(self) -> NDArray[np.float64]:
        """(concepts,) steps to the top along primary `broader` edges."""
        return self.taxonomy.depths.astype(np.float64)

    @cached_property
    def is_attribute(self) -> Flags:
        return self.taxonomy.columns.kind.where("attribute")

    @cached_property
    def is_category(self) -> Flags:
        return self.taxonomy.columns.kind.where("category")

    def _rows(self, found: Sequence[tuple[str, int, str, int]]) -> Rows:
        languages = {lang: number for number, lang in enumerate(self.languages)}
        coded = {(self.exact[text], concept, kind, languages[lang]) for text, concept, lang, kind in found}
        rows = np.array(sorted(coded), dtype=np.int32).reshape(-1, 4)
        return Rows(text=rows[:, 0].copy(), concept=rows[:, 1].copy(), kind=rows[:, 2].copy(), lang=rows[:, 3].copy())


def digest(text: str) -> int:
    """64 bits that tell one text from another, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _labels(concept: Concept, index: int) -> list[tuple[str, int, str, int]]:
    """(text, concept, base language, label kind) for each label with anything in it."""
    return [
        (text, index, tag.split("-")[0].lower(), _LABEL_KINDS[kind])
        for label, tag, kind in concept.labels()
        if (text := normal_form(label))
    ]


def _mentions(
    mentions: Iterable[tuple[str, str]], taxonomy: Taxonomy, there: set[int]
) -> list[tuple[str, int, str, int]]:
    """Of concepts that have labels in the table; other ids are passed over."""
    known = ((mention, taxonomy.index(taxonomy.resolve(id))) for mention, id in mentions if id in taxonomy)
    return [(text, index, "und", ALT) for mention, index in known if index in there and (text := normal_form(mention))]


def _attributes(taxonomy: Taxonomy) -> Ids:
    """(concepts,) the attribute each value belongs to, NOWHERE for the rest."""
    homes = taxonomy.adjacency("value_of")
    counts = np.diff(homes.starts)
    attribute = np.full(len(taxonomy), NOWHERE, dtype=np.int32)
    attribute[counts > 0] = homes.targets[homes.starts[:-1][counts > 0]]
    return attribute


@dataclass(frozen=True, slots=True)
class Usage:
    """(concepts,) float64: `count` as natural logarithm of 1 + uses, `rank` from 0 (least) to 1, equals alike."""

    count: NDArray[np.float64]
    rank: NDArray[np.float64]

    @classmethod
    def of(cls, counts: Mapping[str, float], taxonomy: Taxonomy) -> Usage:
        """Concepts nobody counted are unused; ids the taxonomy doesn't have are passed over."""
        found = np.zeros(len(taxonomy))
        for id, count in counts.items():
            if id in taxonomy:
                found[taxonomy.index(taxonomy.resolve(id))] += count
        ordered = np.sort(found)
        return cls(np.log1p(found), np.searchsorted(ordered, found) / max(len(found), 1))


@dataclass(frozen=True, slots=True)
class Labels:
    """(concepts + 1,) `starts` into `texts`: text numbers of each concept, its preferred labels first, at most twelve.
    `count` (concepts,) int32 counts all."""

    starts: Ids
    texts: Ids
    count: Ids

    @classmethod
    def of(cls, table: LabelTable) -> Labels:
        rows = table.rows
        order = np.lexsort((rows.text, rows.kind, rows.concept))
        concept, text = rows.concept[order], rows.text[order]
        place = np.arange(len(concept)) - np.searchsorted(concept, concept)
        kept = place < MOST_LABELS
        size = len(table.taxonomy)
        starts = np.searchsorted(concept[kept], np.arange(size + 1)).astype(np.int32)
        return cls(starts, text[kept], np.bincount(concept, minlength=size).astype(np.int32))
