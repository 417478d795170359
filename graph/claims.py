"""Claims in product texts that a shop may not make, or must prove: counterfeits, medicine, superlatives."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from graph.errors import InputError
from graph.labels import normalise, simplified

ClaimKind = Literal["counterfeit", "medical", "superlative"]
ClaimSeverity = Literal["error", "warning", "info"]
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """A term at the half-open characters `start` to `end` of a text."""

    start: int
    end: int
    term: str
    kind: ClaimKind
    severity: ClaimSeverity


@dataclass(frozen=True, slots=True)
class _Term:
    term: str
    kind: ClaimKind
    severity: ClaimSeverity
    unless: frozenset[str]


class Claims:
    """A list of terms; see graph/claims.toml for its form.

    Args:
        terms: By the form in which they are compared.
        sensitive: Labels of attributes that say something about people.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], sensitive: Iterable[str]) -> None:
        self.sensitive = frozenset(map(normalise, sensitive))
        self._terms: dict[str, _Term] = {}
        words: list[str] = []
        characters: list[str] = []
        for group in groups:
            unless = frozenset(word.casefold() for word in group.get("unless", ()))
            for text in group["terms"]:
                form = _form(text)
                self._terms.setdefault(form, _Term(text, group["kind"], group["severity"], unless))
                (characters if group["lang"] == "zh" else words).append(form)
        self._words = _compiled(words, r"(?<![^\W_])(?:{})(?![^\W_])")
        self._characters = _compiled(characters, "{}")

    @classmethod
    def load(cls, file: Path | None = None) -> Claims:
        """The terms of a file, by default kgtag's own. Raises InputError for a file of another form."""
        if file is None:
            return _own()
        try:
            return cls._of(tomllib.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{file} is not a list of claims: {error!r:.200}; see graph/claims.toml") from None

    @classmethod
    def _of(cls, content: dict[str, Any]) -> Claims:
        groups = content.get("group", [])
        for group in groups:
            for name, known in (("kind", get_args(ClaimKind)), ("severity", get_args(ClaimSeverity))):
                if group[name] not in known:
                    raise ValueError(f"{name} is {group[name]!r}; one of {', '.join(known)} was expected")
        return cls(groups, content.get("sensitive", {}).get("attributes", ()))

    def find(self, text: str) -> list[Claim]:
        """The claims in a text, by place.

        Example:
            >>> [(one.term, one.kind) for one in Claims.load().find("High-Copy watch, 最佳礼物")]
            [('high copy', 'counterfeit'), ('最佳', 'superlative')]
        """
        found = list(self._matches(self._words, text))
        if not text.isascii():
            found += self._matches(self._characters, _simplified(text))
        return sorted(found)

    def _matches(self, pattern: re.Pattern[str], text: str) -> Iterator[Claim]:
        for match in pattern.finditer(text):
            term = self._terms.get(_form(match.group()))
            if term is not None and not (term.unless and _is_near(text, match.span(), term.unless)):
                yield Claim(*match.span(), term.term, term.kind, term.severity)


def _compiled(forms: Iterable[str], form: str) -> re.Pattern[str]:
    """Any of the forms, the longest first."""
    parts = [r"[\s\-]*".join(map(re.escape, one.split())) for one in sorted(set(forms), key=lambda f: (-len(f), f))]
    return re.compile(form.format("|".join(parts)) if parts else "(?!)", re.IGNORECASE)


def _is_near(text: str, span: tuple[int, int], words: frozenset[str]) -> bool:
    """Whether one of the words is within three words of the span."""
    before = [word.casefold() for word in _WORD.findall(text[: span[0]])][-3:]
    behind = [word.casefold() for word in _WORD.findall(text[span[1] :])][:3]
    return not words.isdisjoint(before + behind)


def _form(text: str) -> str:
    return re.sub(r"[\s\-]+", " ", simplified(text) if not text.isascii() else text).casefold().strip()


def _simplified(text: str) -> str:
    written = simplified(text)
    return written if len(written) == len(text) else text


@cache
def _own() -> Claims:
    return Claims._of(tomllib.loads((resources.files("graph") / "claims.toml").read_text(encoding="utf-8")))
