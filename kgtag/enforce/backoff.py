"""Back-off: tags that are too uncertain give way to their nearest confident ancestor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from kgtag.enforce.facts import Facts
from kgtag.types import CandidateTag


def back_off(candidates: Sequence[CandidateTag], facts: Facts, *, threshold: float) -> list[CandidateTag]:
    """Candidates for ancestors, one at most for each mention without a certain candidate of its own.

    Candidates of one span and attribute, and those for the item's category, are alternatives: an ancestor's
    probability is the sum of those below it.
    """
    by_mention: dict[object, list[CandidateTag]] = defaultdict(list)
    for candidate in candidates:
        fact = facts.of(candidate.concept)
        place = (candidate.span, fact.attribute) if candidate.span else candidate.concept
        by_mention["category" if fact.kind == "category" else place].append(candidate)
    uncertain = [found for found in by_mention.values() if all(one.probability < threshold for one in found)]
    ancestors = (_nearest_confident(alternatives, facts, threshold) for alternatives in uncertain)
    return [ancestor for ancestor in ancestors if ancestor is not None]


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
