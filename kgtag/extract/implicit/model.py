"""Values that a text implies without saying them ("Sleeveless" of a tank top): a distribution per attribute.

One model for all attributes. Values seen in training are told from hashed n-grams of the text and the category by a
linear model; values added later by their names, by how much a sentence encoder finds text and name alike. 'None of
them' is an outcome where training had products known to be without. Probabilities are calibrated on texts kept apart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from kgtag.extract.implicit.linear import Head, read_values
from kgtag.extract.implicit.ngrams import BUCKETS, Floats, grams
from kgtag.types import Extraction, Extractor, Inferred, Product

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

THRESHOLD = 0.5
"""A value less probable than this is not emitted."""
_UNCLAIMED = -0.3
"""The margin of a value that training hadn't, likeness aside: above it a known value claims the text for itself. Higher
finds more of the new values and takes more known ones for new."""


class TextEncoder(Protocol):
    """`kgtag.link.encoder.SentenceEncoder`, for one."""

    def encode(self, texts: Sequence[str]) -> Floats: ...


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Values of one attribute that training hadn't: their names, and unit vectors (K + N, d) of the known names and
    of theirs."""

    names: tuple[str, ...]
    vectors: Floats


class ValueModel:
    """Reads product text for what it implies. Safe to call from several threads; same product, same answer."""

    def __init__(
        self,
        heads: Mapping[str, Head],
        inverse_frequency: Floats,
        version: str,
        *,
        encoder: TextEncoder | None = None,
        newcomers: Mapping[str, Newcomers] | None = None,
    ) -> None:
        """`inverse_frequency`: (BUCKETS,) float32, 0 for grams that training hadn't."""
        self.heads = dict(heads)
        self.version = version
        self._weights = inverse_frequency
        self._encoder = encoder
        self._newcomers = dict(newcomers or {})

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Raises InputError when the directory is missing, incomplete, damaged, or of another format."""
        heads, weights, version = read_values(Path(directory))
        return cls(heads, weights, version)

    @property
    def attributes(self) -> tuple[str, ...]:
        return tuple(sorted(self.heads))

    def extended(self, values: Mapping[str, Mapping[str, str]], encoder: TextEncoder) -> Self:
        """A model that can also answer with `values`: by attribute, definitions (or "") by name.

        Names it knows already, and attributes it doesn't, are left out.
        """
        newcomers = {}
        for attribute, named in sorted(values.items()):
            head = self.heads.get(attribute)
            if head is None or head.resemblance is None:
                continue
            known = {name.casefold() for name in head.values if name is not None}
            added = tuple(name for name in sorted(named) if name.casefold() not in known)
            if added:
                texts = [described(attribute, name) for name in head.values if name is not None]
                texts += [described(attribute, name, named[name]) for name in added]
                newcomers[attribute] = Newcomers(added, encoder.encode(texts))
        return type(self)(self.heads, self._weights, self.version, encoder=encoder, newcomers=newcomers)

    def distribution(self, products: Sequence[Product], attribute: str) -> list[dict[str | None, float]]:
        """For each product the probability of every value, None for none of them; they sum to 1.

        Raises KeyError for an attribute it doesn't know.
        """
        values, found = self._answers(attribute, products, self.features(products))
        return [dict(zip(values, row, strict=True)) for row in found.tolist()]

    def infer(self, products: Sequence[Product], spoken: Sequence[Collection[str]]) -> list[tuple[Inferred, ...]]:
        """The likeliest value of each attribute that fits the product's category, when it is likely enough.

        `spoken`: for each product, attributes that the text speaks of, which are left alone. By attribute.
        """
        found: list[list[Inferred]] = [[] for _ in products]
        features = self.features(products)
        for attribute in self.attributes:
            head = self.heads[attribute]
            asked = [
                number
                for number, product in enumerate(products)
                if attribute not in spoken[number] and head.applies_to(product.category)
            ]
            if not asked:
                continue
            values, answers = self._answers(attribute, [products[n] for n in asked], features[asked])
            best = answers.argmax(axis=1)
            for number, at, row in zip(asked, best.tolist(), answers, strict=True):
                value, probability = values[at], round(float(row[at]), 4)
                if value is not None and probability >= THRESHOLD:
                    found[number].append(Inferred(value, attribute, probability))
        return [tuple(one) for one in found]

    def _answers(
        self, attribute: str, products: Sequence[Product], features: csr_matrix
    ) -> tuple[tuple[str | None, ...], NDArray[np.float64]]:
        """Values in a fixed order, and (products, values) probabilities."""
        head = self.heads[attribute]
        found = self._newcomers.get(attribute)
        if found is None or head.resemblance is None or self._encoder is None:
            return head.values, head.probabilities(features)
        values = (*head.values, *found.names)
        logits = np.full((len(products), len(values)), head.slope * _UNCLAIMED)
        logits[:, : len(head.values)] = head.slope * head.margins(features)
        named = [n for n, value in enumerate(values) if value is not None]
        vectors = self._encoder.encode([spoken(product) for product in products])
        alike = head.resemblance * (vectors @ found.vectors.T).astype(np.float64)
        logits[:, named] += alike - alike.mean(axis=1, keepdims=True)
        return values, np.asarray(softmax(logits, axis=1))

    def features(self, products: Sequence[Product]) -> csr_matrix:
        """(products, BUCKETS) float32, rows of length 1."""
        return feature_rows([grams(spoken(product), product.category) for product in products], self._weights)


class ValuesOnly(Extractor):
    """The extractor of a model that was trained without spans: it finds none, and values are inferred."""

    def __init__(self, values: ValueModel) -> None:
        self._values = values

    @property
    def version(self) -> str:
        return self._values.version

    @property
    def attributes(self) -> tuple[str, ...]:
        return self._values.attributes

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        """Return an empty extraction for each product."""
        return [Extraction(()) for _ in products]


def with_inferred(
    extractions: Sequence[Extraction], products: Sequence[Product], model: ValueModel
) -> list[Extraction]:
    """The extractions with what the model infers for attributes without a mention.

    A product without a category is read with the extractor's first guess.
    """
    read = [
        replace(product, category=extraction.categories[0][0])
        if product.category is None and extraction.categories
        else product
        for product, extraction in zip(products, extractions, strict=True)
    ]
    mentioned = [{mention.attribute for mention in extraction.mentions} for extraction in extractions]
    found = model.infer(read, mentioned)
    return [replace(extraction, inferred=one) for extraction, one in zip(extractions, found, strict=True)]


def spoken(product: Product) -> str:
    """What is read of a product: title and text."""
    return f"{product.title} {product.text}" if product.text else product.title


def described(attribute: str, value: str, definition: str = "") -> str:
    """A value as the encoder reads it."""
    return f"{attribute}: {value}. {definition}" if definition else f"{attribute}: {value}"


def feature_rows(rows: Sequence[tuple[NDArray[np.int64], Floats]], inverse_frequency: Floats) -> csr_matrix:
    """(len(rows), BUCKETS) float32 of `grams`, weighted and scaled to length 1."""
    columns = np.concatenate([buckets for buckets, _ in rows]) if rows else np.zeros(0, dtype=np.int64)
    cells = np.concatenate([counts for _, counts in rows]) if rows else np.zeros(0, dtype=np.float32)
    ends = np.cumsum([0, *(len(buckets) for buckets, _ in rows)])
    from scipy.sparse import csr_matrix  # Commands that tag nothing start sooner without it.

    cells = cells * inverse_frequency[columns]
    squares = np.add.reduceat(np.append(cells**2, 0.0), ends[:-1]) if rows else np.zeros(0)
    squares[ends[:-1] == ends[1:]] = 0.0
    scaled = cells / np.repeat(np.sqrt(np.maximum(squares, 1e-12)), np.diff(ends))
    return csr_matrix((scaled.astype(np.float32), columns, ends), shape=(len(rows), BUCKETS))
