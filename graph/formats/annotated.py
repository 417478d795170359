"""A taxonomy induced from annotated products: attributes, their values, and the categories they occur with."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from graph.formats.parsed import Parsed, note, parsed
from graph.labels import normalise, singular, slug
from graph.model import Concept, Kind, Relation
from graph.taxonomy import Taxonomy

_CLOSE = 88.0
"""Least similarity (0-100, order of words ignored) at which a label is worth a `close_match`."""


class CategoryMatcher:
    """An index of the labels of a taxonomy's categories in use, except those of the scheme `without`."""

    def __init__(self, taxonomy: Taxonomy, *, without: str) -> None:
        self._taxonomy = taxonomy
        self._exact: dict[str, set[str]] = defaultdict(set)
        self._singular: dict[str, set[str]] = defaultdict(set)
        for concept in taxonomy:
            if concept.kind != "category" or concept.status == "deprecated" or concept.scheme == without:
                continue
            for text, _, kind in concept.labels():
                if kind != "hidden":
                    key = normalise(text)
                    self._exact[key].add(concept.id)
                    self._singular[singular(key)].add(concept.id)

    def find(self, name: str) -> list[str]:
        """Ids of categories with this id, else this label, else a label that differs in number; shallowest first."""
        id = name.strip()
        if (known := self._taxonomy.get(id)) is not None and known.kind == "category":
            return [id]
        key = normalise(name)
        found = self._exact.get(key) or self._singular.get(singular(key)) or set()
        return sorted(found, key=lambda id: (self._taxonomy.depth(id), id))

    def near(self, name: str) -> str | None:
        """The category with the most similar label, None if none is similar."""
        key = singular(normalise(name))
        close = process.extract(key, list(self._singular), scorer=fuzz.token_sort_ratio, score_cutoff=_CLOSE, limit=5)
        ranked = sorted(
            (-score, self._taxonomy.depth(id), id) for label, score, _ in close for id in self._singular[label]
        )
        return ranked[0][2] if ranked else None


@dataclass(frozen=True, slots=True)
class AnnotatedRow:
    """A product's category (a concept id or a name) and its values by attribute."""

    category: str | None
    attributes: Mapping[str, Sequence[str]]


@dataclass(slots=True)
class _Seen:
    """Occurrences of an attribute; keys are normalised."""

    names: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    categories: set[str] = field(default_factory=set)


def induce(rows: Iterable[AnnotatedRow], onto: Taxonomy, *, scheme: str, lang: str) -> Parsed:
    """Make concepts for all attributes and values, which apply to the categories they occur with.

    Surfaces with equal normal forms are one concept; the most frequent is its preferred label. A category with the
    label of a concept in another scheme of `onto` is that concept, else a new one of `scheme`. Of several, the one
    below the same top concept as most other categories of the rows is taken, then the shallowest.
    """
    seen: dict[str, _Seen] = defaultdict(_Seen)
    categories: dict[str, Counter[str]] = defaultdict(Counter)
    unnamed: list[str] = []
    for row in rows:
        category = normalise(row.category or "")
        if category:
            categories[category][(row.category or "").strip()] += 1
        for name, values in row.attributes.items():
            if not normalise(name):
                unnamed.append(f"attribute {name!r}")
                continue
            attribute = seen[normalise(name)]
            attribute.names[name.strip()] += 1
            if category:
                attribute.categories.add(category)
            for value in values:
                if normalise(value):
                    attribute.values[normalise(value)][value.strip()] += 1
                else:
                    unnamed.append(f"value {value!r} of {name!r}")
    ids, concepts, relations, notes = _categories(categories, onto, scheme=scheme, lang=lang)
    for key in sorted(seen):
        prefix, found = f"{scheme}:{slug(key, keep='')}", seen[key]
        concepts.append(_concept(prefix, "attribute", found.names, scheme=scheme, lang=lang))
        relations += [Relation("applies_to", prefix, id) for id in sorted({ids[name] for name in found.categories})]
        for text, surfaces in sorted(found.values.items()):
            value_id = f"{prefix}.{slug(text)}"
            concepts.append(_concept(value_id, "value", surfaces, scheme=scheme, lang=lang))
            relations.append(Relation("value_of", value_id, prefix))
    notes += note("names consist of separators alone and were left out", unnamed)
    return parsed(concepts, relations, notes=notes, places={}, file="annotated rows")


def _categories(
    categories: Mapping[str, Counter[str]], onto: Taxonomy, *, scheme: str, lang: str
) -> tuple[dict[str, str], list[Concept], list[Relation], list[str]]:
    """Concept ids by category name, new concepts, their matches with similar ones, and notes."""
    matcher = CategoryMatcher(onto, without=scheme)
    choices = {
        key: next((m for surface in sorted(categories[key]) if (m := matcher.find(surface))), [])
        for key in sorted(categories)
    }
    tops = Counter(onto.path(found[0])[0] for found in choices.values() if len(found) == 1)
    ids: dict[str, str] = {}
    concepts: list[Concept] = []
    relations: list[Relation] = []
    ambiguous: list[str] = []
    new: list[str] = []
    for key in sorted(categories):
        name = categories[key].most_common(1)[0][0]
        found = sorted(choices[key], key=lambda id: (-tops[onto.path(id)[0]], onto.depth(id), id))
        if found:
            ids[key] = found[0]
            if len(found) > 1:
                path = " > ".join(onto[c].label(lang) for c in onto.path(found[0]))
                ambiguous.append(f"{name!r} is {found[0]!r} ({path})")
            continue
        concept = _concept(f"{scheme}:category:{slug(key)}", "category", categories[key], scheme=scheme, lang=lang)
        ids[key] = concept.id
        concepts.append(concept)
        near = matcher.near(name)
        new.append(f"{name!r}" + (f", close to {near!r} ({onto[near].label(lang)})" if near else ""))
        if near:
            relations.append(Relation("close_match", concept.id, near))
    what = "categories fit several concepts; the one nearest to the other categories, then the shallowest, was taken"
    return ids, concepts, relations, [*note(what, ambiguous), *note("categories fit no concept and are new", new)]


def _concept(id: str, kind: Kind, surfaces: Counter[str], *, scheme: str, lang: str) -> Concept:
    best, *others = sorted(surfaces, key=lambda surface: (-surfaces[surface], surface))
    return Concept(id, scheme, kind, {lang: best}, {lang: tuple(others)} if others else {})
