"""The fashion titles of `fashion_styles` as a taxonomy and annotated products; shared by benchmarks.

Rows are ordered by the sha256 of their id (hexadecimal, of the id in UTF-8): the first 1,000 are held out, and those
after them are learned from, as many as are asked for. Gold: the category with its line (masterCategory > subCategory >
articleType), gender, baseColour, season and usage. The taxonomy has every category and value of the file, each with its
name as its only label; its attributes apply anywhere.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from kgtag.types import AnnotatedProduct, Product

HELD_OUT = 1_000
_LINE = ("masterCategory", "subCategory", "articleType")
_ATTRIBUTES = ("gender", "baseColour", "season", "usage")

Row = dict[str, str]


def read_rows(data: Path) -> list[Row]:
    """In the order of the hash, without rows that have no title."""
    with gzip.open(data / "fashion_styles" / "styles.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["productDisplayName"] or "").strip()]
    return sorted(rows, key=lambda row: hashlib.sha256(row["id"].encode()).hexdigest())


def taxonomy_of(rows: Sequence[Row]) -> TaxonomyData:
    concepts, edges = {}, set()
    for row in rows:
        above = None
        for depth in range(1, len(_LINE) + 1):
            id = category_of(row, depth)
            concepts[id] = Concept(id, "fashion", "category", {"en": row[_LINE[depth - 1]]})
            if above is not None:
                edges.add(Relation("broader", id, above, primary=True))
            above = id
        for name in _ATTRIBUTES:
            concepts[name] = Concept(name, "fashion", "attribute", {"en": name}, choice="single")
            if value := value_of(row, name):
                id = f"{name}={value}"
                concepts[id] = Concept(id, "fashion", "value", {"en": value})
                edges.add(Relation("value_of", id, name))
    return TaxonomyData.of(1, tuple(sorted(concepts.values(), key=lambda one: one.id)), tuple(sorted(edges)))


def category_of(row: Row, depth: int = len(_LINE)) -> str:
    """The id of the category, or of the one at a depth of its line."""
    return "/".join(row[name] for name in _LINE[:depth])


def value_of(row: Row, attribute: str) -> str | None:
    return None if row[attribute] in ("", "NA") else row[attribute]


def annotated(row: Row, *, by_id: bool = False) -> AnnotatedProduct:
    """The row as an annotated product; its category by label, or by id."""
    category = category_of(row) if by_id else row["articleType"]
    product = Product(row["id"], row["productDisplayName"], category=category, lang="en")
    values = {name: (value,) for name in _ATTRIBUTES if (value := value_of(row, name)) is not None}
    return AnnotatedProduct(product, values)
