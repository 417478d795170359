"""A made-up stall over three years: sandals in summer, a burst of crimson in May 2024, gorpcore at the end."""

from __future__ import annotations

import random
from datetime import date, timedelta

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, ItemNil, ItemTag, Relation, TaggedItem
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from tests.graph.test_store_contract import changes

FIRST = date(2023, 1, 2)
CONCEPTS = (
    Concept("boots", "s", "category", {"en": "Boots", "zh": "靴子"}),
    Concept("colour", "s", "attribute", {"en": "Colour"}),
    Concept("crimson", "s", "value", {"en": "Crimson"}),
    Concept("hats", "s", "category", {"en": "Hats"}),
    Concept("navy", "s", "value", {"en": "Navy"}),
    Concept("red", "s", "value", {"en": "Red", "zh": "红色"}),
    Concept("sandals", "s", "category", {"en": "Sandals"}),
    Concept("shoes", "s", "category", {"en": "Shoes", "zh": "鞋"}),
)
EDGES = (
    Relation("broader", "boots", "shoes", primary=True),
    Relation("broader", "crimson", "red", primary=True),
    Relation("broader", "sandals", "shoes", primary=True),
    Relation("value_of", "crimson", "colour"),
    Relation("value_of", "navy", "colour"),
    Relation("value_of", "red", "colour"),
)


def taxonomy() -> Taxonomy:
    return Taxonomy.of(TaxonomyData.of(1, CONCEPTS, tuple(sorted(EDGES))))


def items(seed: int = 0, days: int = 3 * 365) -> list[TaggedItem]:
    """Four a day."""
    draw, found = random.Random(seed), []
    for number in range(4 * days):
        day = FIRST + timedelta(days=number // 4)
        sandals = 0.6 if day.month in (6, 7, 8) else 0.1
        kind = "sandals" if draw.random() < sandals else draw.choice(["boots", "hats"])
        crimson = 0.5 if (day.year, day.month) == (2024, 5) else 0.05
        colour = "crimson" if draw.random() < crimson else draw.choice(["red", "navy"])
        late = number > 4 * days - 300 and number % 5 == 0
        nil = (ItemNil(draw.choice(["gorpcore", "Gorpcore"]), None, 0.9),) if late else ()
        wrong = ItemTag("boots" if kind == "hats" else "hats", 0.5, "exact", status="rejected")
        tags = (ItemTag(kind, 0.9, "exact"), ItemTag(colour, 0.8, "exact"), wrong)
        title = f"{colour.title()} {kind}"
        found.append(TaggedItem(f"i{number:05}", title, "en", "m", "r", tags, f"{day}T00:00:00Z", nil))
    return found


def fill(store: TaxonomyStore) -> None:
    store.apply(changes(*CONCEPTS, *EDGES))
    store.put_items(items())
