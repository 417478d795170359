"""The model of implicit values: those that a text implies without stating them ("Sleeveless" of a tank top).

One model for all attributes, a distribution each. Values seen in training are predicted by a linear model from hashed
n-grams of the text and the category; values unseen in training from their names, by the likeness of text and name to a
sentence encoder. "None of them" is an outcome where training had products known to be without. Probabilities are
calibrated on held-out texts. The hash is part of every trained model, so these n-grams differ from those of
`kgtag.link.candidates.ngrams`. The files of its directory (see `kgtag.artifacts`):

config.json       format, and by attribute: values (null is none of them), categories, calibration, resemblance
weights.npz       inverse frequencies of grams, and by attribute the linear model's weights, sparse
metrics.json      how training went (not part of the version)
"""

import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax

from graph.labels import normalise
from graph.taxonomy import Taxonomy
from kgtag.artifacts import Kind, ModelDirectory, write_json
from kgtag.types import Extraction, Extractor, Inferred, Product

BUCKETS = 1 << 18
_WORD = re.compile(r"\S+")
_SHORTEST, _LONGEST = 2, 5
"""Characters of a piece of a word, the blanks around the word included."""
_MOST_CHARACTERS = 2_000

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
FORMAT = 1
DIRECTORY = "multilabel"
"""Name within a model's directory."""
CONFIG, WEIGHTS = "config.json", "weights.npz"
VALUES = Kind("implicit values", (CONFIG, WEIGHTS), CONFIG, FORMAT, "train it with: kgtag train extractor --out DIR")
THRESHOLD = 0.5
"""A value less probable than this is not emitted."""
_UNSEEN_MARGIN = -0.3
"""Margin of a value unseen in training, before likeness. Higher finds more of them, and more wrongly."""
UnseenValues = tuple[tuple[str, ...], Floats]
"""Values of one attribute unseen in training: their names (N), and vectors (K + N, d), of length 1, of the known names,
then of theirs."""
_MOST = 200
"""An attribute with more of them gets none: likeness alone can't choose among so many names."""


def grams(text: str, category: str | None) -> tuple[Ints, Floats]:
    """(buckets (N,) int64 ascending, weights (N,) float32): 1 + log of how often each gram occurs, not yet scaled.
    Words, pairs of words, pieces of words of 2 to 5 characters, and the category as one gram, all without case."""
    hashed = [crc32(gram.encode("utf-8", "replace")) % BUCKETS for gram in _grams(text, category)]
    buckets, counts = np.unique(np.array(hashed, dtype=np.int64), return_counts=True)
    return buckets, 1 + np.log(counts.astype(np.float32))


def _grams(text: str, category: str | None) -> Iterator[str]:
    if category:
        yield f"c\t{category.casefold()}"
    words = _WORD.findall(text[:_MOST_CHARACTERS].casefold())
    for number, word in enumerate(words):
        yield f"w\t{word}"
        if number:
            yield f"p\t{words[number - 1]} {word}"
        padded = f" {word} "
        for size in range(_SHORTEST, _LONGEST + 1):
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]


def feature_rows(rows: Sequence[tuple[NDArray[np.int64], Floats]], inverse_frequency: Floats) -> csr_matrix:
    """Weigh rows of `grams` and scale them to length 1: (len(rows), BUCKETS) float32."""
    columns = np.concatenate([buckets for buckets, _ in rows]) if rows else np.zeros(0, dtype=np.int64)
    cells = np.concatenate([counts for _, counts in rows]) if rows else np.zeros(0, dtype=np.float32)
    ends = np.cumsum([0, *(len(buckets) for buckets, _ in rows)])
    cells = cells * inverse_frequency[columns]
    squares = np.add.reduceat(np.append(cells**2, 0.0), ends[:-1]) if rows else np.zeros(0)
    squares[ends[:-1] == ends[1:]] = 0.0
    scaled = cells / np.repeat(np.sqrt(np.maximum(squares, 1e-12)), np.diff(ends))
    return csr_matrix((scaled.astype(np.float32), columns, ends), shape=(len(rows), BUCKETS))


@dataclass(frozen=True, slots=True)
class Head:
    """One attribute. `values` in the order of `weights`' columns, None for none of them; `weights` (BUCKETS, K)
    float32 and `offsets` (K,) float32 give margins, `slope` turns margins into log-odds; `categories` are those of the
    training products, casefolded, empty for any; `resemblance` does for cosines to names what `slope` does, or None
    when no encoder was there to fit it."""

    values: tuple[str | None, ...]
    weights: csr_matrix
    offsets: Floats
    slope: float
    categories: frozenset[str] = frozenset()
    resemblance: float | None = None

    def margins(self, features: csr_matrix) -> NDArray[np.float64]:
        """(n, K) of (n, BUCKETS) rows."""
        found = np.asarray((features @ self.weights).todense(), dtype=np.float64)
        return found + self.offsets.astype(np.float64)

    def probabilities(self, features: csr_matrix) -> NDArray[np.float64]:
        """(n, K), rows sum to 1."""
        return np.asarray(softmax(self.slope * self.margins(features), axis=1))

    def applies_to(self, category: str | None) -> bool:
        return category is None or not self.categories or category.casefold() in self.categories


def write_values(directory: Path, heads: Mapping[str, Head], inverse_frequency: Floats) -> None:
    """Both files that are served, into a directory that exists."""
    used = np.flatnonzero(inverse_frequency)
    arrays: dict[str, Any] = {"used": used.astype(np.int32), "frequency": inverse_frequency[used]}
    for number, (_, head) in enumerate(sorted(heads.items())):
        weights = head.weights.tocsr()
        arrays |= {
            f"{number}.data": weights.data.astype(np.float16),
            f"{number}.columns": weights.indices.astype(np.uint16),
            f"{number}.rows": np.repeat(np.arange(BUCKETS, dtype=np.int32), np.diff(weights.indptr)),
            f"{number}.offsets": head.offsets,
        }
    np.savez_compressed(directory / WEIGHTS, **arrays)
    about = {
        name: {"values": head.values, "categories": sorted(head.categories), "slope": head.slope}
        | {"resemblance": head.resemblance}
        for name, head in heads.items()
    }
    write_json(directory / CONFIG, {"format": FORMAT, "attributes": about})


def read_values(directory: Path) -> tuple[dict[str, Head], Floats, str]:
    """Heads by attribute, inverse frequencies, and the version: 12 hexadecimal digits over what is served. Raises
    InputError when a file is missing, was changed, or was written by another format."""
    found = ModelDirectory.open(directory, VALUES)
    heads, frequency = {}, np.zeros(BUCKETS, dtype=np.float32)
    try:
        with np.load(directory / WEIGHTS) as arrays:
            frequency[arrays["used"]] = arrays["frequency"]
            for number, (name, about) in enumerate(sorted(found.config["attributes"].items())):
                values = tuple(about["values"])
                places = (arrays[f"{number}.rows"], arrays[f"{number}.columns"].astype(np.int32))
                cells = (arrays[f"{number}.data"].astype(np.float32), places)
                weights, offsets = csr_matrix(cells, shape=(BUCKETS, len(values))), arrays[f"{number}.offsets"]
                categories = frozenset(about["categories"])
                heads[name] = Head(values, weights, offsets, about["slope"], categories, about["resemblance"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise found.damaged(WEIGHTS, error) from error
    return heads, frequency, found.version


class TextEncoder(Protocol):
    """Port of a sentence encoder, such as `kgtag.link.encoder.SentenceEncoder`."""

    def encode(self, texts: Sequence[str]) -> Floats: ...


class ImplicitValueModel:
    """Infers implicit values from product text. Safe to share between threads; same product, same answer."""

    def __init__(
        self,
        heads: Mapping[str, Head],
        inverse_frequency: Floats,
        version: str,
        *,
        encoder: TextEncoder | None = None,
        unseen: Mapping[str, UnseenValues] | None = None,
    ) -> None:
        """`inverse_frequency`: (BUCKETS,) float32, 0 for n-grams unseen in training."""
        self.heads = dict(heads)
        self.version = version
        self._weights = inverse_frequency
        self._encoder = encoder
        self._unseen = dict(unseen or {})

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Raises InputError when the directory is missing, incomplete, damaged, or of another format."""
        heads, weights, version = read_values(Path(directory))
        return cls(heads, weights, version)

    @property
    def attributes(self) -> tuple[str, ...]:
        return tuple(sorted(self.heads))

    def extended(self, values: Mapping[str, Mapping[str, str]], encoder: TextEncoder) -> Self:
        """Add unseen values: by attribute, definitions (or "") by name. Known names and unknown attributes are left
        out."""
        unseen = {}
        for attribute, named in sorted(values.items()):
            head = self.heads.get(attribute)
            if head is None or head.resemblance is None:
                continue
            known = {name.casefold() for name in head.values if name is not None}
            added = tuple(name for name in sorted(named) if name.casefold() not in known)
            if added:
                texts = [value_text(attribute, name) for name in head.values if name is not None]
                texts += [value_text(attribute, name, named[name]) for name in added]
                unseen[attribute] = (added, encoder.encode(texts))
        return type(self)(self.heads, self._weights, self.version, encoder=encoder, unseen=unseen)

    def distribution(self, products: Sequence[Product], attribute: str) -> list[dict[str | None, float]]:
        """Return the probability of every value, None for none of them, for each product; they sum to 1. Raises
        KeyError for an unknown attribute."""
        values, found = self._answers(attribute, products, self.features(products))
        return [dict(zip(values, row, strict=True)) for row in found.tolist()]

    def infer(self, products: Sequence[Product], mentioned: Sequence[Collection[str]]) -> list[tuple[Inferred, ...]]:
        """Infer, for each product, the most probable value of each attribute that fits its category, if it is probable
        enough; attributes `mentioned` in its text are left out."""
        found: list[list[Inferred]] = [[] for _ in products]
        features = self.features(products)
        for attribute in self.attributes:
            head = self.heads[attribute]
            asked = [
                number
                for number, product in enumerate(products)
                if attribute not in mentioned[number] and head.applies_to(product.category)
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
        """Return values in a fixed order, and (products, values) probabilities."""
        head = self.heads[attribute]
        found = self._unseen.get(attribute)
        if found is None or head.resemblance is None or self._encoder is None:
            return head.values, head.probabilities(features)
        names, named_vectors = found
        values = (*head.values, *names)
        logits = np.full((len(products), len(values)), head.slope * _UNSEEN_MARGIN)
        logits[:, : len(head.values)] = head.slope * head.margins(features)
        named = [n for n, value in enumerate(values) if value is not None]
        vectors = self._encoder.encode([product_text(product) for product in products])
        alike = head.resemblance * (vectors @ named_vectors.T).astype(np.float64)
        logits[:, named] += alike - alike.mean(axis=1, keepdims=True)
        return values, np.asarray(softmax(logits, axis=1))

    def features(self, products: Sequence[Product]) -> csr_matrix:
        """Return (products, BUCKETS) float32, rows of length 1."""
        return feature_rows([grams(product_text(product), product.category) for product in products], self._weights)


class ValuesOnly(Extractor):
    """The extractor of a model that was trained without spans: it finds none, and values are inferred."""

    def __init__(self, values: ImplicitValueModel) -> None:
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
    extractions: Sequence[Extraction], products: Sequence[Product], model: ImplicitValueModel
) -> list[Extraction]:
    """Add inferred values of attributes without a mention to the extractions. A product without a category is read with
    the extractor's first guess."""
    read = [
        replace(product, category=extraction.categories[0][0])
        if product.category is None and extraction.categories
        else product
        for product, extraction in zip(products, extractions, strict=True)
    ]
    mentioned = [{mention.attribute for mention in extraction.mentions} for extraction in extractions]
    found = model.infer(read, mentioned)
    return [replace(extraction, inferred=one) for extraction, one in zip(extractions, found, strict=True)]


def product_text(product: Product) -> str:
    """Join a product's title and text."""
    return f"{product.title} {product.text}" if product.text else product.title


def value_text(attribute: str, value: str, definition: str = "") -> str:
    """Write a value as the encoder reads it."""
    return f"{attribute}: {value}. {definition}" if definition else f"{attribute}: {value}"


def with_unseen_values(
    model: ImplicitValueModel, taxonomy: Taxonomy, concept_of: Callable[[str], str | None], encoder: TextEncoder | None
) -> ImplicitValueModel:
    """Add every active value with only unknown labels to the model; without an encoder, none."""
    if encoder is None:
        return model
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for attribute in model.attributes:
        concept = concept_of(attribute)
        if concept is None:
            continue
        known = {normalise(value) for value in model.heads[attribute].values if value is not None}
        for id in taxonomy.values_of(concept):
            value = taxonomy[id]
            if value.status != "deprecated" and not any(normalise(text) in known for text, _, _ in value.labels()):
                found[attribute][value.label("en")] = value.definition.get("en", "")
    return model.extended({name: new for name, new in found.items() if len(new) <= _MOST}, encoder)
