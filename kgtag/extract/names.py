"""Brands, models and devices that no label names, guessed by how they are written, so that they can be proposed."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from graph.labels import CJK_CLASS, words
from graph.taxonomy import Taxonomy
from kgtag.extract.scope import attributes_of
from kgtag.link.candidates.label_table import LabelTable
from kgtag.types import Mention, Span

_BRAND = re.compile(r"brand|manufacturer|品牌|marke\b|marque", re.IGNORECASE)
_DEVICE = re.compile(r"device|model\b|机型|型号|modell|modèle", re.IGNORECASE)
_TOKEN = re.compile(rf"[^\W_{CJK_CLASS}]+(?:['’][A-Za-z]+)?|[{CJK_CLASS}]+")
_MEASURED = re.compile(
    r"\d+(?:[.,x×]\d+)*[A-Za-z]{0,4}|\d+[A-Za-z]{5,}|(?:\d+x)+\d+\w*|\d*[x]{0,4}[sml]|[a-z]{1,2}\d{1,2}|(?:uk|eu|us)\d+|\d+in\d+|"
    r"(?:ipx?|usb|type|mp|gps|hdmi|wifi|upf|spf|bt|ddr|pcie|led|en|iso)\d+\w*",
    re.IGNORECASE,
)
"""Quantities, sizes and standards."""
_MIXED = re.compile(r"(?=[^\W_]*\d)(?=[^\W_]*[A-Za-z]{2})[^\W_]{3,}")
_SMALL_FIRST = re.compile(r"[a-z]{1,2}[A-Z][a-z]+")
_INNER_CAPITAL = re.compile(r"[A-Z][a-z]{2,}[A-Z][A-Za-z]*")
_POSSESSIVE = re.compile(r"[A-Z]\w+['’]s")
_LATIN = re.compile(r"[A-Z][a-z]{2,}|[A-Z]{5,}")
_FOLLOWS = re.compile(
    r"\d{1,4}|[A-Z]\d{0,3}|SE|GT|Pro|Max|Plus|Ultra|Mini|Air|Lite|Note|Neo|Fold|Flip|Edge|Prime|Series", re.IGNORECASE
)
_FITS = re.compile(r"\b(?:for|fits?|compatible with|works with)(?: (?:the|your|an?))? $", re.IGNORECASE)
_FITS_CJK = re.compile(
    rf"(?:适用于?|适配|兼容)\s?(?P<name>[{CJK_CLASS}]{{2,4}}[A-Za-z]*\d+(?:[A-Za-z]+|(?: (?:Pro|Max|Plus|Ultra|SE))*))"
)
_CUE_CJK = re.compile(r".*(?:适用|适用于|适配|兼容|替换)")
_BY = re.compile(r"\bby $")
_CAPITAL = re.compile(r"[A-Z][A-Za-z]*\d{0,4}|\d{1,4}")
_CJK = re.compile(f"[{CJK_CLASS}]")
_PROBABILITY = 0.6


class NameGuesser:
    """Guesses names in titles. Words of any label are known, and no guess."""

    def __init__(self, taxonomy: Taxonomy, table: LabelTable) -> None:
        named = {one.id: " ".join(text for text, *_ in one.labels()) for one in attributes_of(taxonomy)}
        self._brand = next((id for id, labels in named.items() if _BRAND.search(labels)), None)
        self._device = next((id for id, labels in named.items() if _DEVICE.search(labels)), self._brand)
        self._table = table

    @cached_property
    def _known(self) -> set[str]:
        return {word.folded for text in self._table.texts for word in words(text)}

    def find(self, title: str, found: Sequence[Mention], taken: Sequence[Span]) -> Iterator[Mention]:
        """Names outside what was `found` and is `taken`, from left to right; no brand where there is one."""
        if self._brand is None or self._device is None:
            return
        taken = [*taken, *(mention.span for mention in found if mention.span.field == "title")]
        branded = any(mention.attribute == self._brand for mention in found)
        if (fits := _FITS_CJK.search(title)) is not None and not _overlaps(fits, taken, "name"):
            yield self._mention(title, *fits.span("name"), self._device)
            taken.append(Span(*fits.span("name")))
        tokens = [match for match in _TOKEN.finditer(title) if not _overlaps(match, taken)]
        chinese, after = _CJK.search(title) is not None, 0
        for number, token in enumerate(tokens):
            if token.start() < after or not self._unknown(token.group()):
                continue
            kind, last = self._kind(token.group(), chinese=chinese, first=number == 0), token.end()
            if kind is None:
                kind, last = self._introduced(title, tokens[number : number + 4], first=number == 0)
            if kind is None or (branded and kind == self._brand != self._device):
                continue
            end = last
            if kind == self._device:
                for other in tokens[number + 1 : number + 4]:
                    if other.start() < end:
                        continue
                    if title[end : other.start()] != " " or not _FOLLOWS.fullmatch(other.group()):
                        break
                    end = other.end()
                maker = tokens[number - 1] if number and not branded else None
                beside = maker is not None and maker.end() == token.start() and 2 <= len(maker.group()) <= 4
                if maker is not None and beside and not _CUE_CJK.fullmatch(maker.group()):
                    yield self._mention(title, *maker.span(), self._brand)
            yield self._mention(title, token.start(), end, kind)
            after = end

    def _kind(self, token: str, *, chinese: bool, first: bool) -> str | None:
        """The attribute of a name, or None for a word. Such as `SeaKnight` is a brand at the beginning."""
        if _MEASURED.fullmatch(token):
            return None
        if _MIXED.fullmatch(token) or _SMALL_FIRST.fullmatch(token):
            return self._device
        if _INNER_CAPITAL.fullmatch(token):
            return self._brand if first else self._device
        return self._brand if _POSSESSIVE.fullmatch(token) or (chinese and _LATIN.fullmatch(token)) else None

    def _introduced(self, title: str, tokens: Sequence[re.Match[str]], *, first: bool) -> tuple[str | None, int]:
        """The attribute and the end of a name that the words before it introduce: "for Acme S24", "by Ann Lee"; or that
        begins the title in capitals, which the rest is not in."""
        start, end, run = tokens[0].start(), tokens[0].start(), list[str]()
        for token in tokens:
            if not _CAPITAL.fullmatch(token.group()) or title[end : token.start()] not in ("", " "):
                break
            end = token.end()
            run.append(token.group())
        if _FITS.search(title, 0, start) and any(map(str.isalpha, run)) and any(one[-1:].isdigit() for one in run):
            return self._device, end
        if _BY.search(title, 0, start) and len(run) > 1 and all(map(str.isalpha, run)):
            return self._brand, end
        loud = first and re.fullmatch(r"[A-Z]{4,}", tokens[0].group()) and not title.isupper()
        return (self._brand, tokens[0].end()) if loud else (None, end)

    def _unknown(self, token: str) -> bool:
        folded = {word.folded for word in words(token)}
        return self._known.isdisjoint(folded | {word.rstrip("0123456789") for word in folded})

    @staticmethod
    def _mention(title: str, start: int, end: int, attribute: str) -> Mention:
        return Mention(Span(start, end), title[start:end], attribute, _PROBABILITY)


def _overlaps(match: re.Match[str], spans: Sequence[Span], group: str | int = 0) -> bool:
    return any(span.start < match.end(group) and match.start(group) < span.end for span in spans)
