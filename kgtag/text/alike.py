"""What makes two labels the same but for how they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from graph.labels import normal_form, singular

_NUMBER = re.compile(r"\d+")
_WORDS = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"(?<=\w{3})(ies|es|s|ing|ed|er|or|ation|ion)$")
SAME = ("spelling", "plural", "ending", "words")
"""What may make two labels the same."""


@dataclass(frozen=True, slots=True)
class LabelForms:
    """Texts as they are compared; the first `concepts` of them are labels of concepts."""

    texts: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    stems: tuple[tuple[str, ...], ...]
    joined: tuple[str, ...]
    singular: tuple[str, ...]
    numbers: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> LabelForms:
        plain = [unicodedata.normalize("NFKD", normal_form(text) or text.casefold()) for text in texts]
        words = [tuple(_WORDS.findall("".join(c for c in text if not unicodedata.combining(c)))) for text in plain]
        stems = [tuple(_ENDING.sub("", singular(word)) for word in parts) for parts in words]
        joined = ["".join(parts) for parts in words]
        one = ["".join(map(singular, parts)) for parts in words]
        numbers = [tuple(_NUMBER.findall(text)) for text in texts]
        return cls(tuple(texts), tuple(words), tuple(stems), tuple(joined), tuple(one), tuple(numbers))

    def same(self, i: int, j: int) -> str | None:
        if self.joined[i] == self.joined[j]:
            return "spelling"
        if self.singular[i] == self.singular[j]:
            return "plural"
        if "".join(self.stems[i]) == "".join(self.stems[j]):
            return "ending"
        return "words" if sorted(self.stems[i]) == sorted(self.stems[j]) else None
