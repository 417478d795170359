"""The forms in which a surface is looked up: normal (compared as it is) and folded (ignoring minor spelling)."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

import opencc

from graph.labels import normalise


def simplified(text: str) -> str:
    """Only ever compared with itself: Japanese characters that have a simplified form change, too."""
    written: str = _converter().convert(text)
    return written


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


MAX_CHARACTERS = 200
"""Characters of a surface or label that are compared: no label worth linking to is longer."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
CJK_CLASS = f"{_CJK}\U00020000-\U0003ffff"
CJK = re.compile(f"[{CJK_CLASS}]")
_UNPRINTABLE = re.compile("[\u0000-\u001f\u007f-\u009f\ud800-\udfff]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe0e\ufe0f\ufeff]+")
_APOSTROPHES = re.compile("['’‘ʼ`´]")
_DECORATION = re.compile(
    r"[\"“”„«»!?¡¿;:()\[\]{}<>*~^|\\,，、。；：！？（）【】《》「」™®©…]|\.(?!\w)|[\u2190-\u2bff\U0001f000-\U0001faff]"
)
_BETWEEN_NUMBERS = re.compile(r"(?<=\d) (?=\d)")
_ACCENTS = re.compile("[\u0300-\u036f]")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)?")
_IRREGULAR = {"man": "men", "woman": "women", "child": "children", "foot": "feet", "leaf": "leaves", "knife": "knives"}


def normal_form(surface: str) -> str:
    """`graph.labels.normalise` of the surface without control and zero-width characters, cut at MAX_CHARACTERS."""
    visible = _INVISIBLE.sub("", _UNPRINTABLE.sub(" ", surface[: 4 * MAX_CHARACTERS]))
    return normalise(visible)[:MAX_CHARACTERS].strip()


def folded_form(normal: str) -> str:
    """Singular words, no possessives, accents or decoration, written as one: "men's polka-dots" → "menpolkadot".

    Chinese in simplified characters.
    A space stays between two numbers, so that "5 6" and "56" differ. Empty when nothing is left.
    """
    bare = _DECORATION.sub(" ", _APOSTROPHES.sub("", normal))
    words = [singular(word) for word in plain_letters(bare).split()]
    return _BETWEEN_NUMBERS.sub("\0", " ".join(words)).replace(" ", "").replace("\0", " ")


def plain_letters(text: str) -> str:
    """Latin and Greek letters without their marks, Chinese simplified: "crème" → "creme"."""
    if text.isascii():
        return text
    if CJK.search(text):
        text = simplified(text)
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))


@lru_cache(maxsize=50_000)
def singular(word: str) -> str:
    """An English plural's singular by its ending, and any other word as it is. Only ever compared with itself."""
    irregular = _IRREGULAR.get(word)
    if irregular is not None:
        return irregular
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is", "js")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1]


def numbers(normal: str) -> tuple[str, ...]:
    """The numbers in the text, sorted: "500 ml x 2" → ("2", "500"). Where they differ, so does the meaning."""
    found = _DIGITS.findall(normal)
    return tuple(sorted(found) if len(found) > 1 else found)


def ends_with(text: str, part: str) -> bool:
    """Whether the text is longer than `part` and ends with it at a word's edge (anywhere in CJK)."""
    if not text.endswith(part) or len(part) >= len(text) or not part:
        return False
    before = text[len(text) - len(part) - 1]
    return before == " " or CJK.match(part[0]) is not None


def starts_with(text: str, part: str) -> bool:
    """Whether the text is longer than `part` and begins with it at a word's edge (anywhere in CJK)."""
    if not text.startswith(part) or len(part) >= len(text) or not part:
        return False
    return text[len(part)] == " " or CJK.match(part[-1]) is not None
