"""Clusters of NIL mentions as proposals of new values, each with its place; and plausible relations as proposals."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph.errors import InputError
from graph.labels import ends_with, normal_form, normalise, singular, slug
from graph.model import RELATION_TYPES, PutConcept, PutRelation, Relation
from graph.proposals.workflow import Draft, Person, propose
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.align.match import Mapping as MappingProposal
from kgtag.align.translations import Translation
from kgtag.discover.mentions import NilGroup
from kgtag.link.candidates.ngrams import GramIndex
from kgtag.text import guess_language
from kgtag.text.personal import mask, mask_product
from kgtag.types import Product

_NEAREST = 10
_SHOWN = 3
_SIMILAR = 0.25
"""Least cosine for a concept to vote."""
_MAJORITY = 0.5
_EXAMPLES = 5
_IDS = 50
_ITEMS = 10


@dataclass(frozen=True, slots=True)
class Place:
    """An attribute, a broader value of it, and `near`, the most similar concepts; None where no vote decides."""

    attribute: str | None
    broader: str | None
    near: tuple[str, ...]


class Places:
    """Finds places among the values of one snapshot."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        values = (one for one in taxonomy.concepts if one.kind == "value" and one.status != "deprecated")
        rows = sorted((one.id, bare) for one in values for text, _, _ in one.labels() if (bare := _bare(text)))
        self._owners = [id for id, _ in rows]
        self._texts = [text for _, text in rows]
        self._index = GramIndex(self._texts)

    def find(self, name: str, attribute: str | None) -> Place:
        """The place of a value; its attribute, if unknown, is that of most similar values."""
        text = _bare(name)
        if not self._texts:
            return Place(attribute, None, ())
        attribute_of = self._taxonomy.attribute_of
        ((numbers, scores),) = self._index.search([text], [None], 5 * _NEAREST)
        near: dict[str, float] = {}
        for number, score in zip(numbers.tolist(), scores.round(5).tolist(), strict=True):
            owner = self._owners[number]
            if score >= _SIMILAR and attribute in (None, attribute_of(owner)):
                near.setdefault(owner, score)
        near = dict(list(near.items())[:_NEAREST])
        home = attribute or _vote({id: (score, [attribute_of(id)]) for id, score in near.items()})
        mine = {id: score for id, score in near.items() if attribute_of(id) == home}
        return Place(home, self._broader(text, home, mine), tuple(mine)[:_SHOWN])

    def _broader(self, text: str, attribute: str | None, near: dict[str, float]) -> str | None:
        """The value with the longest label that ends the name ("trail running shoes": "running shoes"), else a vote."""
        if attribute is None:
            return None
        heads = [
            (-len(label), owner)
            for owner, label in zip(self._owners, self._texts, strict=True)
            if ends_with(text, label) and self._taxonomy.attribute_of(owner) == attribute
        ]
        if heads:
            return min(heads)[1]
        return _vote({id: (score, self._taxonomy.out(id, "broader")) for id, score in near.items()})


def _bare(text: str) -> str:
    """The normal form with every word in the singular."""
    return " ".join(map(singular, normal_form(text).split()))


def _vote(votes: Mapping[str, tuple[float, Sequence[str | None]]]) -> str | None:
    """The choice with more than half of the weight; None for none."""
    weights: dict[str | None, float] = defaultdict(float)
    for weight, choices in votes.values():
        for choice in choices or [None]:
            weights[choice] += weight / max(len(choices), 1)
    best = min(weights, key=lambda choice: (-round(weights[choice], 5), choice or ""), default=None)
    return best if weights and weights[best] > _MAJORITY * sum(weights.values()) else None


@dataclass(frozen=True, slots=True)
class ProposeReport:
    """Numbers of the proposals made, and counts of candidates skipped, by reason."""

    made: tuple[int, ...]
    skipped: Mapping[str, int]


def submit(store: TaxonomyStore, drafts: Iterable[Draft | str], by: Person) -> ProposeReport:
    """Propose each draft; a text is the reason why a candidate is skipped."""
    made: list[int] = []
    skipped: Counter[str] = Counter()
    for draft in drafts:
        if isinstance(draft, Draft):
            made.append(propose(store, draft, by).id)
        else:
            skipped[draft] += 1
    return ProposeReport(tuple(made), skipped)


def propose_values(
    store: TaxonomyStore,
    clusters: Sequence[NilGroup],
    by: Person,
    *,
    products: Mapping[str, Product] | None = None,
    min_count: int = 2,
) -> ProposeReport:
    """Propose a new value for each cluster, with its name, other spellings, attribute, broader value and evidence.
    Values on fewer than `min_count` products are skipped, as are known labels and those proposed before and open or
    rejected. `products`, by id, give languages, and titles as examples."""
    return submit(store, _value_drafts(store, clusters, products or {}, min_count), by)


def _value_drafts(
    store: TaxonomyStore, clusters: Sequence[NilGroup], products: Mapping[str, Product], min_count: int
) -> Iterator[Draft | str]:
    taxonomy = Taxonomy.of(store.read())
    places = Places(taxonomy)
    opened, rejected = set(_proposed(store, "open")), set(_proposed(store, "rejected"))
    for one in clusters:
        place = places.find(one.name, _current(taxonomy, one.attribute))
        key = (place.attribute or "", normalise(one.name))
        if len(one.products) < min_count:
            yield f"on fewer than {min_count} products"
        elif _is_personal(one, products):
            yield "personal data"
        elif place.attribute is None:
            yield "without a likely attribute"
        elif any(taxonomy.attribute_of(id) == place.attribute for id in taxonomy.lookup(one.name)):
            yield "known by now"
        elif key in opened:
            yield "proposed already"
        elif key in rejected:
            yield "rejected before"
        else:
            opened.add(key)
            yield _draft(one, place, taxonomy, products)


def spellings(one: NilGroup, lang: Mapping[str, str]) -> dict[str, list[str]]:
    """The surfaces by language, most frequent first, each label once. `lang`: of products, by id."""
    given = next((lang[id] for id in one.products if id in lang), None)
    found: dict[str, dict[str, str]] = {}
    for surface, _ in _ranked(one.surfaces):
        guessed = guess_language(surface)
        language = guessed if guessed == "zh" or given is None or given.startswith("zh") else given
        found.setdefault(language, {}).setdefault(normalise(surface), surface)
    return {language: list(surfaces.values()) for language, surfaces in found.items()}


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _is_personal(one: NilGroup, products: Mapping[str, Product]) -> bool:
    """Whether a surface is personal by itself, or by what stands around it in a title."""
    titles = {products[id].title: mask(products[id].title) for id in one.products if id in products}
    return any(
        mask(surface) != surface or any(surface in title and surface not in kept for title, kept in titles.items())
        for surface in one.surfaces
    )


def _draft(one: NilGroup, place: Place, taxonomy: Taxonomy, products: Mapping[str, Product]) -> Draft:
    attribute = str(place.attribute)
    known = [mask_product(products[id]) for id in one.products if id in products]
    labels = spellings(one, {product.id: product.lang for product in known if product.lang})
    id = f"{attribute}-{slug(normalise(one.name))}"
    numbered = (id, *(f"{id}-{number}" for number in range(2, 10_000)))
    operation: dict[str, Any] = {
        "operation": "create",
        "concept": next(free for free in numbered if free not in taxonomy),
        "kind": "value",
        "scheme": taxonomy[attribute].scheme,
        "pref_label": {language: surfaces[0] for language, surfaces in labels.items()},
        "value_of": [attribute],
    }
    others = {language: surfaces[1:] for language, surfaces in labels.items() if surfaces[1:]}
    if others:
        operation["alt_label"] = others
    if place.broader is not None:
        operation["broader"] = [place.broader]
    evidence = {
        "items": len(one.products),
        "mentions": one.mentions,
        "probability": round(one.probability, 4),
        "surfaces": dict(_ranked(one.surfaces)),
        "products": list(one.products)[:_IDS],
        "examples": [{"id": product.id, "title": product.title} for product in known[:_EXAMPLES]],
        "near": list(place.near),
        "categories": dict(_ranked(one.categories)[:_EXAMPLES]),
    }
    return Draft(operation, reason=f"found on {len(one.products)} products, without a concept", evidence=evidence)


def _current(taxonomy: Taxonomy, attribute: str | None) -> str | None:
    """The attribute through redirects, if it is still one."""
    if attribute is None or attribute not in taxonomy:
        return None
    concept = taxonomy[taxonomy.resolve(attribute)]
    return concept.id if concept.kind == "attribute" and concept.status != "deprecated" else None


def _proposed(store: TaxonomyStore, status: Any) -> Iterator[tuple[str, str]]:
    """(attribute, normal label) of values that proposals would create."""
    for proposal in store.proposals(status=status):
        attributes = [str(id) for id in (proposal.operation or {}).get("value_of") or ()]
        for change in proposal.changes:
            if isinstance(change, PutConcept):
                for text, _, _ in change.concept.labels():
                    yield from ((attribute, normalise(text)) for attribute in attributes)


@dataclass(frozen=True, slots=True)
class PlausibleRelation:
    """A relation, the number of items it is plausible on, its mean probability, and ids of some items."""

    relation: Relation
    items: int
    probability: float
    examples: tuple[str, ...]


def gather_relations(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> list[PlausibleRelation]:
    """Gather plausible relations of (line number, "tags out" row), most items first. Raises InputError."""
    seen: dict[Relation, list[tuple[str, float]]] = {}
    for number, row in rows:
        for relation, probability in _plausible(number, row).items():
            seen.setdefault(relation, []).append((str(row.get("id", "")), probability))
    found = []
    for relation, them in seen.items():
        mean, examples = sum(p for _, p in them) / len(them), tuple(id for id, _ in them[:_ITEMS])
        found.append(PlausibleRelation(relation, len(them), mean, examples))
    return sorted(found, key=lambda one: (-one.items, one.relation))


def propose_relations(
    store: TaxonomyStore, found: Iterable[PlausibleRelation], by: Person, *, min_count: int = 1
) -> ProposeReport:
    """Propose each relation on `min_count` items or more that is not asserted, open or rejected already."""
    rows = (_plausible_row(one, min_count) for one in found)
    return submit(store, _drafts(store, rows), by)


def propose_mappings(store: TaxonomyStore, found: Iterable[MappingProposal], by: Person) -> ProposeReport:
    """Propose each mapping that is not asserted, open or rejected already, with its score as evidence."""
    rows = (
        (
            Relation(one.relation, one.source, one.target).canonical(),
            f"{one.relation} by labels and place, score {one.score:.2f}",
            {"score": one.score, **one.evidence},
        )
        for one in found
    )
    return submit(store, _drafts(store, rows), by)


def propose_translations(store: TaxonomyStore, found: Iterable[Translation], by: Person) -> ProposeReport:
    """Propose each label unless a proposal that is open or was rejected gives the concept the same one."""

    def drafts() -> Iterator[Draft | str]:
        known = {"open": _proposed_labels(store, "open"), "rejected before": _proposed_labels(store, "rejected")}
        for one in found:
            key = (one.concept, one.lang, one.label)
            if why := next((why for why, keys in known.items() if key in keys), None):
                yield why
                continue
            operation = {"operation": "rename", "concept": one.concept, "pref_label": {one.lang: one.label}}
            reason = f"{len(one.sources)} of {one.of} exact matches are called so"
            yield Draft(operation, reason=reason, evidence={"sources": list(one.sources), "of": one.of})

    return submit(store, drafts(), by)


def _proposed_labels(store: TaxonomyStore, status: Any) -> set[tuple[str, str, str]]:
    changes = (change for proposal in store.proposals(status=status) for change in proposal.changes)
    concepts = (change.concept for change in changes if isinstance(change, PutConcept))
    return {(one.id, lang, label) for one in concepts for lang, label in one.pref_label.items()}


_Row = tuple[Relation, str, Mapping[str, Any]]
"""A relation, the reason to propose it, the evidence."""


def _plausible_row(one: PlausibleRelation, min_count: int) -> _Row | str:
    if one.items < min_count:
        return f"on fewer than {min_count} items"
    evidence = {"items": one.items, "probability": round(one.probability, 4), "examples": list(one.examples)}
    return one.relation, f"plausible to the embeddings on {one.items} tagged items", evidence


def _drafts(store: TaxonomyStore, rows: Iterable[_Row | str]) -> Iterator[Draft | str]:
    """What is left of the rows; a text is the reason why one is skipped."""
    taxonomy = Taxonomy.of(store.read())
    known: dict[str, set[tuple[str, str, str]]] = {
        "open": _proposed_relations(store, "open"),
        "rejected before": _proposed_relations(store, "rejected"),
        "asserted": {edge.key for edge in taxonomy.relations},
    }
    for row in rows:
        if isinstance(row, str):
            yield row
            continue
        edge, reason, evidence = row
        if edge.source not in taxonomy or edge.target not in taxonomy:
            yield "between concepts that are gone"
        elif why := next((why for why, keys in known.items() if edge.key in keys), None):
            yield why
        else:
            operation = {"operation": "relate", "type": edge.type, "source": edge.source, "target": edge.target}
            yield Draft(operation, reason=reason, evidence=dict(evidence))


def _plausible(number: int, row: Mapping[str, Any]) -> dict[Relation, float]:
    """The row's relations with the probability given first."""
    proposals = row.get("proposals", [])
    if not isinstance(proposals, list):
        raise InputError(f"line {number}: 'proposals' must be a list")
    found: dict[Relation, float] = {}
    for proposal in proposals:
        fields = proposal if isinstance(proposal, Mapping) else {}
        head, tail, probability = fields.get("head"), fields.get("tail"), fields.get("probability", 1.0)
        type = next((one for one in RELATION_TYPES if one == fields.get("relation")), None)
        fit = isinstance(head, str) and isinstance(tail, str) and isinstance(probability, int | float)
        if not fit or type is None:
            raise InputError(f"line {number}: not a proposal with head, relation and tail: {str(proposal)[:200]}")
        found.setdefault(Relation(type, str(head), str(tail)).canonical(), float(probability))
    return found


def _proposed_relations(store: TaxonomyStore, status: Any) -> set[tuple[str, str, str]]:
    changes = (change for proposal in store.proposals(status=status) for change in proposal.changes)
    return {change.relation.canonical().key for change in changes if isinstance(change, PutRelation)}
