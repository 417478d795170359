"""The round trip: a description is tagged again, and its tags are compared with those that it was made from."""

from __future__ import annotations

from collections.abc import Sequence

from graph.taxonomy import Taxonomy
from kgtag.rows.tagging import DescriptionRow
from kgtag.tag.tagger import Tagger
from kgtag.types import Product, Tagging


def checked(rows: Sequence[DescriptionRow], tagger: Tagger, taxonomy: Taxonomy) -> list[DescriptionRow]:
    """The rows with `missing`, stated concepts that the text is not tagged with, and `added`, tags that are neither
    stated nor broader than what is. A text that cannot be tagged misses all."""
    products = [Product(row["id"], row["description"], lang=row["lang"]) for row in rows]
    found: list[DescriptionRow] = []
    for row, outcome in zip(rows, tagger.attempt(products), strict=True):
        tags = {tag.concept for tag in outcome.tags} if isinstance(outcome, Tagging) else set()
        stated = {*row["concepts"], *(one for id in row["concepts"] for one in taxonomy.ancestors(id))}
        missing = [id for id in row["concepts"] if id not in tags]
        found.append({**row, "missing": missing, "added": sorted(tags - stated)})
    return found
