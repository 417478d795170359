"""Language tags against the registry of BCP 47, whose subtags `subtags.txt` has (IANA, public domain)."""

import re
from functools import cache
from importlib.resources import files

_FORM = re.compile("[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*")
_MEANT = {"cn": "zh", "jp": "ja", "kr": "ko", "cz": "cs", "dk": "da", "gr": "el", "ua": "uk", "gb": "en", "us": "en"}
"""Codes of countries that are written for languages."""


@cache
def problem(tag: str) -> str | None:
    """What is wrong with a language tag, in words that follow it, or None."""
    if not _FORM.fullmatch(tag):
        return "is not a language tag"
    registry = _registry()
    first, *rest = tag.lower().split("-")
    if first in _MEANT and first not in registry["language"]:
        return f"is a country's code; that of the language is {_MEANT[first]!r}"
    if first not in registry["language"] and not "qaa" <= first <= "qtz":
        return f"has the language {first!r}, which is not registered"
    if first in _preferred():
        return f"is out of use; it is written {_preferred()[first]!r} now"
    for part in rest:
        if len(part) == 1:
            break
        what = _kind(part)
        private = (what == "script" and "qaaa" <= part <= "qabx") or (what == "region" and part[0] == "x")
        if part not in registry[what] and not private:
            return f"has the {what} {part!r}, which is not registered"
    return None


def replacement(tag: str) -> str | None:
    """The tag that is written in place of one that is out of use or begins with a country's code, or None."""
    first, hyphen, rest = tag.partition("-")
    low = first.lower()
    better = _preferred().get(low) or (_MEANT.get(low) if low not in _registry()["language"] else None)
    return f"{better}{hyphen}{rest}" if better and problem(f"{better}{hyphen}{rest}") is None else None


def _kind(part: str) -> str:
    if len(part) == 2 or (len(part) == 3 and part.isdigit()):
        return "region"
    if len(part) == 3:
        return "language"
    return "script" if len(part) == 4 and part.isalpha() else "variant"


@cache
def _registry() -> dict[str, frozenset[str]]:
    lines = (files("graph.audit") / "subtags.txt").read_text(encoding="ascii").splitlines()
    return {what: frozenset(codes) for what, *codes in map(str.split, lines)}


@cache
def _preferred() -> dict[str, str]:
    return {old: new for old, _, new in (pair.partition("=") for pair in _registry()["preferred"])}
