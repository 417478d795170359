"""Finds where a new concept belongs: its parent, and those of the parent's children that would move under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.labels import CJK, folded_form, normal_form
from graph.taxonomy import Taxonomy
from kgtag.compute import unit
from kgtag.discover.place.families import Families, Floats, Ints
from kgtag.discover.place.features import Asked, Hierarchy, heads, normal
from kgtag.discover.place.model import MEANING, MOVED, UNTRAINED, PlaceModel
from kgtag.link.candidates.vectors import LabelVectors
from kgtag.link.candidates.words import parts
from kgtag.link.encoder import SentenceEncoder

if TYPE_CHECKING:
    from kgtag.discover.place.likely import LikelyTags

PLACES = 10
_WORDS, _WHOLE = MOVED.index("words"), MOVED.index("whole")
_ROWS = 64
_MOST_ASKED = 200
"""Children of a place that are asked whether they would move."""
_LIKELY = 0.6
"""The least probability of a child that moves."""
_ASKED = 0.05
"""Probability of a place under which its children are not asked whether they would move."""
_DEFINED = 0.5
"""Weight of a definition's vector beside the label's."""


@dataclass(frozen=True, slots=True)
class NewConcept:
    """A concept to place. `lang`: of its label; guessed from the script when left out."""

    label: str
    definition: str | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Under `broader`, with its children `narrower` moved under the new concept. `score` ranks the places of one
    concept; `probability` is the calibrated chance that this is the right parent."""

    broader: str
    narrower: tuple[str, ...]
    score: float
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """A row of `kgtag place`."""
        row = asdict(self) | {"narrower": list(self.narrower)}
        return row | {"score": round(self.score, 6), "probability": round(self.probability, 6)}


class Placer:
    """Places new concepts in one snapshot.

    Args:
        taxonomy: The snapshot.
        model: What was trained with the embeddings; without one, weights are fixed.
        encoder: The sentence encoder of the embeddings.
        cache: A directory for the vectors of labels.
        kind: Place among concepts of this kind; by default categories, else the kind that most concepts are of.
        scheme: Place among concepts of this scheme.

    Raises:
        InputError: There are no such concepts.

    Example:
        >>> Placer(shop).place([NewConcept("Trail running shoes")])[0][0].broader
        'running-shoes'
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        *,
        model: PlaceModel | None = None,
        encoder: SentenceEncoder | None = None,
        cache: Path | None = None,
        kind: str | None = None,
        scheme: str | None = None,
    ) -> None:
        self.taxonomy = taxonomy
        live = [one for one in taxonomy if one.status != "deprecated" and scheme in (None, one.scheme)]
        kinds = Counter(one.kind for one in live)
        wanted = kind or ("category" if kinds["category"] else kinds.most_common(1)[0][0] if kinds else None)
        self.concepts = [one for one in live if one.kind == wanted]
        if not self.concepts:
            of = (f" of kind {wanted!r}" if wanted else "") + (f" in {scheme!r}" if scheme else "")
            raise InputError(f"there are no concepts{of} to place a new one under; import a taxonomy first")
        self.ids = [one.id for one in self.concepts]
        at = {id: number for number, id in enumerate(self.ids)}
        edges = [
            (at[e.source], at[e.target])
            for e in taxonomy.relations
            if e.type == "broader" and e.source in at and e.target in at
        ]
        self.families = Families.of(len(self.ids), np.array(edges, dtype=np.int64).reshape(-1, 2))
        self._model = model if encoder is not None else None
        self._encoder, self._cache = encoder, cache
        self._languages = Counter(tag for one in self.concepts for tag in one.pref_label)
        self.lang = self._model.lang if self._model is not None else self._common(lambda tag: True)
        self._hierarchies: dict[str | None, Hierarchy] = {}
        self._labels: dict[str | None, dict[str, list[str]]] = {}

    @property
    def by_meaning(self) -> bool:
        """Whether meaning counts, beside letters and words."""
        return self._encoder is not None

    def place(self, asked: Sequence[NewConcept], *, limit: int = PLACES) -> list[list[Place]]:
        """Up to `limit` places for each concept, best first, ties by id; never under a concept of the same label."""
        found: list[list[Place]] = [[] for _ in asked]
        for lang, numbers in self._by_language(asked):
            for number, places in zip(numbers, self._place(lang, [asked[n] for n in numbers], limit), strict=True):
                found[number] = places
        return found

    def _place(self, lang: str | None, asked: Sequence[NewConcept], limit: int) -> Iterator[list[Place]]:
        model, hierarchy = self._model_of(lang), self.hierarchy(lang)
        texts = self.asked(lang, asked)
        number = 0
        for top, features in hierarchy.candidates(texts):
            m, k, width = features.shape
            odds = model.rank.log_odds(features.reshape(-1, width), np.repeat(np.arange(m), k)).reshape(m, k)
            for row in range(m):
                known = set(self._known(lang, asked[number].label))
                order = [i for i in np.lexsort((top[row], -odds[row])) if self.ids[top[row, i]] not in known]
                one, places = texts.part(slice(number, number + 1)), list[Place]()
                for i in order[:limit]:
                    parent, probability = int(top[row, i]), float(model.rank.probability(odds[row, i]))
                    moved = self._narrower(model, hierarchy, one, parent) if probability >= _ASKED else ()
                    narrower = tuple(id for id in moved if id not in known)
                    places.append(Place(self.ids[parent], narrower, float(model.rank.score(odds[row, i])), probability))
                yield places
                number += 1

    def similarities(self, asked: Sequence[NewConcept]) -> Floats:
        """(m, n) float32: how like each concept's label is, by meaning where the placer is trained, else by letters."""
        found = np.zeros((len(asked), len(self.ids)), dtype=np.float32)
        for lang, rows in self._by_language(asked):
            alike = self.hierarchy(lang).similarities(self.asked(lang, [asked[row] for row in rows]))
            found[rows] = alike.get("dense", alike["grams"])
        return found

    def _by_language(self, asked: Sequence[NewConcept]) -> Iterator[tuple[str | None, list[int]]]:
        """The numbers of the concepts whose labels are in each language."""
        languages = [one.lang or self._language(one.label) for one in asked]
        for lang in dict.fromkeys(languages):
            yield lang, [number for number, of in enumerate(languages) if of == lang]

    def known(self, one: NewConcept) -> list[str]:
        """Ids of the concepts that have this label already, but for number, accents and hyphens."""
        return self._known(one.lang or self._language(one.label), one.label)

    def _known(self, lang: str | None, label: str) -> list[str]:
        if lang not in self._labels:
            found: dict[str, list[str]] = {}
            for concept in self.concepts:
                texts = {concept.label(lang), *(text for text, _, kind in concept.labels() if kind != "hidden")}
                for form in sorted({folded_form(normal_form(text)) for text in texts}):
                    found.setdefault(form, []).append(concept.id)
            self._labels[lang] = found
        return self._labels[lang].get(folded_form(normal_form(label)), [])

    def _narrower(self, model: PlaceModel, hierarchy: Hierarchy, asked: Asked, parent: int) -> tuple[str, ...]:
        children = self.families.children
        under = children.indices[children.indptr[parent] : children.indptr[parent + 1]][:_MOST_ASKED].astype(np.int64)
        if not len(under):
            return ()
        # What moves was fitted to letters where nothing is trained.
        features = moves(hierarchy, asked if model.towers is not None else replace(asked, vectors=None), parent, under)
        likely = expit(features @ model.moved[:-1] + model.moved[-1]) > _LIKELY
        # "Whisks" does not move under "Matcha whisks".
        likely &= (features[:, _WHOLE] < 1) | (features[:, _WORDS] == 1)
        if likely.all() and len(under) > 1:
            return ()
        return tuple(sorted(self.ids[child] for child in under[likely]))

    def asked(self, lang: str | None, asked: Sequence[NewConcept]) -> Asked:
        """The concepts as they are compared with labels in a language."""
        texts = [normal(one.label) for one in asked]
        model = self._model_of(lang)
        if model is UNTRAINED or self._encoder is None:
            return Asked(texts)
        vectors = self._encoder.encode([one.label for one in asked])
        defined = [number for number, one in enumerate(asked) if one.definition]
        if defined:
            meant = self._encoder.encode([str(asked[number].definition) for number in defined])
            vectors[defined] = unit(vectors[defined] + np.float32(_DEFINED) * meant)
        towers = model.towers
        return Asked(texts, vectors, towers.texts(texts, vectors) @ towers.child if towers is not None else None)

    def _model_of(self, lang: str | None) -> PlaceModel:
        """Of labels in Chinese, Japanese and Korean an encoder reads little that was not trained on them."""
        if self._model is not None and lang == self._model.lang:
            return self._model
        return MEANING if self._encoder is not None and lang is not None and not _cjk(lang) else UNTRAINED

    def hierarchy(self, lang: str | None) -> Hierarchy:
        """The concepts with their labels in a language, made at its first use."""
        if lang not in self._hierarchies:
            labels = [one.label(lang) for one in self.concepts]
            texts, model = [normal(label) for label in labels], self._model_of(lang)
            if model is UNTRAINED or self._encoder is None:
                self._hierarchies[lang] = Hierarchy(self.families, texts)
            else:
                vectors, towers = LabelVectors.load(labels, self._encoder, cache=self._cache).matrix, model.towers
                own = towers.texts(texts, vectors) if towers is not None else vectors
                places = towers.places(self.families, own) if towers is not None else None
                self._hierarchies[lang] = Hierarchy(self.families, texts, vectors, places)
        return self._hierarchies[lang]

    def _language(self, label: str) -> str | None:
        """The language of labels in the same script, where half of the concepts have one."""
        written = CJK.search(label) is not None
        if self.lang is not None and _cjk(self.lang) == written:
            return self.lang
        return self._common(lambda tag: _cjk(tag) == written and self._languages[tag] * 2 >= len(self.ids)) or self.lang

    def _common(self, fits: Any) -> str | None:
        tags = sorted((tag for tag in self._languages if fits(tag)), key=lambda tag: (-self._languages[tag], tag))
        return tags[0] if tags else None


def _cjk(tag: str) -> bool:
    return tag.split("-")[0] in ("zh", "ja", "ko")


def moves(hierarchy: Hierarchy, asked: Asked, parent: int, under: Ints) -> Floats:
    """(c, len(MOVED)) for one new concept under `parent` and the parent's children `under` (c,)."""
    label = asked.texts[0]
    found = np.zeros((len(under), len(MOVED)), dtype=np.float32)
    rows, own = hierarchy.grams.rows, hierarchy.grams.similarities([label])[0]
    found[:, 1] = own[under]
    mine = set(parts(label))
    texts = [hierarchy.texts[child] for child in under]
    found[:, 2] = (heads(texts) == heads([label])[0]) & bool(mine)
    shared = [(len(mine & theirs), len(theirs)) for theirs in (set(parts(text)) for text in texts)]
    found[:, 3] = [both / max(len(mine), 1) for both, _ in shared]
    found[:, 4] = [both / max(many, 1) for both, many in shared]
    total, many = rows[under].sum(axis=0), max(len(under) - 1, 1)
    found[:, 5] = (np.asarray(rows[under] @ np.asarray(total).ravel()) - 1) / many
    found[:, 6] = np.asarray((rows[under] @ rows[parent].T).todense()).ravel()
    if hierarchy.vectors is not None and asked.vectors is not None:
        vectors = hierarchy.vectors[under]
        found[:, 0] = vectors @ asked.vectors[0]
        found[:, 5] = (vectors @ vectors.sum(axis=0) - 1) / many
        found[:, 6] = vectors @ hierarchy.vectors[parent]
    return found


def place_rows(
    placer: Placer, lines: Iterable[bytes], *, limit: int = PLACES, likely: LikelyTags | None = None
) -> Iterator[dict[str, Any]]:
    """Place rows of JSONL with `label` and, if known, `id`, `definition`, `lang`, in order. `known`: concepts that have
    the label already; `attributes`, `values`: what is `likely`. A line that names no concept gets `{"id", "error"}`,
    and its `line` when it has no id."""
    numbered = ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
    while batch := list(islice(numbered, _ROWS)):
        asked = [_asked(line, n) for n, line in batch]
        new = [one for _, one in asked if isinstance(one, NewConcept)]
        places = placer.place(new, limit=max(limit, PLACES))
        given = likely.rows(new, places) if likely is not None else [{}] * len(new)
        found = iter(zip(places, given, strict=True))
        for (named, one), (number, _) in zip(asked, batch, strict=True):
            if isinstance(one, NewConcept):
                known, (own, tags) = placer.known(one), next(found)
                row = {"label": one.label, "places": [place.to_dict() for place in own[:limit]]}
                yield {**named, **row, **tags, **({"known": known} if known else {})}
            else:
                yield {**(named or {"id": None, "line": number}), "error": one.to_dict()}


def _asked(line: bytes, number: int) -> tuple[dict[str, Any], NewConcept | InputError]:
    named: dict[str, Any] = {}
    try:
        row = reading.json_object(reading.decode(line, "<stdin>", number), "<stdin>", line=number)
        named = {"id": row["id"]} if row.get("id") is not None else {}
        given = {field: row.get(field) for field in ("label", "definition", "lang")}
        for field, value in given.items():
            if value is not None and not isinstance(value, str):
                message = f"{field!r} must be a string, not {reading.kind_of(value)}"
                raise FileFormatError("<stdin>", message, line=number)
        if not given["label"] or not normal(given["label"]):
            raise FileFormatError("<stdin>", "'label' must be a string with something in it", line=number)
        return named, NewConcept(given["label"], given["definition"] or None, given["lang"] or None)
    except InputError as error:
        return named, error
