"""The normal form in which labels are compared, and ids made of labels."""

import hashlib
import re
import unicodedata

_SEPARATORS = re.compile(r"[\s\-‐‑‒–—_/·・]+")
_LONGEST_SLUG = 80
_PLURALS = (
    (re.compile(r"(?<=[a-z]{2})ies$"), "y"),
    (re.compile(r"(?<=ch|sh|ss|zz)es$|(?<=x)es$"), ""),
    (re.compile(r"(?<=[a-z]{2}[^suiy])s$|(?<=[aeo]y)s$"), ""),
)


def normalise(text: str) -> str:
    """The label in NFKC, case-folded, with hyphens and runs of spaces as one space.

    Example:
        >>> normalise("T-Shirts ")
        't shirts'
    """
    return _SEPARATORS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def slug(key: str, *, keep: str = ".") -> str:
    """A readable part of an id, made from a normalised label; different labels have different ones.

    Letters and digits of any script stay and spaces become hyphens; a hash is added when anything else is removed.
    """
    plain = re.sub(rf"[^\w{re.escape(keep)} ]+", "", key).replace(" ", "-")
    if plain.replace("-", " ") == key and len(plain) <= _LONGEST_SLUG:
        return plain
    digest = hashlib.blake2b(key.encode(), digest_size=4).hexdigest()
    short = re.sub(r"-+", "-", plain)[:_LONGEST_SLUG].strip("-.")
    return f"{short}-{digest}" if short else digest


def singular(label: str) -> str:
    """A normalised label with every English word in the singular, roughly: "shoe" for "shoes"."""
    words = label.split(" ")
    for at, word in enumerate(words):
        found = next((one for one in _PLURALS if one[0].search(word)), None)
        words[at] = found[0].sub(found[1], word) if found else word
    return " ".join(words)
