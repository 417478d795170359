"""Choose a consistent set among all candidate tags of one item.

    redirect ──▶ weigh (plausibility) ──▶ back off ──▶ choose (conflict-free, heaviest) ──▶ close (ancestors)

Each step changes a candidate or drops it under a named rule.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from graph.errors import InputError
from graph.taxonomy import Taxonomy
from kgtag.enforce.conflicts import Conflicts, Facts, best_set, conflicts, within
from kgtag.types import CandidateTag, Consistent, DroppedTag, Plausibility, Proposal, Rule, Span, Tag


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
    if sum(candidate.probability for candidate in alternatives) < threshold:
        return None
    mass: dict[str, float] = defaultdict(float)
    for candidate in {c.concept: c for c in sorted(alternatives, key=lambda c: c.probability)}.values():
        for ancestor in facts.of(candidate.concept).above:
            if ancestor == facts.everything:
                continue
            mass[ancestor] += candidate.probability
    confident = [id for id, total in mass.items() if total >= threshold]
    if not confident:
        return None
    nearest = min(confident, key=lambda id: (-len(facts.of(id).above), -mass[id], id))
    best = max(alternatives, key=lambda c: (c.probability, c.concept))
    return replace(best, concept=nearest, probability=min(mass[nearest], 1.0), method="backed_off", plausibility=None)


_CERTAIN = 1e-4
"""Distance of probabilities from 0 and 1 when their odds are taken."""
_LEAST = 1e-3
_CACHED = 100_000
"""Plausibilities of values in categories that are kept."""
_GIVEN = 1e3
"""Weight of a given category: more than any number of candidates."""


Mode = Literal["off", "symbolic", "full"]


@dataclass(frozen=True, slots=True)
class EnforceSettings:
    """Settings of enforcement.

    Attributes:
        threshold: The least probability of a tag.
        proposal_threshold: The least plausibility of an `applies_to` that is not asserted.
        plausibility_weight: Share of the log-odds of (value, occurs_in, category) that a candidate gains. The default
            is the best of five on the sample's dev titles; a larger one buys precision with recall.
        mode: The ablation: "off" (threshold only), "symbolic" (the taxonomy), "full" (taxonomy and embeddings).

    Raises:
        InputError: A threshold outside 0 to 1, or an unknown mode.
    """

    threshold: float = 0.5
    proposal_threshold: float = 0.9
    plausibility_weight: float = 0.1
    mode: Mode = "full"

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise InputError(f"threshold is {self.threshold}; a number from 0 to 1 is expected")
        if self.mode not in ("off", "symbolic", "full"):
            raise InputError(f"mode is {self.mode!r}; 'off', 'symbolic' or 'full' is expected")


class Enforcer:
    """Makes the tags of items consistent with one snapshot, and caches what it needs of that."""

    def __init__(
        self, taxonomy: Taxonomy, *, plausibility: Plausibility | None = None, settings: EnforceSettings | None = None
    ) -> None:
        self._settings = settings or EnforceSettings()
        self._taxonomy, self._given = taxonomy, plausibility
        self._plausibility = plausibility if self._settings.mode == "full" else None
        self._plausible: dict[tuple[str, str], tuple[float, float] | None] = {}
        self._facts = Facts(taxonomy, self._plausibility, proposal_threshold=self._settings.proposal_threshold)

    def in_mode(self, mode: Mode) -> "Enforcer":
        """The same with another mode of enforcement."""
        return Enforcer(self._taxonomy, plausibility=self._given, settings=replace(self._settings, mode=mode))

    def enforce(self, candidates: Sequence[CandidateTag], *, lang: str | None = None) -> Consistent:
        """Choose tags, most probable first. A category of method "given" is a fact: everything else gives way to it."""
        facts, threshold = self._facts, self._settings.threshold
        live: list[CandidateTag] = []
        dropped: list[_Dropped] = []
        for candidate in candidates:
            fact = facts.resolved(candidate.concept)
            moved = candidate if fact.id == candidate.concept else replace(candidate, concept=fact.id)
            if (rule := moved.rule or fact.unfit) is not None:
                dropped.append((moved, rule, None))
            else:
                live.append(moved)
        if self._settings.mode == "off":
            return _unchecked(live, facts, threshold, lang)
        fit, unfit = _split(self._weigh(live), facts, threshold)
        fit.sort(key=lambda c: (-c.probability, c.concept, c.span or Span(-1, -1)))
        apart = conflicts(fit, facts)
        chosen = best_set(_weights(fit, facts, threshold, apart), apart)
        chosen |= _broader_categories(fit, chosen, facts)
        tags = _close([fit[i] for i in sorted(chosen)], facts, lang)
        present = {tag.concept for tag in tags}
        lost = ((i, c) for i, c in enumerate(fit) if i not in chosen)
        dropped += [*unfit, *((c, *_reason(i, chosen, apart, fit, c.concept in present)) for i, c in lost)]
        left_out = tuple(DroppedTag(_tag(c, facts, lang), rule, against) for c, rule, against in dropped)
        return Consistent(tuple(tags), left_out, self._proposals(tags))

    def _weigh(self, candidates: Sequence[CandidateTag]) -> list[CandidateTag]:
        """Move each value's odds by its plausibility in the item's most probable category."""
        kinds = [self._facts.of(c.concept).kind for c in candidates]
        categories = [c for c, kind in zip(candidates, kinds, strict=True) if kind == "category"]
        if self._plausibility is None or not categories:
            return list(candidates)
        category = max(categories, key=lambda c: (c.method == "given", c.probability, c.concept)).concept
        values = [c.concept for c, kind in zip(candidates, kinds, strict=True) if kind == "value"]
        known = self._plausibilities(values, category, self._plausibility)
        weighed = []
        for candidate in candidates:
            if (found := known.get(candidate.concept)) is not None:
                plausible, shift = found
                odds = _log_odds(candidate.probability) + shift
                candidate = _weighed(candidate, 1 / (1 + math.exp(-odds)), plausible)
            weighed.append(candidate)
        return weighed

    def _plausibilities(
        self, values: Sequence[str], category: str, plausibility: Plausibility
    ) -> dict[str, tuple[float, float] | None]:
        """Each value with its plausibility and what its log-odds gain; None where the embeddings lack it."""
        cached = self._plausible
        found = {value: cached[value, category] for value in values if (value, category) in cached}
        new = [value for value in values if value not in found]
        if new:
            weight = self._settings.plausibility_weight
            asked = plausibility.probabilities([(value, "occurs_in", category) for value in new])
            for value, one in zip(new, asked, strict=True):
                found[value] = (one, weight * _log_odds(one)) if one is not None else None
            if len(cached) >= _CACHED:
                cached = self._plausible = {}
            cached.update({(value, category): found[value] for value in new})
        return found

    def _proposals(self, tags: Sequence[Tag]) -> tuple[Proposal, ...]:
        """The plausible `applies_to` of the tags' attributes on their most specific category."""
        categories = [tag.concept for tag in tags if tag.kind == "category"]
        category = max(categories, key=lambda id: (len(self._facts.of(id).above), id), default=None)
        if category is None:
            return ()
        attributes = sorted({tag.attribute for tag in tags if tag.attribute is not None})
        missing = [a for a in attributes if not self._facts.applies(a, category)]
        return tuple(p for a in missing if (p := self._facts.proposal(a, category)) is not None)


_Dropped = tuple[CandidateTag, Rule, str | None]
"""A candidate that was left out, by which rule, and against which other concept."""


def _split(
    weighed: Sequence[CandidateTag], facts: Facts, threshold: float
) -> tuple[list[CandidateTag], list[_Dropped]]:
    """The certain candidates and the ancestors of uncertain ones; the uncertain candidates with their rule."""
    ancestors = back_off(weighed, facts, threshold=threshold)
    fit, dropped = list[CandidateTag](), list[_Dropped]()
    for c in weighed:
        if c.probability >= threshold or c.method == "given":
            fit.append(c)
        else:
            implausible = c.plausibility is not None and c.plausibility < 0.5
            dropped.append((c, "implausible" if implausible else "uncertain", None))
    return fit + ancestors, dropped


def _weights(candidates: Sequence[CandidateTag], facts: Facts, threshold: float, apart: Conflicts) -> list[float]:
    """Gain in log-odds of each candidate; a category has those of its broader candidates as well. A value at odds
    with a longer name in which it stands ("chocolate" in "chocolate bar") has next to none."""

    def gain(candidate: CandidateTag) -> float:
        if candidate.method == "given":
            return _GIVEN
        return max(_log_odds(candidate.probability) - _log_odds(threshold), 0.0) + _LEAST

    alone = [gain(candidate) for candidate in candidates]
    found = [facts.of(candidate.concept) for candidate in candidates]
    categories = [i for i, fact in enumerate(found) if fact.kind == "category"]
    for pair in apart:
        for inner, outer in (pair, pair[::-1]):
            spans = candidates[inner].span, candidates[outer].span
            longer = found[outer].kind == "category" or spans[0] != spans[1]
            if found[inner].kind == "value" and longer and within(*spans):
                alone[inner] = _LEAST
    total = list(alone)
    for i in categories:
        total[i] += sum(alone[j] for j in categories if found[j].id in found[i].above)
    return total


def _broader_categories(fit: Sequence[CandidateTag], chosen: set[int], facts: Facts) -> set[int]:
    """Category candidates that the chosen category implies: they keep their own evidence."""
    most_specific = [fact for i in chosen if (fact := facts.of(fit[i].concept)).kind == "category"]
    return {i for i, c in enumerate(fit) if any(c.concept in fact.above for fact in most_specific)}


def _weighed(c: CandidateTag, probability: float, plausibility: float) -> CandidateTag:
    """`dataclasses.replace` takes five times as long, and there are many."""
    return CandidateTag(
        c.concept, probability, c.method, c.span, c.surface, c.extract_score, c.link_score, plausibility, c.rule
    )


def _log_odds(probability: float) -> float:
    clipped = min(max(probability, _CERTAIN), 1 - _CERTAIN)
    return math.log(clipped / (1 - clipped))


def _close(chosen: Sequence[CandidateTag], facts: Facts, lang: str | None) -> list[Tag]:
    """The chosen tags and everything broader, most probable first; implied tags name their most probable reason."""
    tags: dict[str, Tag] = {}
    for c in chosen:
        tags.setdefault(c.concept, _tag(c, facts, lang))
    for direct in sorted(tags.values(), key=lambda t: (-t.probability, t.concept)):
        for ancestor in facts.of(direct.concept).above:
            if ancestor not in tags:
                implied = CandidateTag(ancestor, direct.probability, "implied")
                tags[ancestor] = _tag(implied, facts, lang, implied_by=direct.concept)
    return sorted(tags.values(), key=lambda t: (t.implied_by is not None, -t.probability, t.concept))


def _reason(
    i: int, chosen: set[int], apart: Conflicts, fit: Sequence[CandidateTag], present: bool
) -> tuple[Rule, str | None]:
    """The rule that keeps a candidate out, and the chosen concept that it keeps it apart from."""
    if present:
        return "duplicate", None
    pairs = (((set(pair) - {i}) & chosen, rule) for pair, rule in sorted(apart.items()) if i in pair)
    return next((rule, fit[other.pop()].concept) for other, rule in pairs if other)


def _tag(c: CandidateTag, facts: Facts, lang: str | None, *, implied_by: str | None = None) -> Tag:
    fact = facts.of(c.concept)
    return Tag(
        concept=fact.id,
        label=fact.concept.label(lang),
        kind=fact.kind,
        method=c.method,
        probability=c.probability,
        attribute=fact.attribute,
        span=c.span,
        surface=c.surface,
        extract_score=c.extract_score,
        link_score=c.link_score,
        plausibility=c.plausibility,
        implied_by=implied_by,
    )


def _unchecked(candidates: Sequence[CandidateTag], facts: Facts, threshold: float, lang: str | None) -> Consistent:
    """Mode "off": the best candidate of every mention, unchecked and unclosed."""
    best: dict[object, CandidateTag] = {}
    for candidate in sorted(candidates, key=lambda c: (-c.probability, c.concept)):
        fact = facts.of(candidate.concept)
        if candidate.probability >= threshold or candidate.method == "given":
            best.setdefault((candidate.span, fact.attribute, fact.kind), candidate)
    return Consistent(tuple(_tag(candidate, facts, lang) for candidate in best.values()), ())
