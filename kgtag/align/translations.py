"""Labels in a language that concepts lack, from what they are mapped to."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from graph.errors import InputError
from graph.labels import normalise
from graph.model import Concept, RelationType
from graph.taxonomy import Taxonomy

_SIBLINGS: tuple[RelationType, ...] = ("broader", "value_of")


@dataclass(frozen=True, slots=True)
class Translation:
    """A label for a concept. `sources`: the exact matches that are called so, `of` as many as have a label in the
    language. `taken`: the sibling that is called so already."""

    concept: str
    lang: str
    label: str
    sources: tuple[str, ...]
    of: int
    taken: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def find_translations(taxonomy: Taxonomy, lang: str, *, scheme: str | None = None) -> list[Translation]:
    """Labels for the concepts (of a scheme) that have none in the language but an exact match that does, by id.

    Args:
        taxonomy: The snapshot.
        lang: A language tag, such as "de"; labels of its regions serve as well.
        scheme: Only concepts of this scheme.

    Raises:
        InputError: No concept has a label in the language.

    Example:
        >>> find_translations(taxonomy, "de", scheme="shop")[0].label
        'Laufschuhe'
    """
    if not any(_label(concept, lang) for concept in taxonomy):
        languages = sorted({tag.split("-")[0] for concept in taxonomy for tag in concept.pref_label})
        raise InputError(f"no concept has a label in {lang!r}; there is {', '.join(languages) or 'none'}")
    found = []
    for concept in taxonomy:
        if concept.status != "deprecated" and scheme in (None, concept.scheme) and not _label(concept, lang):
            one = _translated(taxonomy, concept, lang)
            if one is not None:
                found.append(one)
    return found


def _translated(taxonomy: Taxonomy, concept: Concept, lang: str) -> Translation | None:
    partners = (taxonomy[taxonomy.resolve(id)] for id in taxonomy.out(concept.id, "exact_match"))
    named = [(one.id, label) for one in partners if one.status != "deprecated" and (label := _label(one, lang))]
    if not named:
        return None
    votes = Counter(normalise(label) for _, label in named)
    best = min(votes, key=lambda text: (-votes[text], text))
    sources = tuple(id for id, label in named if normalise(label) == best)
    label = next(label for _, label in named if normalise(label) == best)
    return Translation(concept.id, lang, label, sources, len(named), _taken(taxonomy, concept, lang, best))


def _taken(taxonomy: Taxonomy, concept: Concept, lang: str, normal: str) -> str | None:
    beside = {
        id: None
        for relation in _SIBLINGS
        for above in taxonomy.out(concept.id, relation)
        for id in taxonomy.into(above, relation)
    }
    return next((id for id in beside if id != concept.id and normalise(_label(taxonomy[id], lang)) == normal), None)


def _label(concept: Concept, lang: str) -> str:
    """The preferred label in the language, else in a region of it, else empty."""
    if lang in concept.pref_label:
        return concept.pref_label[lang]
    base = lang.split("-")[0]
    return next((concept.pref_label[tag] for tag in sorted(concept.pref_label) if tag.split("-")[0] == base), "")
