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
    r"\d+(?:[.,x×]\d+)*[A-Za-z]{0,4}|(?:\d+x)+\d+\w*|\d*[x]{0,4}[sml]|[a-z]{1,2}\d{1,2}|(?:uk|eu|us)\d+|\d+in\d+|"
    r"(?:ipx?|usb|type|mp|gps|hdmi|wifi|upf|spf|bt|ddr|pcie|led|en|iso)\d+\w*",
    re.IGNORECASE,
)
"""Quantities, sizes and standards."""
_MIXED = re.compile(r"(?=[^\W_]*\d)(?=[^\W_]*[A-Za-z]{2})[^\W_]{3,}")
_INNER_CAPITAL = re.compile(r"[a-z]{1,2}[A-Z][a-z]+|[A-Z][a-z]{2,}[A-Z][A-Za-z]*")
_POSSESSIVE = re.compile(r"[A-Z]\w+['’]s")
_LATIN = re.compile(r"[A-Z][a-z]{2,}|[A-Z]{5,}")
_FOLLOWS = re.compile(r"\d{1,4}|[A-Z][A-Za-z]{1,7}|[A-Z]\d{0,2}|SE")
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
        taken = [*taken, *(mention.span for mention in found)]
        branded = any(mention.attribute == self._brand for mention in found)
        tokens = [match for match in _TOKEN.finditer(title) if not _overlaps(match, taken)]
        chinese, after = _CJK.search(title) is not None, 0
        for number, token in enumerate(tokens):
            if token.start() < after or not self._unknown(token.group()):
                continue
            kind = self._kind(token.group(), chinese)
            if kind is None or (branded and kind == self._brand != self._device):
                continue
            end = token.end()
            if kind == self._device:
                for other in tokens[number + 1 : number + 4]:
                    if title[end : other.start()] != " " or not _FOLLOWS.fullmatch(other.group()):
                        break
                    end = other.end()
                maker = tokens[number - 1] if number and not branded else None
                if maker is not None and maker.end() == token.start() and 2 <= len(maker.group()) <= 4:
                    yield self._mention(title, *maker.span(), self._brand)
            yield self._mention(title, token.start(), end, kind)
            after = end

    def _kind(self, token: str, chinese: bool) -> str | None:
        """The attribute of a name, or None for a word."""
        if _MEASURED.fullmatch(token):
            return None
        if _MIXED.fullmatch(token) or _INNER_CAPITAL.fullmatch(token):
            return self._device
        return self._brand if _POSSESSIVE.fullmatch(token) or (chinese and _LATIN.fullmatch(token)) else None

    def _unknown(self, token: str) -> bool:
        folded = {word.folded for word in words(token)}
        return self._known.isdisjoint(folded | {word.rstrip("0123456789") for word in folded})

    @staticmethod
    def _mention(title: str, start: int, end: int, attribute: str) -> Mention:
        return Mention(Span(start, end), title[start:end], attribute, _PROBABILITY)


def _overlaps(match: re.Match[str], spans: Sequence[Span]) -> bool:
    return any(span.start < match.end() and match.start() < span.end for span in spans)
