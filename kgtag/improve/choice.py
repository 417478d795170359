"""Which products to annotate next, each with its tags as a suggestion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graph.errors import TextError
from graph.taxonomy import Taxonomy
from kgtag.discover.feedback import as_annotated, names_of
from kgtag.discover.selection import Pool, select_batch, uncertainties
from kgtag.extract.sequence import SequenceExtractor
from kgtag.improve.place import CHECKED
from kgtag.improve.split import is_aside
from kgtag.text import clean_product
from kgtag.types import AnnotatedProduct, Extractor, Product, Tagging

_ENOUGH = 100
"""Products kept aside from which no more of them are asked for."""
_A_QUARTER = 4


def choose(
    extractor: Extractor | None,
    tagged: Sequence[tuple[Product, Tagging]],
    gold: Sequence[AnnotatedProduct],
    taxonomy: Taxonomy,
    *,
    count: int,
    by_chance: bool = False,
) -> list[dict[str, Any]]:
    """Rows of `next.jsonl`: the most instructive products to train on, and while fewer than a hundred are kept aside,
    up to a quarter by chance for that.

    Args:
        extractor: The one in use; without one that is trained, or `by_chance`, the first of `tagged` are taken.
        tagged: Products in a random order, with their tags.
        gold: What is annotated already.
        taxonomy: That of the tags.
        count: Rows.
    """
    done = {one.product.title for one in gold}
    free = [product for product, _ in tagged if product.title not in done]
    missing = _ENOUGH - sum(is_aside(title) for title in done)
    first = [one for one in free if is_aside(one.title)][: min(max(missing, 0), -(-count // _A_QUARTER))]
    pool = [one for one in free if not is_aside(one.title)]
    why: dict[str, dict[str, Any]] = {one.title: {"kept_aside": True} for one in first}
    if isinstance(extractor, SequenceExtractor) and not by_chance:
        why |= _selected(extractor, pool, [one.product for one in gold], count - len(first))
    else:
        why |= {one.title: {"by_chance": True} for one in pool[: count - len(first)]}
    names, listed = names_of(gold, taxonomy), _listed(gold)
    found = {product.title: (product, tagging) for product, tagging in tagged}
    return [_suggestion(*found[title], taxonomy, names, listed) | {"why": reason} for title, reason in why.items()]


def readable(products: Iterable[Product]) -> list[Product]:
    """The products as extractors read them, but for those that none can read."""
    found = []
    for product in products:
        try:
            found.append(clean_product(product))
        except TextError:
            continue
    return found


def _selected(
    extractor: SequenceExtractor, pool: Sequence[Product], done: Sequence[Product], count: int
) -> dict[str, dict[str, Any]]:
    """Why, by title, as `kgtag select` has it."""
    given = {clean.title: (one.title, clean) for one in pool for clean in readable([one])}
    fresh, known = [clean for _, clean in given.values()], readable(done)
    kept = Pool(count)
    kept.add(zip(fresh, uncertainties(extractor, fresh), strict=True))
    covered = [(one.id, found.vector) for one, found in zip(known, uncertainties(extractor, known), strict=True)]
    rows = [one.to_dict() for one in select_batch(kept.products(), count, annotated=covered)]
    return {given[str(row["title"])][0]: row["reason"] for row in rows}


def _listed(gold: Sequence[AnnotatedProduct]) -> dict[str | None, dict[str, None]]:
    """The attributes that annotators list, by category."""
    found: dict[str | None, dict[str, None]] = {}
    for one in gold:
        found.setdefault(one.product.category, {}).update(dict.fromkeys(one.attributes))
    return found


def _suggestion(
    product: Product,
    tagging: Tagging,
    taxonomy: Taxonomy,
    names: Mapping[str, str],
    listed: Mapping[str | None, Mapping[str, None]],
) -> dict[str, Any]:
    """What was found in a product, mentions without a concept included, and the other attributes of its category."""
    one = as_annotated(tagging.to_item(product), taxonomy, names)
    category = product.category or one.product.category
    attributes = {name: list(values) for name, values in one.attributes.items()}
    for nil in tagging.nil:
        if nil.attribute is not None:
            values = attributes.setdefault(names.get(nil.attribute) or taxonomy[nil.attribute].label(), [])
            if nil.surface not in values:
                values.append(nil.surface)
    empty: dict[str, list[str]] = {name: [] for name in listed.get(category, ())}
    return product.to_dict() | {"category": category, "attributes": empty | attributes, CHECKED: False}
