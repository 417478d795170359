"""NIL mentions of "tags out" rows, grouped by attribute and spelling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graph.errors import InputError
from kgtag.link.candidates.label_table import folded_form, normal_form


@dataclass(slots=True)
class NilGroup:
    """Mentions without a concept that are taken for one value of `attribute` (a concept id, or None).

    `surfaces` counts mentions, `categories` (concept ids) products; `products` are ids in the order of the rows, and
    `total` is the sum of the mentions' probabilities.
    """

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


def group_mentions(rows: Iterable[tuple[int, Mapping[str, Any]]], *, min_probability: float = 0.0) -> list[NilGroup]:
    """Group NIL mentions of (line number, "tags out" row) by spelling without case, plural and the like.

    Returns:
        Groups on most products first, of mentions that are `min_probability` probable.

    Raises:
        InputError: A row of another shape.
    """
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


def _nils(number: int, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
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


def _categories(number: int, row: Mapping[str, Any]) -> list[str]:
    """The product's own categories, without implied ones."""
    tags = row.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, Mapping) for tag in tags):
        raise InputError(f"line {number}: 'tags' must be a list of tags, as in the rows of `kgtag tag`")
    return [str(tag["concept"]) for tag in tags if tag.get("kind") == "category" and tag.get("method") != "implied"]
