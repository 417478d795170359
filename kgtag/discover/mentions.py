"""NIL mentions of "tags out" rows, grouped by attribute and spelling; once they have a concept, as training data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graph.errors import InputError
from graph.labels import folded_form, normal_form, numbers
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.link.candidates.ngrams import GramIndex
from kgtag.types import Product, Span

Row = Mapping[str, Any]
SIMILARITY = 0.6
"""Least cosine between the letter grams of any two groups of a cluster."""
_NEAREST = 20
_Placed = tuple[Span, str, str]
"""Span, the attribute's concept, the value's."""


@dataclass(slots=True)
class NilGroup:
    """Mentions without a concept that are taken for one value of `attribute` (a concept id, or None). `surfaces` counts
    mentions, `categories` (concept ids) products; `products` are ids in the order of the rows, and `total` is the sum
    of the mentions' probabilities."""

    attribute: str | None
    forms: tuple[str, ...]
    surfaces: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    products: dict[str, None] = field(default_factory=dict)
    total: float = 0.0

    @property
    def mentions(self) -> int:
        return self.surfaces.total()

    @property
    def probability(self) -> float:
        """Mean over the mentions."""
        return self.total / max(self.mentions, 1)

    @property
    def name(self) -> str:
        """The most frequent surface; ties go to the first by the alphabet."""
        return min(self.surfaces, key=lambda surface: (-self.surfaces[surface], surface))

    @classmethod
    def merged(cls, groups: Sequence[NilGroup]) -> NilGroup:
        """One group of several under one attribute; the products of the first come first."""
        found = cls(groups[0].attribute, tuple(form for one in groups for form in one.forms))
        for one in groups:
            found.surfaces += one.surfaces
            found.categories += one.categories
            found.products |= one.products
            found.total += one.total
        return found


def group_mentions(rows: Iterable[tuple[int, Row]], *, min_probability: float = 0.0) -> list[NilGroup]:
    """Group NIL mentions of (line number, "tags out" row) by spelling without case, plural and the like; groups on most
    products first, of mentions that are `min_probability` probable. Raises InputError: a row of another shape."""
    found: dict[tuple[str, str], NilGroup] = {}
    for number, row in rows:
        if "error" in row:
            continue
        categories = _categories(number, row)
        for one in _nils(number, row):
            surface, probability = " ".join(one["surface"].split()), float(one.get("score", 1.0))
            form = folded_form(normal_form(surface))
            if not form or probability < min_probability:
                continue
            attribute = one.get("attribute")
            group = found.setdefault((attribute or "", form), NilGroup(attribute, (form,)))
            group.surfaces[surface] += 1
            group.total += probability
            id = str(row.get("id", number))
            if id not in group.products:
                group.products[id] = None
                group.categories.update(categories)
    return sorted(found.values(), key=lambda one: (-len(one.products), -one.mentions, one.attribute or "", one.forms))


def _nils(number: int, row: Row) -> list[Mapping[str, Any]]:
    nils = row.get("nil", [])
    fit = isinstance(nils, list) and all(
        isinstance(one, Mapping)
        and isinstance(one.get("surface"), str)
        and isinstance(one.get("attribute"), str | None)
        and isinstance(one.get("score", 1.0), int | float)
        for one in nils
    )
    if not fit:
        raise InputError(f"line {number}: 'nil' must be a list of mentions, as in the rows of `kgtag tag`")
    return list(nils)


def _categories(number: int, row: Row) -> list[str]:
    """The product's own categories, without implied ones."""
    tags = row.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, Mapping) for tag in tags):
        raise InputError(f"line {number}: 'tags' must be a list of tags, as in the rows of `kgtag tag`")
    return [str(tag["concept"]) for tag in tags if tag.get("kind") == "category" and tag.get("method") != "implied"]


def cluster(groups: Sequence[NilGroup], *, similarity: float = SIMILARITY) -> list[NilGroup]:
    """Merge the groups of one attribute that are similar, those on most products first. From the most frequent down,
    each group joins the cluster to whose members it is most similar at the least, or begins one. The order of `groups`
    makes no difference."""
    by_attribute: dict[str | None, list[NilGroup]] = defaultdict(list)
    for one in sorted(groups, key=lambda one: (-len(one.products), -one.mentions, one.forms)):
        by_attribute[one.attribute].append(one)
    made = [NilGroup.merged(like) for mine in by_attribute.values() for like in _clusters(mine, similarity)]
    return sorted(made, key=lambda one: (-len(one.products), one.attribute or "", one.name))


def _clusters(groups: Sequence[NilGroup], similarity: float) -> list[list[NilGroup]]:
    near = _near(groups, similarity)
    clusters: list[list[int]] = []
    home: dict[int, int] = {}
    for number in range(len(groups)):
        best, most = None, 0.0
        for at in sorted({home[other] for other in near[number] if other in home}):
            weakest = min(near[number].get(other, 0.0) for other in clusters[at])
            if weakest >= similarity and weakest > most:
                best, most = at, weakest
        if best is None:
            best = len(clusters)
            clusters.append([])
        clusters[best].append(number)
        home[number] = best
    return [[groups[number] for number in members] for members in clusters]


def _near(groups: Sequence[NilGroup], similarity: float) -> list[dict[int, float]]:
    """For each group the similar others: cosine of letter grams, and the same numbers."""
    texts = [normal_form(one.name) for one in groups]
    counted = [numbers(text) for text in texts]
    near: list[dict[int, float]] = [{} for _ in groups]
    for number, (others, scores) in enumerate(GramIndex(texts).search(texts, [None] * len(texts), _NEAREST)):
        for other, score in zip(others.tolist(), scores.round(5).tolist(), strict=True):
            if other != number and score >= similarity and counted[other] == counted[number]:
                near[number][other] = near[other][number] = max(score, near[number].get(other, 0.0))
    return near


def accepted_gold(
    store: TaxonomyStore,
    rows: Iterable[tuple[int, Row]],
    products: Mapping[str, Product],
    *,
    names: Mapping[str, str] | None = None,
    min_probability: float = 0.5,
) -> Iterator[dict[str, Any]]:
    """Annotate the products with a NIL mention that is, by now, a label of a value of its attribute. Tags that are
    `min_probability` probable are annotated as well. `names` are a model's names of its attributes, by concept id;
    labels otherwise. Raises InputError when the spans of a row do not fit the product of its id."""
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
