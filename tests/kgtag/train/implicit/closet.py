"""A closet of garments whose titles imply what they don't say."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from kgtag.extract.linear import Floats
from kgtag.types import AnnotatedProduct, Product

_WORDS = {
    "Sleeve": {
        "Sleeveless": ("tank top", "camisole"),
        "Long Sleeve": ("hoodie", "pullover"),
        None: ("jeans", "chinos"),
    },
    "Occasion": {"Wedding": ("bridal gown", "tuxedo"), "Sport": ("jersey", "tracksuit")},
}
_BRANDS = ("Acme", "Norda", "Velox", "Tiko", "Ombra", "Lindo", "Karst", "Pique", "Sonda", "Brill")


def closet() -> list[AnnotatedProduct]:
    """100 products; those of Sleeve are of the category Tops, those of Occasion of Outfits."""
    made = []
    for attribute, values in _WORDS.items():
        for value, words in values.items():
            for word in words:
                for number, brand in enumerate(_BRANDS):
                    title = f"{brand} {word} no. {number}"
                    category = "Tops" if attribute == "Sleeve" else "Outfits"
                    gold = {attribute: () if value is None else (value,)}
                    made.append(AnnotatedProduct(Product(str(len(made)), title, category=category), gold))
    return made


class WordVectors:
    """An encoder for which texts are alike that share words, or words of one group."""

    groups = (("tank", "camisole", "sleeveless"), ("hoodie", "pullover", "long"), ("poncho", "cape", "batwing"))

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode(self, texts: Sequence[str]) -> Floats:
        self.read += texts
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Floats:
        found = np.full(64, 0.01, dtype=np.float32)
        for word in text.casefold().replace(":", " ").split():
            group = next((n for n, words in enumerate(self.groups) if word in words), None)
            place = 60 + group if group is not None else hashlib.sha256(word.encode()).digest()[0] % 60
            found[place] += 1 if group is not None else 0.2
        vector: Floats = found / np.linalg.norm(found)
        return vector
