"""When two labels are the same label: one normal form for lookup, and nothing else decides it. And ids made of them."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_SEPARATORS = re.compile(r"[\s\-‐‑‒–—_/·・]+")
_LONGEST_SLUG = 80


def normalise(text: str) -> str:
    """The form in which labels are compared: NFKC, case-folded, hyphens and runs of spaces as one space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SEPARATORS.sub(" ", folded).strip()


def slug(key: str, *, keep: str = ".") -> str:
    """A readable id part for a normalised label, different for different labels and the same in every run.

    Letters and digits of any script stay, spaces become hyphens; whatever else is lost, or cut, a hash stands in for.
    """
    plain = re.sub(rf"[^\w{re.escape(keep)} ]+", "", key).replace(" ", "-")
    if plain.replace("-", " ") == key and len(plain) <= _LONGEST_SLUG:
        return plain
    digest = hashlib.blake2b(key.encode(), digest_size=4).hexdigest()
    short = re.sub(r"-+", "-", plain)[:_LONGEST_SLUG].strip("-.")
    return f"{short}-{digest}" if short else digest


_PLURALS = (
    (re.compile(r"(?<=[a-z]{2})ies$"), "y"),
    (re.compile(r"(?<=ch|sh|ss|zz)es$|(?<=x)es$"), ""),
    (re.compile(r"(?<=[a-z]{2}[^suiy])s$|(?<=[aeo]y)s$"), ""),
)


def singular(label: str) -> str:
    """Every English word of a normalised label in the singular, roughly: enough to find "shoe" for "shoes"."""
    return " ".join(_singular_word(word) for word in label.split(" "))


def _singular_word(word: str) -> str:
    for plural, ending in _PLURALS:
        if plural.search(word):
            return plural.sub(ending, word)
    return word
