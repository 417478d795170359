"""Numbers as shops write them: "1,000", "5-1/2", "3 7/16", "7.2K", "dozen", "三"."""

from __future__ import annotations

import re

NUMBER = r"(?:\d+(?:[ \-]+\d+/\d+)|\d+/\d+|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)"
"""A mixed number, a fraction, or a decimal, with thousands set off by commas."""
_NUMBER = re.compile(rf"({NUMBER})(?:\s?([kK])(?![A-Za-z]))?")
_VULGAR = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8", "⅓": "1/3", "⅔": "2/3"}
_WORDS: dict[str, int] = {
    **{word: n for n, word in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight"), 1)},
    **{word: n for n, word in enumerate(("nine", "ten", "eleven", "twelve"), 9)},
    **{character: n for n, character in enumerate("一二三四五六七八九十", 1)},
    **dict.fromkeys(("single", "mono", "单"), 1),
    **dict.fromkeys(("dual", "double", "twin", "pair", "couple", "两", "双", "对"), 2),
    **dict.fromkeys(("triple", "trio", "tri"), 3),
    **dict.fromkeys(("quad", "quadruple"), 4),
    "hexa": 6,
    "octa": 8,
    "dozen": 12,
}
_WORD = re.compile(r"[a-z]+|[一二三四五六七八九十两双对单]")


def plain(text: str) -> str:
    """Write vulgar fractions out: "5½" → "5 1/2"."""
    for sign, written in _VULGAR.items():
        if sign in text:
            text = re.sub(rf"(?<=\d){sign}", f" {written}", text).replace(sign, written)
    return text


def value_of(number: str) -> float:
    """The value of a text that matches NUMBER; a fraction over zero is zero."""
    whole, _, fraction = number.strip().replace("-", " ").rpartition(" ")
    if "/" not in number:
        return float(number.replace(",", ""))
    above, _, below = fraction.partition("/")
    part = float(above) / float(below) if float(below) else 0.0
    return (float(whole.strip()) if whole.strip() else 0.0) + part


def first_number(text: str) -> float | None:
    """The first number in digits, "K" for thousands included; without digits, the first number word."""
    found = _NUMBER.search(plain(text))
    if found is not None:
        return value_of(found[1]) * (1000 if found[2] else 1)
    for word in _WORD.findall(text.casefold()):
        if word in _WORDS:
            return float(_WORDS[word])
    return None
