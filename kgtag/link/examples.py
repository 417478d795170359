"""What a linker is trained and measured on."""

from __future__ import annotations

from dataclasses import dataclass

from kgtag.types import Query


@dataclass(frozen=True, slots=True)
class LinkExample:
    """A query and its gold concept id; None says that the taxonomy has no concept for it (NIL)."""

    query: Query
    concept: str | None
