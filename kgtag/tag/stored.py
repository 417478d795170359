"""Stored items as JSON."""

from collections.abc import Iterable

from graph.model import ItemNil, ItemTag, TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.rows.items import ItemNilRow, ItemRow, ItemTagRow


def narrowest(taxonomy: Taxonomy, concepts: Iterable[str]) -> list[str]:
    """The concepts that the taxonomy knows, redirects followed, in order, without those broader than another."""
    found = list(dict.fromkeys(taxonomy.resolve(id) for id in concepts if id in taxonomy))
    above = {one for id in found for one in taxonomy.ancestors(id)}
    return [id for id in found if id not in above]


def item_row(stored: TaggedItem, taxonomy: Taxonomy) -> ItemRow:
    """The item as JSON, with the labels of the snapshot."""
    row: ItemRow = {
        "id": stored.id,
        "title": stored.title,
        "lang": stored.lang,
        "model": stored.model,
        "tagged_revision": stored.revision,
        "at": stored.at,
        "tags": [_tag_row(tag, taxonomy, stored.lang) for tag in stored.tags],
        "revision": taxonomy.revision,
    }
    if stored.nil:
        row["nil"] = [_nil_row(one) for one in stored.nil]
    return row


def _nil_row(one: ItemNil) -> ItemNilRow:
    row: ItemNilRow = {"surface": one.surface, "probability": round(one.probability, 6)}
    return row if one.attribute is None else {**row, "attribute": one.attribute}


def _tag_row(tag: ItemTag, taxonomy: Taxonomy, lang: str | None) -> ItemTagRow:
    concept = taxonomy.get(tag.concept)
    row: ItemTagRow = {
        "concept": tag.concept,
        "label": tag.concept if concept is None else concept.label(lang),
        "probability": round(tag.probability, 6),
        "method": tag.method,
        "status": tag.status,
    }
    if concept is not None:
        row["kind"] = concept.kind
        if (attribute := taxonomy.attribute_of(concept.id)) is not None:
            row["attribute"] = attribute
    if tag.start is not None and tag.end is not None:
        row["start"], row["end"] = tag.start, tag.end
    if tag.surface is not None:
        row["surface"] = tag.surface
    return row
