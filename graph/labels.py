"""When two labels are the same label: one normal form for lookup, and nothing else decides it."""

from __future__ import annotations

import re
import unicodedata

_SEPARATORS = re.compile(r"[\s\-‐‑‒–—_/·・]+")


def normalise(text: str) -> str:
    """The form in which labels are compared: NFKC, case-folded, hyphens and runs of spaces as one space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SEPARATORS.sub(" ", folded).strip()
