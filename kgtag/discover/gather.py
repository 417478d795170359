"""NIL mentions of "tags out" rows: who said what, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.errors import InputError
from kgtag.link.candidates.forms import light_form, normal_form

_EXAMPLES = 5


@dataclass(slots=True)
class Finding:
    """All mentions without a concept that are written alike but for case, plural and the like, under one attribute
    (a concept id, or None when tagging didn't know it).

    `surfaces` and `categories` (concept ids of the products' own) count mentions and products; `products` are ids in
    the order of the rows, each once; `score` is the sum of the extractor's probabilities.
    """

    attribute: str | None
    form: str
    surfaces: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    products: dict[str, None] = field(default_factory=dict)
    score: float = 0.0

    @property
    def mentions(self) -> int:
        return self.surfaces.total()

    @property
    def name(self) -> str:
        """The most frequent surface; of equals the one that comes first in the alphabet."""
        return min(self.surfaces, key=lambda surface: (-self.surfaces[surface], surface))


def gather(rows: Iterable[tuple[int, Mapping[str, Any]]], *, least_score: float = 0.0) -> list[Finding]:
    """Over (line number, "tags out" row), on most products first. Mentions less probable than `least_score` are left
    out, rows with an error are passed over. Raises InputError for what is no such row."""
    found: dict[tuple[str, str], Finding] = {}
    for number, row in rows:
        if "error" in row:
            continue
        categories = _categories(number, row)
        for one in _nils(number, row):
            surface, score = " ".join(one["surface"].split()), float(one.get("score", 1.0))
            form = light_form(normal_form(surface))
            if not form or score < least_score:
                continue
            attribute = one.get("attribute")
            finding = found.setdefault((attribute or "", form), Finding(attribute, form))
            finding.surfaces[surface] += 1
            finding.score += score
            id = str(row.get("id", number))
            if id not in finding.products:
                finding.products[id] = None
                finding.categories.update(categories)
    return sorted(found.values(), key=lambda one: (-len(one.products), -one.mentions, one.attribute or "", one.form))


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
        raise InputError(f"line {number}: 'nil' is no list of mentions; rows of `kgtag tag` were expected")
    return list(nils)


def _categories(number: int, row: Mapping[str, Any]) -> list[str]:
    """The product's own, without what they imply."""
    tags = row.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, Mapping) for tag in tags):
        raise InputError(f"line {number}: 'tags' is no list of tags; rows of `kgtag tag` were expected")
    return [str(tag["concept"]) for tag in tags if tag.get("kind") == "category" and tag.get("method") != "implied"]
