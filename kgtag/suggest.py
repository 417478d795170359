"""Completions of a half-typed label."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from graph.labels import normalise
from graph.taxonomy import Taxonomy

_SCAN = 2_000
"""Labels looked at per completion at most; a prefix with more matches than this is one or two letters long."""
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`label` is the label that completes the text, in its language; `pref_label` the concept's name."""

    concept: str
    label: str
    pref_label: str
    kind: str
    lang: str


class Suggester:
    """Sorted keys, one for each word a label can be entered at, so that "boot" finds "hiking boots" as well."""

    def __init__(self, taxonomy: Taxonomy, *, popularity: Callable[[int], int] = lambda _: 0) -> None:
        self._taxonomy = taxonomy
        self._popularity = popularity
        keys: list[tuple[str, int, int, str, str]] = []
        for i, concept in enumerate(taxonomy.concepts):
            if concept.status == "deprecated":
                continue
            for text, lang, kind in concept.labels():
                if kind != "hidden":
                    rank = 0 if kind == "pref" else 1
                    keys += [(key, rank + 2 * late, i, text, lang) for key, late in _entries(normalise(text))]
        keys.sort()
        self._keys = keys

    def suggest(
        self, text: str, *, limit: int = 10, lang: str | None = None, kind: str | None = None
    ) -> list[Suggestion]:
        """One completion a concept at most; a label's start before an inner word, preferred labels before others."""
        prefix = normalise(text)
        if not prefix:
            return []
        start = bisect_left(self._keys, (prefix,))
        end = bisect_left(self._keys, (prefix + _LAST,))
        best: dict[int, tuple[tuple[int, int, int, str], str, str]] = {}
        for key, rank, i, label, tag in self._keys[start : min(end, start + _SCAN)]:
            if lang not in (None, tag, tag.split("-")[0]) or kind not in (None, self._taxonomy.concepts[i].kind):
                continue
            order = (rank, -self._popularity(i), len(key), label)
            if i not in best or order < best[i][0]:
                best[i] = (order, label, tag)
        ranked = sorted(best.items(), key=lambda item: (item[1][0], item[0]))[:limit]
        return [self._suggestion(i, label, tag) for i, (_, label, tag) in ranked]

    def _suggestion(self, i: int, label: str, lang: str) -> Suggestion:
        concept = self._taxonomy.concepts[i]
        return Suggestion(concept.id, label, concept.label(lang), concept.kind, lang)


def _entries(label: str) -> list[tuple[str, int]]:
    """The label from each of its words on, and whether that is later than its start; no spaces: from each character."""
    words = label.split(" ")
    if len(words) == 1 and not label.isascii():
        return [(label[at:], int(at > 0)) for at in range(min(len(label), 8))]
    return [(" ".join(words[at:]), int(at > 0)) for at in range(min(len(words), 8))]
