"""Concepts as plain rows, as the API answers with them and the command line shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph.model import RELATION_TYPES, Concept
from graph.taxonomy import Taxonomy

Row = dict[str, Any]

_OUTWARD = tuple(relation for relation in RELATION_TYPES if relation != "broader")
_LISTED = 200
"""Narrower concepts and values that a concept's own answer lists; `/narrower` gives them all."""


def brief(taxonomy: Taxonomy, id: str, lang: str | None = None) -> Row:
    concept = taxonomy[id]
    return {"concept": id, "label": concept.label(lang), "kind": concept.kind, "status": concept.status}


def concept(found: Concept, lang: str | None = None) -> Row:
    """Every field, empty ones included."""
    return {
        "id": found.id,
        "label": found.label(lang),
        "scheme": found.scheme,
        "kind": found.kind,
        "status": found.status,
        "pref_label": dict(found.pref_label),
        "alt_label": dict(found.alt_label),
        "hidden_label": dict(found.hidden_label),
        "definition": dict(found.definition),
        "notation": found.notation,
        "choice": found.choice if found.kind == "attribute" else None,
    }


def concept_in_full(taxonomy: Taxonomy, id: str, lang: str | None = None) -> Row:
    """The concept and what it stands in; `primary` is marked on the broader concept that paths follow."""

    def briefs(ids: Sequence[str]) -> list[Row]:
        return [brief(taxonomy, other, lang) for other in ids[:_LISTED]]

    path = taxonomy.path(id)
    primary = path[-2] if len(path) > 1 else None
    relations: Row = {
        "broader": [row | {"primary": row["concept"] == primary} for row in briefs(taxonomy.out(id, "broader"))],
        "narrower": briefs(taxonomy.into(id, "broader")),
        "values": briefs(taxonomy.values_of(id)),
        "attributes": briefs(taxonomy.into(id, "applies_to")),
        "replaces": briefs(taxonomy.into(id, "replaced_by")),
    }
    for type in _OUTWARD:
        relations[type] = briefs(taxonomy.out(id, type))
    counts = {"narrower": len(taxonomy.into(id, "broader")), "values": len(taxonomy.values_of(id))}
    row = concept(taxonomy[id], lang)
    return row | {
        "path": briefs(path),
        "relations": {type: rows for type, rows in relations.items() if rows},
        "counts": counts,
        "etag": taxonomy.etag(id),
        "revision": taxonomy.revision,
    }
