"""The normal form in which labels are compared, and ids made of labels."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence

_SEPARATORS = re.compile(r"[\s\-‐‑‒–—_/·・]+")
_LONGEST_SLUG = 80
_LONGEST_ID = 300
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


def language_tag(text: str) -> str | None:
    """A language tag as BCP 47 writes it, None for anything else.

    Example:
        >>> language_tag("en_us"), language_tag("ZH-hans"), language_tag("english")
        ('en-US', 'zh-Hans', None)
    """
    first, *rest = text.strip().replace("_", "-").split("-")
    if not re.fullmatch(r"[A-Za-z]{2,3}", first) or not all(re.fullmatch(r"[A-Za-z0-9]{2,8}", part) for part in rest):
        return None
    script = (part.title() if len(part) == 4 and part.isalpha() else part.lower() for part in rest)
    return "-".join([first.lower(), *(part.upper() if len(part) == 2 else part for part in script)])


def path_id(scheme: str, names: Sequence[str]) -> str:
    """An id made from the names of a path; it changes when they do."""
    id = f"{scheme}:{'.'.join(slug(normalise(name), keep='') for name in names)}"
    if len(id) <= _LONGEST_ID:
        return id
    digest = hashlib.blake2b(id.encode(), digest_size=8).hexdigest()
    return f"{id[: _LONGEST_ID - len(digest) - 1]}-{digest}"


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
