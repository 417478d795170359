"""Forms in which texts are compared, `normalise` of labels and the broader `folded_form`; and ids made of labels."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

_SEPARATORS = re.compile(r"[\s\-‐‑‒–—_/·・]+")
_LONGEST_SLUG, _LONGEST_ID = 80, 300
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
MAX_CHARACTERS = 200
"""Characters of a surface or label that are compared: no label worth linking to is longer."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
CJK_CLASS = f"{_CJK}\U00020000-\U0003ffff"
CJK = re.compile(f"[{CJK_CLASS}]")
_HIDDEN = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe0e\ufe0f\ufeff"
CONTROL = re.compile("[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]+")
"""Control characters, line breaks and lone surrogates: nothing that a label has."""
_UNSEEN = re.compile(f"[{_HIDDEN}™®©℠]+")
"""Zero-width characters, and marks that NFKC would write as letters."""
_APOSTROPHES = re.compile("['’‘ʼ`´]")
_DECORATION = r"\"“”„«»!?¡¿;:()\[\]{}<>*~^|\\,，、。；：！？（）【】《》「」™®©℠…\u2190-\u2bff\U0001f000-\U0001faff"
_DECORATED = re.compile(rf"[{_DECORATION}]|\.(?!\w)")
_BETWEEN_NUMBERS = re.compile(r"(?<=\d) (?=\d)")
_ACCENTS = re.compile("[\u0300-\u036f]")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)?")
_WORD = re.compile(rf"[{CJK_CLASS}]|(?:(?!\.(?!\w))[^\s\-‐‑‒–—_/·・{_DECORATION}{CJK_CLASS}])+")
_TRANSCRIBED = re.compile("(?<=[aou])e")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "œ": "oe"})
_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth", "mice": "mouse",
    "leaves": "leaf", "knives": "knife", "shelves": "shelf", "scarves": "scarf", "loaves": "loaf", "halves": "half",
    "shoes": "shoe", "canoes": "canoe", "oboes": "oboe", "toes": "toe", "hoes": "hoe",
}  # fmt: skip


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
    tag = text.strip().replace("_", "-")
    return cased_tag(tag) if _LANGUAGE.fullmatch(tag) else None


@lru_cache(maxsize=1000)
def cased_tag(tag: str) -> str:
    """A language tag in the case that BCP 47 advises: "EN" → "en", "zh-hans-cn" → "zh-Hans-CN"."""
    first, *rest = re.split(r"([-_])", tag.lower())
    return first + "".join(
        part.title() if len(part) == 4 and part.isalpha() else part.upper() if len(part) == 2 else part for part in rest
    )


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
    return " ".join(map(_singular, label.split(" "))) if " " in label else _singular(label)


@lru_cache(maxsize=50_000)
def _singular(word: str) -> str:
    """By its ending. Other languages' words are cut as well: only ever compare the result with another one."""
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "js")) and word not in _IRREGULAR:
        if word.endswith("ies") and len(word) > 4:
            word = word[:-3] + "y"
        elif word.endswith(("sses", "shes", "ches", "xes", "zes", "oes")):
            word = word[:-2]
        else:
            word = word[:-1]
    elif len(word) > 4 and word.endswith("ie"):  # as in "hoodies"
        word = word[:-2] + "y"
    return _IRREGULAR.get(word, word)


def normal_form(surface: str) -> str:
    """`normalise` of the surface without control and zero-width characters and trade marks, cut at MAX_CHARACTERS."""
    visible = _UNSEEN.sub("", CONTROL.sub(" ", surface[: 4 * MAX_CHARACTERS]))
    return normalise(visible)[:MAX_CHARACTERS].strip()


def folded_form(normal: str) -> str:
    """Singular words, no possessives, accents or decoration, written as one: "men's polka-dots" → "manpolkadot".
    Chinese in simplified characters; a space stays between two numbers, so that "5 6" and "56" differ. May be empty."""
    bare = _DECORATED.sub(" ", _APOSTROPHES.sub("", normal))
    words = [_singular(word) for word in plain_letters(bare).split()]
    return _BETWEEN_NUMBERS.sub("\0", " ".join(words)).replace(" ", "").replace("\0", " ")


def typed_form(normal: str) -> str:
    """The normal form without apostrophes, decoration and accents, Chinese simplified, word by word: what is compared
    while a label is being typed, when its last word may not be whole."""
    return " ".join(plain_letters(_DECORATED.sub(" ", _APOSTROPHES.sub("", normal))).split())


def folded_forms(normal: str, *, transcribed: bool = False) -> tuple[str, ...]:
    """The folded form, then that of other ways to write it: "ä" as "ae", and "ae" as "ä" where it is `transcribed`."""
    forms = {folded_form(normal): None}
    if not normal.isascii():
        forms[folded_form(normal.translate(_UMLAUTS))] = None
    elif transcribed:
        forms[folded_form(_TRANSCRIBED.sub("", normal))] = None
    return tuple(form for form in forms if form)


def plain_letters(text: str) -> str:
    """Latin and Greek letters without their marks, Chinese simplified: "crème" → "creme"."""
    if text.isascii():
        return text
    if CJK.search(text):
        text = simplified(text)
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))


def simplified(text: str) -> str:
    """Only ever compared with itself: Japanese characters that have a simplified form change, too."""
    written: str = _converter().convert(text)
    return written


@cache
def _converter() -> Any:
    import opencc  # Reads its tables when it is imported; most texts have no Chinese character.

    return opencc.OpenCC("t2s")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text, or one Chinese character: its half-open characters, and its folded form."""

    start: int
    end: int
    folded: str


def words(text: str) -> Iterator[Word]:
    """The words of a text as given, left to right, such that `joined` words fold as `folded_form` of their text does.

    Example:
        >>> [word.folded for word in words("Women’s T-Shirts")]
        ['woman', 't', 'shirt']
    """
    for match in _WORD.finditer(text):
        if folded := _folded_word(match.group()):
            yield Word(*match.span(), folded)


@lru_cache(maxsize=50_000)
def _folded_word(word: str) -> str:
    return folded_form(normal_form(word))


def joined(folded: str, word: str) -> str:
    """Folded words with one more."""
    return f"{folded} {word}" if folded[-1:].isdigit() and word[0].isdigit() else folded + word


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
