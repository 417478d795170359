"""A made-up shop for tests: departments, aisles and product types, with values that follow the aisle."""

from __future__ import annotations

import random
from dataclasses import replace

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy

DEPARTMENTS, AISLES, TYPES, ATTRIBUTES, VALUES = 6, 4, 7, 6, 15


def shop_data() -> TaxonomyData:
    """6 departments, 24 aisles, 168 product types; 6 attributes of 15 values each: 294 concepts."""
    concepts: list[Concept] = []
    relations: list[Relation] = []

    def add(id: str, kind: str) -> None:
        concepts.append(Concept(id, "shop", kind, {"en": id}))  # type: ignore[arg-type]

    for d in range(DEPARTMENTS):
        add(f"d{d}", "category")
        for a in range(AISLES):
            aisle = f"d{d}a{a}"
            add(aisle, "category")
            relations.append(Relation("broader", aisle, f"d{d}"))
            for t in range(TYPES):
                add(f"{aisle}t{t}", "category")
                relations.append(Relation("broader", f"{aisle}t{t}", aisle))
    for k in range(ATTRIBUTES):
        add(f"k{k}", "attribute")
        relations += [Relation("applies_to", f"k{k}", f"d{d}") for d in range(DEPARTMENTS) if (d + k) % 3]
        for v in range(VALUES):
            add(f"k{k}v{v:02}", "value")
            relations.append(Relation("value_of", f"k{k}v{v:02}", f"k{k}"))
    return TaxonomyData.of(1, tuple(concepts), tuple(relations))


def shop_items(per_type: int = 12, seed: int = 0) -> list[frozenset[str]]:
    """Items of every product type: the type and three values, nine in ten of the values from its aisle's own few."""
    rng = random.Random(seed)
    every = [f"k{k}v{v:02}" for k in range(ATTRIBUTES) for v in range(VALUES)]
    items = []
    for d in range(DEPARTMENTS):
        for a in range(AISLES):
            own = rng.sample(every, 10)
            for t in range(TYPES):
                for _ in range(per_type):
                    values = [rng.choice(own if rng.random() < 0.9 else every) for _ in range(3)]
                    items.append(frozenset([f"d{d}a{a}t{t}", *values]))
    return items


def misplaced(data: TaxonomyData, n: int, seed: int = 0) -> tuple[Taxonomy, set[str]]:
    """The shop with `n` product types moved to an aisle of another department; and which they are."""
    rng = random.Random(seed)
    leaves = sorted(edge.source for edge in data.relations if edge.type == "broader" and "t" in edge.source)
    moved = set(rng.sample(leaves, n))
    relations = []
    for edge in data.relations:
        if edge.type == "broader" and edge.source in moved:
            elsewhere = [d for d in range(DEPARTMENTS) if f"d{d}" != edge.target[:2]]
            edge = replace(edge, target=f"d{rng.choice(elsewhere)}a{rng.randrange(AISLES)}")
        relations.append(edge)
    return Taxonomy.of(TaxonomyData.of(data.version, data.concepts, relations)), moved
