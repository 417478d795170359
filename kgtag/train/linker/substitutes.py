"""Learning which words stand for one another, by counting what synonyms change."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from kgtag.link.candidates.label_table import normal_form
from kgtag.link.candidates.words import MOST, Substitutes, parts

_BACKWARDS = 0.5
"""How much a change counts in the other direction: a label's word in a mention is rarer than the reverse."""


def learn_substitutes(pairs: Iterable[tuple[str, str]]) -> Substitutes:
    """From (mention, label of its concept): shares out of one more than the times a part was changed at all."""
    changed: Counter[str] = Counter()
    into: Counter[tuple[str, str]] = Counter()
    for mention, label in pairs:
        own, other = set(parts(normal_form(mention))), set(parts(normal_form(label)))
        left, new = own - other, other - own
        for part in left:
            changed[part] += 1
            into.update((part, substitute) for substitute in new or {""})
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    for (part, substitute), count in into.items():
        share = count / (changed[part] + 1)
        shares[part][substitute] = max(share, shares[part].get(substitute, 0.0))
        if substitute:
            shares[substitute][part] = max(_BACKWARDS * share, shares[substitute].get(part, 0.0))
    return Substitutes(
        {
            part: tuple(
                (other, round(share, 4)) for other, share in sorted(found.items(), key=lambda p: (-p[1], p[0]))[:MOST]
            )
            for part, found in sorted(shares.items())
        }
    )
