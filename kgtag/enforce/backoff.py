"""A tag too uncertain at its own level gives way to its nearest confident ancestor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from kgtag.enforce.facts import Facts
from kgtag.types import CandidateTag


def back_off(candidates: Sequence[CandidateTag], facts: Facts, *, threshold: float) -> list[CandidateTag]:
    """Candidates for ancestors, one a mention at most, for the mentions none of whose own candidates is certain enough.

    The alternatives of one mention exclude each other, so an ancestor's probability is the sum of those below it.
    """
    by_mention: dict[object, list[CandidateTag]] = defaultdict(list)
    for candidate in candidates:
        by_mention[_mention(candidate, facts)].append(candidate)
    found = []
    for alternatives in by_mention.values():
        if all(candidate.probability < threshold for candidate in alternatives):
            ancestor = _nearest_confident(alternatives, facts, threshold)
            if ancestor is not None:
                found.append(ancestor)
    return found


def _mention(candidate: CandidateTag, facts: Facts) -> object:
    """What candidates share when they are alternatives: one span and attribute, or being the item's category."""
    fact = facts.of(candidate.concept)
    if fact.kind == "category":
        return "category"
    return (candidate.span, fact.attribute) if candidate.span else candidate.concept


def _nearest_confident(alternatives: Sequence[CandidateTag], facts: Facts, threshold: float) -> CandidateTag | None:
    mass: dict[str, float] = defaultdict(float)
    for candidate in {c.concept: c for c in sorted(alternatives, key=lambda c: c.probability)}.values():
        for ancestor in facts.of(candidate.concept).above:
            mass[ancestor] += candidate.probability
    confident = [id for id, total in mass.items() if total >= threshold]
    if not confident:
        return None
    nearest = min(confident, key=lambda id: (-len(facts.of(id).above), -mass[id], id))
    best = max(alternatives, key=lambda c: (c.probability, c.concept))
    return replace(best, concept=nearest, probability=min(mass[nearest], 1.0), method="backed_off")
