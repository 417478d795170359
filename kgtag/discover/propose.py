"""Clusters of day-zero tags as proposals for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph.labels import normalise, slug
from graph.model import PutConcept
from graph.proposals.workflow import Draft, Person, propose
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.discover.cluster import Cluster
from kgtag.discover.place import Place, Places
from kgtag.text import guess_language
from kgtag.types import Product

_EXAMPLES = 5
_IDS = 50


@dataclass(frozen=True, slots=True)
class Report:
    """Numbers of the proposals made, and how many clusters made none, by reason."""

    made: tuple[int, ...]
    skipped: Mapping[str, int]


def propose_clusters(
    store: TaxonomyStore,
    clusters: Sequence[Cluster],
    by: Person,
    *,
    products: Mapping[str, Product] | None = None,
    least: int = 2,
) -> Report:
    """A new value for each cluster on `least` products or more: its name, other spellings, attribute and place, with
    the products that speak for it. None for a label that the attribute has by now, or that was proposed before and is
    open or rejected. `products`, by id, give languages and titles to show.
    """
    taxonomy = Taxonomy.of(store.read())
    places = Places(taxonomy)
    before = {status: set(_proposed(store, status)) for status in ("open", "rejected")}
    made: list[int] = []
    skipped: dict[str, int] = {}
    for one in clusters:
        place = places.find(one.name, _in_use(taxonomy, one.attribute))
        key = (place.attribute or "", normalise(one.name))
        if len(one.products) < least:
            why = f"on fewer than {least} products"
        elif place.attribute is None:
            why = "of no attribute that could be told"
        elif any(taxonomy.attribute_of(id) == place.attribute for id in taxonomy.lookup(one.name)):
            why = "known by now"
        elif key in before["open"]:
            why = "proposed already"
        elif key in before["rejected"]:
            why = "rejected before"
        else:
            made.append(propose(store, _draft(one, place, taxonomy, products or {}), by).id)
            before["open"].add(key)
            continue
        skipped[why] = skipped.get(why, 0) + 1
    return Report(tuple(made), skipped)


def spellings(one: Cluster, lang: Mapping[str, str]) -> dict[str, list[str]]:
    """The cluster's surfaces by language, most frequent first, those that are the same label once. `lang`: of products
    by id that say theirs."""
    said = next((lang[id] for id in one.products if id in lang), None)
    found: dict[str, dict[str, str]] = {}
    for surface, _ in sorted(one.surfaces.items(), key=lambda pair: (-pair[1], pair[0])):
        guessed = guess_language(surface)
        language = guessed if guessed == "zh" or said is None or said.startswith("zh") else said
        found.setdefault(language, {}).setdefault(normalise(surface), surface)
    return {language: list(surfaces.values()) for language, surfaces in found.items()}


def _draft(one: Cluster, place: Place, taxonomy: Taxonomy, products: Mapping[str, Product]) -> Draft:
    attribute = str(place.attribute)
    languages = {id: lang for id in one.products if id in products and (lang := products[id].lang)}
    labels = spellings(one, languages)
    words: dict[str, Any] = {
        "operation": "create",
        "concept": _free(taxonomy, f"{attribute}-{slug(normalise(one.name))}"),
        "kind": "value",
        "scheme": taxonomy[attribute].scheme,
        "pref_label": {language: surfaces[0] for language, surfaces in labels.items()},
        "value_of": [attribute],
    }
    others = {language: surfaces[1:] for language, surfaces in labels.items() if surfaces[1:]}
    if others:
        words["alt_label"] = others
    if place.broader is not None:
        words["broader"] = [place.broader]
    shown = [{"id": id, "title": products[id].title} for id in one.products if id in products][:_EXAMPLES]
    evidence = {
        "items": len(one.products),
        "mentions": one.surfaces.total(),
        "score": round(one.score, 4),
        "surfaces": dict(sorted(one.surfaces.items(), key=lambda pair: (-pair[1], pair[0]))),
        "products": one.products[:_IDS],
        "examples": shown,
        "near": list(place.near),
        "categories": dict(sorted(one.categories.items(), key=lambda pair: (-pair[1], pair[0]))[:_EXAMPLES]),
    }
    return Draft(
        operation=words, reason=f"found on {len(one.products)} products, and no concept for it", evidence=evidence
    )


def _in_use(taxonomy: Taxonomy, attribute: str | None) -> str | None:
    """The attribute of today that the tagging's attribute has become, if it is one still."""
    if attribute is None or attribute not in taxonomy:
        return None
    today = taxonomy.resolve(attribute)
    concept = taxonomy[today]
    return today if concept.kind == "attribute" and concept.status != "deprecated" else None


def _free(taxonomy: Taxonomy, id: str) -> str:
    numbered: Iterable[str] = (id, *(f"{id}-{number}" for number in range(2, 10_000)))
    return next(one for one in numbered if one not in taxonomy)


def _proposed(store: TaxonomyStore, status: Any) -> Iterator[tuple[str, str]]:
    """(attribute, normal label) of values that proposals would create."""
    for proposal in store.proposals(status=status):
        words = proposal.operation or {}
        attributes = [str(id) for id in words.get("value_of") or ()]
        for change in proposal.changes:
            if isinstance(change, PutConcept):
                for text, _, _ in change.concept.labels():
                    yield from ((attribute, normalise(text)) for attribute in attributes)
