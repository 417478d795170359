"""Hypothesis strategies: valid taxonomies of every shape the model allows, and change sets on them."""

from __future__ import annotations

from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.model import (
    SYMMETRIC,
    Change,
    ChangeSet,
    Concept,
    DeleteConcept,
    DeleteRelation,
    Kind,
    PutConcept,
    PutRelation,
    Relation,
    RelationType,
)

LANGUAGES = ("en", "zh", "zh-Hans", "de", "und")
_ODD = [
    "鞋",
    "运动鞋",
    "Shoes",
    "T-Shirt",
    "Käse",
    "👟 sneaker",
    "a@b",
    "@en",
    "x@zh",
    "'; DROP TABLE",
    '"',
    "\\",
    "ı",
    "é",
    "e\u0301",
]
_CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])

texts = st.one_of(st.sampled_from(_ODD), st.text(_CHARACTERS, min_size=1, max_size=12)).filter(
    lambda t: bool(t.strip())
)
_texts_by_language = st.dictionaries(st.sampled_from(LANGUAGES), texts, max_size=3)
_lists_by_language = st.dictionaries(
    st.sampled_from(LANGUAGES), st.lists(texts, min_size=1, max_size=3, unique=True).map(tuple), max_size=2
)


@st.composite
def concepts(draw: st.DrawFn, id: str, kind: Kind, scheme: str = "test") -> Concept:
    return Concept(
        id=id,
        scheme=scheme,
        kind=kind,
        pref_label=draw(st.dictionaries(st.sampled_from(LANGUAGES), texts, min_size=1, max_size=3)),
        alt_label=draw(_lists_by_language),
        hidden_label=draw(_lists_by_language),
        definition=draw(_texts_by_language),
        notation=draw(st.none() | texts),
        status=draw(st.sampled_from(("active", "active", "candidate", "deprecated"))),
        choice=draw(st.sampled_from(("single", "multiple"))),
    )


@st.composite
def taxonomies(draw: st.DrawFn, max_size: int = 6) -> TaxonomyData:
    """A valid taxonomy at version 0: categories, attributes and values, each up to `max_size`, without one problem.

    Several parents (the first is primary), exclusions without a common narrower concept, applicability,
    matches, redirects.
    """
    kinds: tuple[tuple[Kind, str, int], ...] = (("category", "c", 1), ("attribute", "a", 1), ("value", "v", 0))
    found: dict[Kind, list[Concept]] = {}
    for kind, prefix, least in kinds:
        n = draw(st.integers(least, max_size))
        found[kind] = [draw(concepts(f"{prefix}{i}", kind)) for i in range(n)]
    edges: dict[tuple[RelationType, str, str], Relation] = {}

    def add(type: RelationType, source: str, target: str, *, primary: bool = False) -> None:
        edge = Relation(type, source, target, primary).canonical()
        edges.setdefault(edge.key, edge)

    lines: dict[str, set[str]] = {}
    homes = {value.id: draw(st.sampled_from(found["attribute"])).id for value in found["value"]}
    for value, home in homes.items():
        add("value_of", value, home)
    for members in found.values():
        for i, concept in enumerate(members):
            fit = [j for j in range(i) if homes.get(members[j].id) == homes.get(concept.id)]
            parents = draw(st.lists(st.sampled_from(fit), max_size=3, unique=True)) if fit else []
            for at, parent in enumerate(parents):
                add("broader", concept.id, members[parent].id, primary=at == 0)
            lines[concept.id] = {concept.id}.union(*(lines[members[p].id] for p in parents))
    for attribute in found["attribute"]:
        for category in draw(st.lists(st.sampled_from(found["category"]), max_size=2)):
            add("applies_to", attribute.id, category.id)
    everyone = [concept.id for members in found.values() for concept in members]
    pairs = st.lists(st.tuples(st.sampled_from(everyone), st.sampled_from(everyone)), max_size=4)
    symmetric = tuple(sorted(SYMMETRIC))
    for a, b in draw(pairs):
        type = draw(st.sampled_from((*symmetric, "replaced_by")))
        if a != b and not (type == "excludes" and any({a, b} <= line for line in lines.values())):
            add(type, a, b)
    rows = sorted((c for members in found.values() for c in members), key=lambda c: c.id)
    return TaxonomyData.of(0, tuple(rows), tuple(sorted(edges.values())))


def filling(data: TaxonomyData, author: str = "test") -> ChangeSet:
    """The change set that fills an empty store with the taxonomy."""
    changes: list[Change] = [PutConcept(concept) for concept in data.concepts]
    changes += [PutRelation(relation) for relation in data.relations]
    return ChangeSet(tuple(changes), author, "fill")


@st.composite
def change_sets(draw: st.DrawFn, data: TaxonomyData, max_size: int = 8) -> ChangeSet:
    """Any changes a store must take, in any order: they may break invariants, and relations always have their ends."""
    alive = {concept.id: concept for concept in data.concepts}
    edges = {relation.key: relation for relation in data.relations}
    changes: list[Change] = []
    for i in range(draw(st.integers(0, max_size))):
        what = draw(st.sampled_from(("put", "replace", "delete", "relate", "unrelate")))
        if what == "put" or not alive:
            id = f"n{i}"
            alive[id] = draw(concepts(id, draw(st.sampled_from(("category", "attribute", "value")))))
            changes.append(PutConcept(alive[id]))
        elif what == "replace":
            old = alive[draw(st.sampled_from(sorted(alive)))]
            alive[old.id] = draw(concepts(old.id, draw(st.sampled_from(("category", "attribute", "value")))))
            changes.append(PutConcept(alive[old.id]))
        elif what == "delete":
            id = draw(st.sampled_from(sorted(alive)))
            del alive[id]
            edges = {key: edge for key, edge in edges.items() if id not in key[1:]}
            changes.append(DeleteConcept(id))
        elif what == "relate":
            ends = draw(st.tuples(st.sampled_from(sorted(alive)), st.sampled_from(sorted(alive))))
            type = draw(st.sampled_from(("broader", "related", "value_of", "applies_to", "excludes", "replaced_by")))
            edge = Relation(type, *ends, primary=type == "broader" and draw(st.booleans()))
            edges[edge.canonical().key] = edge.canonical()
            changes.append(PutRelation(edge))
        elif edges:
            key = draw(st.sampled_from(sorted(edges)))
            changes.append(DeleteRelation(edges.pop(key)))
    return ChangeSet(tuple(changes), draw(texts), draw(texts))
