"""The judge: what is wrong with a finished set of tags. Shares no code with enforcement, so that it can convict it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from graph.taxonomy import Taxonomy
from kgtag.types import Proposal

ViolationRule = Literal[
    "unknown", "deprecated", "not_closed", "excluded", "single_choice", "categories", "not_applicable"
]


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    rule: ViolationRule
    concepts: tuple[str, ...]


def violations(tags: Iterable[str], taxonomy: Taxonomy, *, proposals: Iterable[Proposal] = ()) -> list[Violation]:
    """Every way in which the set of concept ids contradicts itself or the taxonomy; empty when it is consistent.

    - closed: whatever is broader than a tag is a tag
    - excluded: no two tags stand in an asserted `excludes`
    - single_choice, categories: of one single-choice attribute, and of the categories, one tag is most specific
    - not_applicable: the attribute of each value applies to a category of the item, or is among `proposals`
    """
    ids = sorted(set(tags))
    found = [Violation("unknown", (id,)) for id in ids if id not in taxonomy]
    ids = [id for id in ids if id in taxonomy]
    present = set(ids)
    found += [Violation("deprecated", (id,)) for id in ids if taxonomy[id].status == "deprecated"]
    found += [Violation("not_closed", (id, a)) for id in ids for a in taxonomy.ancestors(id) if a not in present]
    found += [Violation("excluded", (a, b)) for a, b in combinations(ids, 2) if b in taxonomy.out(a, "excludes")]
    categories = [id for id in ids if taxonomy[id].kind == "category"]
    leaves = _most_specific(categories, taxonomy)
    if len(leaves) > 1:
        found.append(Violation("categories", tuple(leaves)))
    found += _single_choice(ids, taxonomy)
    if categories:
        proposed = {(p.head, p.tail) for p in proposals if p.relation == "applies_to"}
        found += _not_applicable(ids, categories, taxonomy, proposed)
    return sorted(found)


def _most_specific(ids: list[str], taxonomy: Taxonomy) -> list[str]:
    covered = {ancestor for id in ids for ancestor in taxonomy.ancestors(id)}
    return [id for id in ids if id not in covered]


def _single_choice(ids: list[str], taxonomy: Taxonomy) -> list[Violation]:
    by_attribute: dict[str, list[str]] = {}
    for id in ids:
        attribute = taxonomy.attribute_of(id)
        if attribute is not None and taxonomy[attribute].choice == "single":
            by_attribute.setdefault(attribute, []).append(id)
    chosen = (_most_specific(values, taxonomy) for values in by_attribute.values())
    return [Violation("single_choice", tuple(leaves)) for leaves in chosen if len(leaves) > 1]


def _not_applicable(
    ids: list[str], categories: list[str], taxonomy: Taxonomy, proposed: set[tuple[str, str]]
) -> list[Violation]:
    found = []
    for id in ids:
        attribute = taxonomy.attribute_of(id)
        if attribute is None or not taxonomy.out(attribute, "applies_to"):
            continue
        if any((attribute, category) in proposed for category in categories):
            continue
        if not any(attribute in taxonomy.attributes_for(category) for category in categories):
            found.append(Violation("not_applicable", (id,)))
    return found
