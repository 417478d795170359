"""Variants of one product: items of one group agree on the category, and on what most of their titles say.

A shop lists a shirt once for each size and colour, and not every title says all of it. Members of a group share their
evidence for the category. Of an attribute on which those that have a value agree, the others get it, with the mean
probability times the share of members that have it; not where a title names another value of the attribute, or denies
this one. An attribute on which they differ is what the variants vary in, and is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from kgtag.types import CandidateTag, Product, Tagging

_FLOOR = 0.01
_UNSURE = frozenset({"uncertain", "implausible", "duplicate"})
"""Rules of candidates that a title does not deny."""


def groups_of(products: Sequence[Product]) -> list[list[int]]:
    """Positions of the members of each group of two or more."""
    found: dict[str, list[int]] = defaultdict(list)
    for number, product in enumerate(products):
        if product.group is not None:
            found[product.group].append(number)
    return [members for members in found.values() if len(members) > 1]


def pooled(members: Sequence[Sequence[CandidateTag]]) -> list[tuple[CandidateTag, ...]]:
    """The category candidates of each member of a group, with the mean of all members' probabilities. A member whose
    category was given keeps it."""
    total: dict[str, float] = defaultdict(float)
    for own in members:
        for one in own:
            if one.rule is None:
                total[one.concept] += one.probability / len(members)
    return [tuple(_pooled(own, total)) for own in members]


def _pooled(own: Sequence[CandidateTag], total: dict[str, float]) -> Iterator[CandidateTag]:
    if any(one.method == "given" for one in own):
        yield from own
        return
    denied = [one for one in own if one.rule is not None]
    there = {one.concept: one for one in own if one.rule is None}
    barred = {one.concept for one in denied} - there.keys()
    for concept, probability in sorted(total.items(), key=lambda one: (-one[1], one[0])):
        if probability >= _FLOOR and concept not in barred:
            one = there.get(concept, CandidateTag(concept, probability, "shared"))
            yield CandidateTag(concept, probability, one.method, one.span, one.surface, one.extract_score)
    yield from denied


def shared(members: Sequence[Tagging]) -> dict[int, list[CandidateTag]]:
    """By position, the values that a member lacks and the others agree on."""
    stated = [_stated(one) for one in members]
    found: dict[int, list[CandidateTag]] = defaultdict(list)
    for attribute in sorted({name for own in stated for name in own}):
        have = [own[attribute] for own in stated if attribute in own]
        values = {value for own in have for value in own}
        if len(values) != 1 or len(have) == len(members):
            continue
        (value,) = values
        probability = sum(own[value] for own in have) / len(members)
        for number, (own, one) in enumerate(zip(stated, members, strict=True)):
            if attribute not in own and not _speaks_against(one, attribute):
                found[number].append(CandidateTag(value, probability, "shared"))
    return found


def _stated(one: Tagging) -> dict[str, dict[str, float]]:
    """By attribute, its values that no other tag implies, with their probabilities."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for tag in one.tags:
        if tag.attribute is not None and tag.implied_by is None:
            found[tag.attribute][tag.concept] = tag.probability
    return found


def _speaks_against(one: Tagging, attribute: str) -> bool:
    """Whether the title names an unknown value of the attribute, or one that is left out for a reason."""
    if any(nil.attribute == attribute for nil in one.nil):
        return True
    return any(left.tag.attribute == attribute and left.rule not in _UNSURE for left in one.dropped)
