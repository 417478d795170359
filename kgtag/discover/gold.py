"""Accepted proposals as training data: the products that spoke for them, annotated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graph.errors import InputError
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.types import Product, Span

Row = Mapping[str, Any]


def accepted_gold(
    store: TaxonomyStore,
    rows: Iterable[tuple[int, Row]],
    products: Mapping[str, Product],
    *,
    names: Mapping[str, str] | None = None,
    least: float = 0.5,
) -> Iterator[dict[str, Any]]:
    """One annotated product (with links) for each "tags out" row with a NIL mention that is a label of a value by now,
    of its attribute. What its tags say of the rest is taken along where it is at least `least` probable; the other NIL
    mentions are left open. `names`: what a model calls its attributes, by concept id; else their labels.

    Raises InputError when a row's spans don't fit the product of its id.
    """
    taxonomy = Taxonomy.of(store.read())
    for number, row in rows:
        product = products.get(str(row.get("id", number)))
        if product is None:
            continue
        found = list(_accepted(row, taxonomy))
        if found:
            spans = [*found, *_kept(row, taxonomy, least)]
            yield _annotated(number, product, spans, taxonomy, names or {})


_Placed = tuple[Span, str, str]
"""Where, the attribute's concept, the value's."""


def _accepted(row: Row, taxonomy: Taxonomy) -> Iterator[_Placed]:
    for one in row.get("nil", ()):
        attribute = one.get("attribute")
        if attribute is None or attribute in taxonomy:
            for id in taxonomy.lookup(one["surface"]):
                home = taxonomy.attribute_of(id) if taxonomy[id].kind == "value" else None
                if home is not None and home == (taxonomy.resolve(attribute) if attribute else home):
                    yield Span(*one["span"]), home, id
                    break


def _kept(row: Row, taxonomy: Taxonomy, least: float) -> Iterator[_Placed]:
    for tag in row.get("tags", ()):
        home = tag.get("attribute")
        if "span" in tag and home in taxonomy and tag["concept"] in taxonomy and tag["probability"] >= least:
            yield Span(*tag["span"]), home, tag["concept"]


def _annotated(
    number: int, product: Product, spans: list[_Placed], taxonomy: Taxonomy, names: Mapping[str, str]
) -> dict[str, Any]:
    rows: dict[tuple[int, int, str], dict[str, Any]] = {}
    for span, attribute, concept in spans:
        surface = product.title[span.start : span.end]
        if not surface or span.end > len(product.title):
            raise InputError(f"line {number}: span {[span.start, span.end]} isn't in the title of {product.id!r}")
        label = names.get(attribute) or taxonomy[attribute].label(product.lang or "en")
        row = {"start": span.start, "end": span.end, "label": label, "concept": concept}
        rows.setdefault((span.start, span.end, label), row)
    fields = {"id": product.id, "title": product.title, "text": product.text}
    fields |= {"category": product.category, "lang": product.lang}
    named = {name: value for name, value in fields.items() if value is not None}
    return named | {"spans": [rows[key] for key in sorted(rows)]}
