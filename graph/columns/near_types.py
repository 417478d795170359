"""Relation types that somebody wrote nearly right, as hands do in Neo4j Browser: `BRODER`, `broader`, `valueOf`."""

from __future__ import annotations

import re

from rapidfuzz.distance import OSA

from graph.model import RELATION_TYPES, RelationType

_FAR = 2
"""Edits, beyond which another word is meant."""


def near_relation(type: str) -> RelationType | None:
    """The relation that was meant by a type that is none, or None when it is rather somebody else's own.

    Meant is what differs in case and separators alone, or in two letters but the first; one slip may be anywhere.
    `INCLUDES` and `CREATED` are other people's words, close as they come to ours.
    """
    written = _plain(type)
    near: list[tuple[int, bool, RelationType]] = []
    for known in RELATION_TYPES:
        wanted = _plain(known)
        slips = OSA.distance(written, wanted)
        if slips <= 1 or (slips <= _FAR and written[0] == wanted[0]):
            near.append((slips, not wanted.startswith(written), known))
    return min(near)[2] if near else None


def _plain(type: str) -> str:
    return re.sub(r"[^a-z]+", "", type.lower()) or " "
