"""Misspelt relation types, as people type them in Neo4j Browser: `BRODER`, `broader`, `valueOf`."""

from __future__ import annotations

import re

from rapidfuzz.distance import OSA

from graph.model import RELATION_TYPES, RelationType

_FAR = 2
"""Edit distance beyond which another word is meant."""


def near_relation(type: str) -> RelationType | None:
    """The relation type that was probably meant by an unknown type, None when none is close.

    Close are types that differ in case and separators, in one letter, or in two letters but not the first:
    `INCLUDES` and `CREATED` are other people's types, near as they are.
    """
    written = _plain(type)
    near: list[tuple[int, bool, RelationType]] = []
    for known in RELATION_TYPES:
        wanted = _plain(known)
        distance = OSA.distance(written, wanted)
        if distance <= 1 or (distance <= _FAR and written[0] == wanted[0]):
            near.append((distance, not wanted.startswith(written), known))
    return min(near)[2] if near else None


def _plain(type: str) -> str:
    return re.sub(r"[^a-z]+", "", type.lower()) or " "
