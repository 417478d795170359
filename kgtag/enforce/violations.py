"""An independent checker of finished sets of tags; it shares no code with enforcement."""

from collections import defaultdict
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
    """Find every contradiction in a set of concept ids, among themselves and to the taxonomy.

    - not_closed: a concept broader than a tag is not a tag
    - excluded: two tags have an asserted `excludes`
    - single_choice, categories: several most specific tags of a single-choice attribute, or among the categories
    - not_applicable: the attribute of a value applies to no category of the item, nor is that among `proposals`
    """
    given = sorted(set(tags))
    found = [Violation("unknown", (id,)) for id in given if id not in taxonomy]
    ids = [id for id in given if id in taxonomy]
    found += [Violation("deprecated", (id,)) for id in ids if taxonomy[id].status == "deprecated"]
    found += [Violation("not_closed", (id, a)) for id in ids for a in taxonomy.ancestors(id) if a not in given]
    found += [Violation("excluded", (a, b)) for a, b in combinations(ids, 2) if b in taxonomy.out(a, "excludes")]
    categories = [id for id in ids if taxonomy[id].kind == "category"]
    leaves = _most_specific(categories, taxonomy)
    if len(leaves) > 1:
        found.append(Violation("categories", tuple(leaves)))
    by_attribute: dict[str, list[str]] = defaultdict(list)
    for id in ids:
        if (attribute := taxonomy.attribute_of(id)) is not None:
            by_attribute[attribute].append(id)
    proposed = {(p.head, p.tail) for p in proposals if p.relation == "applies_to"}
    for attribute, values in by_attribute.items():
        leaves = _most_specific(values, taxonomy)
        if taxonomy[attribute].choice == "single" and len(leaves) > 1:
            found.append(Violation("single_choice", tuple(leaves)))
        if categories and taxonomy.out(attribute, "applies_to"):
            pairs = ((attribute, category) for category in categories)
            if not any(pair in proposed or attribute in taxonomy.attributes_for(pair[1]) for pair in pairs):
                found += [Violation("not_applicable", (id,)) for id in values]
    return sorted(found)


def _most_specific(ids: list[str], taxonomy: Taxonomy) -> list[str]:
    covered = {ancestor for id in ids for ancestor in taxonomy.ancestors(id)}
    return [id for id in ids if id not in covered]
