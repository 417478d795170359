"""Accepted proposals as training data: the products they were found on, annotated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graph.errors import InputError
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.types import Product, Span

Row = Mapping[str, Any]
_Placed = tuple[Span, str, str]
"""Span, the attribute's concept, the value's."""


def accepted_gold(
    store: TaxonomyStore,
    rows: Iterable[tuple[int, Row]],
    products: Mapping[str, Product],
    *,
    names: Mapping[str, str] | None = None,
    min_probability: float = 0.5,
) -> Iterator[dict[str, Any]]:
    """Annotate the products with a NIL mention that is, by now, a label of a value of its attribute.

    Tags that are `min_probability` probable are annotated as well. `names` are a model's names of its attributes, by
    concept id; labels otherwise. Raises InputError when the spans of a row do not fit the product of its id.
    """
    taxonomy = Taxonomy.of(store.read())
    for number, row in rows:
        product = products.get(str(row.get("id", number)))
        if product is not None and (accepted := list(_accepted(row, taxonomy))):
            spans = [*accepted, *_tagged(row, taxonomy, min_probability)]
            yield _annotated(number, product, spans, taxonomy, names or {})


def _accepted(row: Row, taxonomy: Taxonomy) -> Iterator[_Placed]:
    for one in row.get("nil", ()):
        attribute = one.get("attribute")
        if attribute is None or attribute in taxonomy:
            for id in taxonomy.lookup(one["surface"]):
                home = taxonomy.attribute_of(id) if taxonomy[id].kind == "value" else None
                if home is not None and home == (taxonomy.resolve(attribute) if attribute else home):
                    yield Span(*one["span"]), home, id
                    break


def _tagged(row: Row, taxonomy: Taxonomy, min_probability: float) -> Iterator[_Placed]:
    for tag in row.get("tags", ()):
        home, known = tag.get("attribute"), tag["concept"] in taxonomy
        if "span" in tag and home in taxonomy and known and tag["probability"] >= min_probability:
            yield Span(*tag["span"]), home, tag["concept"]


def _annotated(
    number: int, product: Product, spans: list[_Placed], taxonomy: Taxonomy, names: Mapping[str, str]
) -> dict[str, Any]:
    rows: dict[tuple[int, int, str], dict[str, Any]] = {}
    for span, attribute, concept in spans:
        if not product.title[span.start : span.end] or span.end > len(product.title):
            raise InputError(f"line {number}: span {[span.start, span.end]} isn't in the title of {product.id!r}")
        label = names.get(attribute) or taxonomy[attribute].label(product.lang or "en")
        row = {"start": span.start, "end": span.end, "label": label, "concept": concept}
        rows.setdefault((span.start, span.end, label), row)
    return product.to_dict() | {"spans": [rows[key] for key in sorted(rows)]}
