"""What feedback says: how precise each tag is, where people disagree, and products to train on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graph.errors import InputError
from graph.model import Feedback, ItemTag, Kind, TaggedItem
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy, find_concept
from kgtag.compute.intervals import wilson
from kgtag.text.personal import mask
from kgtag.types import AnnotatedProduct, Product, Span


@dataclass(frozen=True, slots=True)
class TagPrecision:
    """Verdicts on a concept, the latest of each reviewer and item. `precision` and its 95% interval (Wilson, 1927) are
    None without a verdict on a given tag."""

    concept: str
    right: int
    wrong: int
    missing: int
    precision: float | None
    low: float | None
    high: float | None


def masked_feedback(feedback: Feedback) -> Feedback:
    """The feedback without the personal data in its product's texts and in its reason; no character moves."""
    product = feedback.product
    if product is not None:
        product = {
            name: mask(text) if isinstance(text, str) and name != "id" else text for name, text in product.items()
        }
    return replace(feedback, product=product, reason=mask(feedback.reason))


def require_tag(taxonomy: Taxonomy, concept: str) -> None:
    """Raises UnknownConcept, or InputError for an attribute, which no item has as a tag."""
    if taxonomy.concepts[taxonomy.index(concept)].kind == "attribute":
        raise InputError(f"{concept!r} is an attribute; feedback is about a category or a value")


def precision_of_tags(feedback: Iterable[Feedback]) -> list[TagPrecision]:
    """By concept, the least precise first; those never given, only missing, last.

    Example:
        >>> precision_of_tags(store.feedback())[0]
        TagPrecision(concept='red', right=1, wrong=3, missing=0, precision=0.25, low=0.046, high=0.699)
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in _latest(feedback).values():
        counts[one.concept][one.verdict] += 1
    found = [TagPrecision(id, n["right"], n["wrong"], n["missing"], *_precision(n)) for id, n in counts.items()]
    return sorted(found, key=lambda one: (2.0 if one.precision is None else one.precision, -one.wrong, one.concept))


def _precision(counts: Mapping[str, int]) -> tuple[float | None, float | None, float | None]:
    right, n = counts["right"], counts["right"] + counts["wrong"]
    if not n:
        return None, None, None
    low, high = wilson(right, n)
    return round(right / n, 4), round(float(low), 4), round(float(high), 4)


def disagreements(feedback: Iterable[Feedback]) -> list[tuple[Feedback, ...]]:
    """Verdicts of different reviewers on one tag of one item or title that contradict each other: right or missing
    beside wrong. Latest verdicts only, those with most reviewers first."""
    about: dict[tuple[str, str], list[Feedback]] = defaultdict(list)
    for one in _latest(feedback).values():
        about[_subject(one), one.concept].append(one)
    found = [tuple(given) for given in about.values() if len({one.verdict == "wrong" for one in given}) > 1]
    return sorted(found, key=lambda given: (-len(given), given[0].id))


def _latest(feedback: Iterable[Feedback]) -> dict[tuple[str, str, str], Feedback]:
    return {(one.reviewer, _subject(one), one.concept): one for one in feedback}


def _subject(one: Feedback) -> str:
    return one.item if one.item is not None else f"title: {(one.product or {}).get('title', '')}"


def reviewed_products(
    store: TaxonomyStore, taxonomy: Taxonomy, *, beside: Iterable[AnnotatedProduct] = ()
) -> Iterator[AnnotatedProduct]:
    """Annotated products for training, one for each item or title that has feedback.

    A stored item is annotated with all its accepted tags, as feedback left them; a title with the tags that were called
    right or missing. A value that stands in the title is a span, another one a value alone. Where people disagree the
    latest verdict counts.

    Args:
        store: Has the feedback and the items.
        taxonomy: Of that store.
        beside: The products to train on as well. Categories and attributes have the names that they have there, else
            their labels: to a trainer, two names are two things.
    """
    names = names_of(beside, taxonomy)
    given: dict[str, dict[str, Feedback]] = defaultdict(dict)
    for one in store.feedback():
        given[_subject(one)][one.concept] = one
    for verdicts in given.values():
        last = next(reversed(verdicts.values()))
        stored = store.item(last.item) if last.item is not None else None
        if (item := stored if stored is not None else _item(verdicts.values())) is not None:
            yield as_annotated(item, taxonomy, names)


def _item(verdicts: Iterable[Feedback]) -> TaggedItem | None:
    """A product that is not stored, as an item with the tags that it should have."""
    rows = list(verdicts)
    product: Mapping[str, Any] | None = next((one.product for one in reversed(rows) if one.product is not None), None)
    if product is None:
        return None
    tags = [ItemTag(one.concept, 1.0, "given", *(one.span or (None, None))) for one in rows if one.verdict != "wrong"]
    id = str(product.get("id", rows[0].item or rows[0].id))
    return TaggedItem(id, str(product["title"]), product.get("lang"), "", "", tuple(tags))


def names_of(annotated: Iterable[AnnotatedProduct], taxonomy: Taxonomy) -> dict[str, str]:
    """The most frequent name of each category and attribute among annotated products, by concept id."""
    counts: Counter[tuple[Kind, str]] = Counter()
    for one in annotated:
        counts.update(("attribute", name) for name in one.attributes)
        counts.update([("category", one.product.category)] if one.product.category else ())
    found: dict[str, str] = {}
    for (kind, name), _ in counts.most_common():
        if (id := find_concept(taxonomy, name, kind)) is not None:
            found.setdefault(id, name)
    return found


def with_names(one: AnnotatedProduct, names: Mapping[str, str], taxonomy: Taxonomy) -> AnnotatedProduct:
    """The product with the `names` of its category and attributes in place of other labels, or the ids, of these."""

    def name(given: str, kind: Kind) -> str:
        id = find_concept(taxonomy, given, kind)
        return given if id is None else names.get(id, given)

    values: dict[str, dict[str, None]] = defaultdict(dict)
    for given, found in one.attributes.items():
        values[name(given, "attribute")].update(dict.fromkeys(found))
    category = one.product.category
    return replace(
        one,
        product=replace(one.product, category=None if category is None else name(category, "category")),
        attributes={attribute: tuple(found) for attribute, found in values.items()},
        spans=tuple((name(given, "attribute"), span) for given, span in one.spans),
        concepts={(name(given, "attribute"), value): id for (given, value), id in one.concepts.items()},
    )


def as_annotated(item: TaggedItem, taxonomy: Taxonomy, names: Mapping[str, str]) -> AnnotatedProduct:
    """An item annotated with its accepted tags, but for what others imply. Attributes and categories have their
    `names`, by id, else labels in one language, whatever the item's."""
    tags = [
        tag for tag in item.tags if tag.status == "accepted" and tag.method != "implied" and tag.concept in taxonomy
    ]
    ids = {taxonomy.resolve(tag.concept) for tag in tags}
    implied = {above for id in ids for above in taxonomy.ancestors(id)}
    category = min((id for id in ids - implied if taxonomy[id].kind == "category"), default=None)
    values: dict[str, list[str]] = defaultdict(list)
    spans, concepts = list[tuple[str, Span]](), dict[tuple[str, str], str | None]()
    for tag in tags:
        id = taxonomy.resolve(tag.concept)
        attribute = taxonomy.attribute_of(id)
        if attribute is None or id in implied:
            continue
        name = names.get(attribute) or taxonomy[attribute].label()
        span = _span(item.title, tag, taxonomy[id].label(item.lang))
        value = item.title[span.start : span.end] if span is not None else taxonomy[id].label(item.lang)
        if span is not None:
            spans.append((name, span))
        if (name, value) not in concepts:
            values[name].append(value)
            concepts[name, value] = id
    if category is not None:
        label = taxonomy[category].label()
        # A label that several categories have would be read as another one of them.
        own = label if find_concept(taxonomy, label, "category") == category else category
        category = names.get(category, own)
    product = Product(item.id, item.title, None, category, item.lang)
    spans.sort(key=lambda one: (one[1].start, one[1].end, one[0]))
    return AnnotatedProduct(product, {name: tuple(found) for name, found in values.items()}, tuple(spans), concepts)


def _span(title: str, tag: ItemTag, label: str) -> Span | None:
    """Where the tag stands in the title: as it says, or as its label does."""
    if tag.start is not None and tag.end is not None and title[tag.start : tag.end].strip():
        return Span(tag.start, tag.end)
    start = title.casefold().find(label.casefold()) if len(title.casefold()) == len(title) else -1
    return Span(start, start + len(label)) if start >= 0 and len(label.casefold()) == len(label) else None
