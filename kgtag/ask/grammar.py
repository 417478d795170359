"""What a question may ask: templates of intents with slots, English and Chinese (questions.txt), and which words of a
question are mere politeness. What the slots name decides between the templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, cast

from graph.labels import CJK

Intent = Literal["difference", "goes_with", "count", "kinds", "value", "has", "items", "concept"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a question: the intent and the texts of its slots."""

    intent: Intent
    slots: dict[str, str]


@dataclass(frozen=True, slots=True)
class Template:
    """`attribute`: what the question asks for without naming it."""

    intent: Intent
    attribute: str | None
    pattern: re.Pattern[str]


_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|please|so|and|ok(?:ay)?)\b[,!]?\s*|"
    r"(?:can|could|would|will) (?:you|i|anyone) (?:please |kindly )?"
    r"(?:tell me|say|let me know|explain|check|show me|know)\b[,:]?\s*(?:if|whether)?\s*|"
    r"(?:please )?tell me\b\s*(?:if|whether)?\s*|do you (?:happen to )?know\b\s*(?:if|whether)?\s*|"
    r"i(?:['’]d| would) (?:like|love|want) to know\b\s*(?:if|whether)?\s*|"
    r"i(?:['’]m| am) wondering (?:if|whether)?\s*|i wonder (?:if|whether)?\s*|(?:any idea|just curious)\b[,:]?\s*)+"
    r"|^(?:请问|你好|您好|麻烦|请|帮我看看|帮我查一下|帮我|我想知道|想知道|想问一下|问一下|能告诉我|告诉我|[，,]|\s)+",
    re.I,
)
_TAIL = re.compile(
    r"(?:\s*(?:[?？!！。.…]+|,? please|,? thanks|thank you|呢|呀|啊|谢谢)\s*)+$"
    r"|(?<=\w)\s+(?:exactly|anyway|at all|at the moment|right now|in stock|in your (?:shop|store)|here)[?.!]*$",
    re.I,
)
MEASURES = {
    "tall": "height", "high": "height", "wide": "width", "broad": "width", "deep": "depth", "long": "length",
    "thick": "thickness", "heavy": "weight", "big": "size", "large": "size", "old": "age range", "fast": "speed",
    "powerful": "power", "strong": "power", "warm": "warmth",
    "高": "高度", "宽": "宽度", "深": "深度", "长": "长度", "重": "重量", "大": "尺码", "厚": "厚度",
}  # fmt: skip
"""Attributes that an adjective asks for."""

_DENIALS = (
    (re.compile(r"\bnot made (?:out )?(?:of|from)\b", re.I), "not"),
    (re.compile(r"\b(?:(?:do|does|did)(?: not|n[’']t) have|have no|has no)\b(?: an?\b| any\b)?", re.I), "without"),
    (re.compile(r"^没有(.+)吗$"), r"有没有\1"),
)
"""Denials, and how the parser of queries reads them."""

_ARTICLES = re.compile(
    r"^(?:the|an?|this|that|these|those|your|any|some|all|each|every)\b\s*(?=\S)"
    r"|^(?:product|item|article|model|offer)\b(?: (?:called|named|with (?:the )?id))?\s*(?=[\ue000-\uf8ff\"'“#\d])"
    r"|^(?:这款|这个|这件|这双|那款|那个|这|该|商品|产品|款)\s*(?=\S)",
    re.I,
)  # fmt: skip


def language_of(question: str) -> str:
    """ "zh" for a question with Chinese characters, else "en"."""
    return "zh" if CJK.search(question) else "en"


def readings(question: str) -> Iterator[Reading]:
    """The ways to read a question, the likeliest first. Items may be single characters that stand for them.

    Example:
        >>> next(readings("What is the colour of the dome tent?"))
        Reading(intent='value', slots={'a': 'colour', 'p': 'dome tent'})
    """
    text = plain(question)
    for template in _templates()[language_of(text)]:
        if found := template.pattern.fullmatch(text):
            slots = {name: without_article(slot) for name, slot in found.groupdict().items() if slot}
            if "m" in slots:
                slots["a"] = MEASURES[slots.pop("m").lower()]
            if template.attribute is not None:
                slots["a"] = template.attribute
            yield Reading(template.intent, slots)


@cache
def _templates() -> Mapping[str, Sequence[Template]]:
    """By language, in the order of the file."""
    words: dict[str, str] = {}
    found: dict[str, list[Template]] = {"en": [], "zh": []}
    for line in resources.files("kgtag.ask").joinpath("questions.txt").read_text("utf-8").splitlines():
        if line.startswith("<"):
            name, meaning = line.split(" ", 1)
            words[name] = meaning
        elif line and not line.startswith("#"):
            lang, what, pattern = line.split(" ", 2)
            for name, meaning in words.items():
                pattern = pattern.replace(name, meaning)
            intent, _, attribute = what.partition("=")
            named = attribute.replace("_", " ") or None
            found[lang].append(Template(cast(Intent, intent), named, re.compile(pattern, re.I)))
    return found


def plain(question: str) -> str:
    """The question on one line, without politeness and final marks."""
    text, before = " ".join(question.split()), ""
    while text != before:
        before, text = text, _POLITE.sub("", _TAIL.sub("", text)).strip(" ,，、:：")
    for written, read in _DENIALS:
        text = written.sub(read, text)
    return text


def without_article(text: str) -> str:
    """The text without articles, demonstratives and "item" before it."""
    text, before = text.strip(" ,，、\"'“”"), ""
    while text != before:
        before, text = text, _ARTICLES.sub("", text).strip()
    return text
