"""The model of implicit values: those that a text implies without stating them ("Sleeveless" of a tank top).

One model for all attributes, a distribution each. Values seen in training are predicted by a linear model from hashed
n-grams of the text and the category; values unseen in training from their names, by the likeness of text and name to a
sentence encoder. "None of them" is an outcome where training had products known to be without. Probabilities are
calibrated on held-out texts. The same linear model predicts categories (`kgtag.extract.categories`). The hash is part
of every trained model, so these n-grams differ from those of `kgtag.link.candidates.ngrams`. The files of its directory
(see `kgtag.artifacts`):

config.json       format; categories; by attribute: values (null is none of them), where they apply, calibration
weights.npz       inverse frequencies of grams, and the linear models' weights, sparse
metrics.json      how training went (not part of the version)
"""

import zipfile
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import logsumexp, softmax

from graph.labels import normalise
from graph.taxonomy import Taxonomy
from kgtag.artifacts import Kind, ModelDirectory, write_json
from kgtag.extract.categories import CategoryHead, joined
from kgtag.extract.linear import (
    BUCKETS,
    Floats,
    Grams,
    Head,
    feature_rows,
    grams,
    head_arrays,
    read_weights,
    seen_shares,
    with_category,
)
from kgtag.extract.named import Named
from kgtag.types import Extraction, Extractor, Inferred, Product, Span

FORMAT = 1
DIRECTORY = "multilabel"
"""Name within a model's directory."""
CONFIG, WEIGHTS = "config.json", "weights.npz"
VALUES = Kind("implicit values", (CONFIG, WEIGHTS), CONFIG, FORMAT, "train it with: kgtag train extractor --out DIR")
_CATEGORY = "category"
THRESHOLD = 0.5
"""A value less probable than this is not emitted."""
_UNSEEN_MARGIN = -0.3
"""Margin of a value unseen in training, before likeness. Higher finds more of them, and more wrongly."""
UnseenValues = tuple[tuple[str, ...], Floats]
"""Values of one attribute unseen in training: their names (N), and vectors (K + N, d), of length 1, of the known names,
then of theirs."""
_MOST = 200
"""An attribute with more of them gets none: likeness alone can't choose among so many names."""


def write_values(
    directory: Path,
    heads: Mapping[str, Head],
    inverse_frequency: Floats,
    *,
    category: CategoryHead | None = None,
    concepts: Mapping[str, str] | None = None,
) -> None:
    """Both files that are served, into a directory that exists. `concepts`: ids of attribute and category names."""
    used = np.flatnonzero(inverse_frequency)
    arrays: dict[str, Any] = {"used": used.astype(np.int32), "frequency": inverse_frequency[used]}
    for number, (_, head) in enumerate(sorted(heads.items())):
        arrays |= head_arrays(str(number), head)
    if category is not None:
        arrays |= head_arrays(_CATEGORY, category.head)
    np.savez_compressed(directory / WEIGHTS, **arrays)
    about = {
        name: {"values": head.values, "categories": sorted(head.categories), "slope": head.slope}
        | {"resemblance": head.resemblance, "named": head.named}
        for name, head in heads.items()
    }
    config = {"format": FORMAT, "attributes": about, "concepts": dict(concepts or {})}
    if category is not None:
        config[_CATEGORY] = category.to_json()
    write_json(directory / CONFIG, config)


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
        category: CategoryHead | None = None,
        concepts: Mapping[str, str] | None = None,
    ) -> None:
        """`inverse_frequency`: (BUCKETS,) float32, 0 for n-grams unseen in training; `category` predicts categories;
        `concepts`: ids of attribute and category names, as recorded in training."""
        self.heads = dict(heads)
        self.version = version
        self._weights = inverse_frequency
        self._encoder = encoder
        self._unseen = dict(unseen or {})
        self.category = category
        self.concepts = dict(concepts or {})

    @classmethod
    def load(cls, directory: Path | str) -> Self:
        """Raises InputError when the directory is missing, incomplete, damaged, or of another format. The version is
        12 hexadecimal digits over what is served."""
        found = ModelDirectory.open(Path(directory), VALUES)
        heads, frequency, category = {}, np.zeros(BUCKETS, dtype=np.float32), None
        try:
            with np.load(Path(directory) / WEIGHTS) as arrays:
                frequency[arrays["used"]] = arrays["frequency"]
                for number, (name, about) in enumerate(sorted(found.config["attributes"].items())):
                    values = tuple(about["values"])
                    weights, offsets = read_weights(str(number), arrays, len(values))
                    heads[name] = Head(
                        values, weights, offsets, about["slope"], frozenset(about["categories"]), about["resemblance"],
                        about.get("named", 0.0),
                    )  # fmt: skip
                if (about := found.config.get(_CATEGORY)) is not None:
                    category = CategoryHead.of(about, *read_weights(_CATEGORY, arrays, len(about["categories"])))
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise found.damaged(WEIGHTS, error) from error
        return cls(heads, frequency, found.version, category=category, concepts=found.config.get("concepts"))

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
        return type(self)(
            self.heads, self._weights, self.version, encoder=encoder, unseen=unseen, category=self.category,
            concepts=self.concepts,
        )  # fmt: skip

    def distribution(self, products: Sequence[Product], attribute: str) -> list[dict[str | None, float]]:
        """Return the probability of every value, None for none of them, for each product; they sum to 1. Raises
        KeyError for an unknown attribute."""
        values, odds = self._odds(attribute, products, self.features(products))
        return [dict(zip(values, row, strict=True)) for row in softmax(odds, axis=1).tolist()]

    def categories(self, texts: Sequence[Grams]) -> list[tuple[tuple[str, float], ...]]:
        """Predict, for texts as `grams` without a category, all categories with their probabilities, best first; what
        these lack to 1 is the probability of none of them. Nothing when the model has no categories."""
        if self.category is None or not texts:
            return [() for _ in texts]
        features, seen = feature_rows(texts, self._weights), seen_shares(texts, self._weights)
        return self.category.predict(features, seen)

    def infer(
        self,
        products: Sequence[Product],
        mentioned: Sequence[Collection[str]],
        *,
        texts: Sequence[Grams] | None = None,
        named: Sequence[Named] = (),
    ) -> list[tuple[Inferred, ...]]:
        """Infer, for each product, the most probable value of each attribute that fits its category, if it is probable
        enough; attributes `mentioned` in its text are left out. `texts`: their `grams` without a category; `named`: the
        values that their titles name."""
        found: list[list[Inferred]] = [[] for _ in products]
        features = self.features(products, texts)
        for attribute in self.attributes:
            head = self.heads[attribute]
            asked = [
                number
                for number, product in enumerate(products)
                if attribute not in mentioned[number] and head.applies_to(product.category)
            ]
            if not asked:
                continue
            spans = [named[number].values.get(attribute, {}) if named else {} for number in asked]
            values, odds = self._odds(attribute, [products[n] for n in asked], features[asked], spans)
            best, totals = odds.argmax(axis=1), logsumexp(odds, axis=1)
            for row, number in enumerate(asked):
                value, own, total = values[best[row]], odds[row, best[row]], totals[row]
                where: Mapping[str, Span] = spans[row]
                if named and (unseen := named[number].unseen.get(attribute)):
                    # Nothing but its name is in favour of an unseen value: the margin of an empty text.
                    other = head.slope * float(head.offsets.mean()) + head.named
                    total = np.logaddexp(total, other + np.log(len(unseen)))
                    value, own, where = (value, own, where) if own >= other else (min(unseen), other, unseen)
                probability = round(float(np.exp(own - total)), 4)
                if value is not None and probability >= THRESHOLD:
                    found[number].append(Inferred(value, attribute, probability, where.get(value)))
        return [tuple(one) for one in found]

    def _odds(
        self, attribute: str, products: Sequence[Product], features: csr_matrix, named: Sequence[Collection[str]] = ()
    ) -> tuple[tuple[str | None, ...], NDArray[np.float64]]:
        """Return values in a fixed order, and the logarithms of their probabilities, (products, values), but for a
        number by product. `named`: values named in the titles."""
        head = self.heads[attribute]
        found = self._unseen.get(attribute)
        if found is None or head.resemblance is None or self._encoder is None:
            return head.values, head.odds(features, named)
        names, named_vectors = found
        values = (*head.values, *names)
        logits = np.full((len(products), len(values)), head.slope * _UNSEEN_MARGIN)
        logits[:, : len(head.values)] = head.odds(features, named)
        some = [n for n, value in enumerate(values) if value is not None]
        vectors = self._encoder.encode([product_text(product) for product in products])
        alike = head.resemblance * (vectors @ named_vectors.T).astype(np.float64)
        logits[:, some] += alike - alike.mean(axis=1, keepdims=True)
        return values, logits

    def features(self, products: Sequence[Product], texts: Sequence[Grams] | None = None) -> csr_matrix:
        """Return (products, BUCKETS) float32, rows of length 1."""
        texts = text_grams(products) if texts is None else texts
        rows = [with_category(text, product.category) for text, product in zip(texts, products, strict=True)]
        return feature_rows(rows, self._weights)


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

    @property
    def categories(self) -> tuple[str, ...]:
        return self._values.category.names if self._values.category is not None else ()

    @property
    def concepts(self) -> Mapping[str, str]:
        return self._values.concepts

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        """Return an empty extraction for each product."""
        return [Extraction(()) for _ in products]


def with_inferred(
    extractions: Sequence[Extraction],
    products: Sequence[Product],
    model: ImplicitValueModel,
    *,
    everywhere: bool = False,
    named: Sequence[Named] = (),
) -> list[Extraction]:
    """Add inferred values of attributes without a mention to the extractions, and the model's categories to the
    extractor's. A product without a category is read with the first guess. With `everywhere`, mentioned attributes
    get an inferred value as well, for mentions that turn out to link to nothing. `named`: the values that the titles
    name, for a model without spans."""
    texts = text_grams(products)
    unnamed = [number for number, product in enumerate(products) if product.category is None]
    guesses = {number: one.categories for number, one in enumerate(extractions)}
    if model.category is not None:
        own = model.categories([texts[number] for number in unnamed])
        guesses |= {number: joined(guesses[number], found) for number, found in zip(unnamed, own, strict=True)}
    read = list(products)
    for number in unnamed:
        if guesses[number]:
            read[number] = replace(read[number], category=guesses[number][0][0])
    mentioned: list[set[str]] = [
        set() if everywhere else {mention.attribute for mention in one.mentions} for one in extractions
    ]
    found = model.infer(read, mentioned, texts=texts, named=named)
    completed = []
    for number, (one, inferred) in enumerate(zip(extractions, found, strict=True)):
        mentions = (*one.mentions, *named[number].mentions) if named else one.mentions
        completed.append(replace(one, mentions=mentions, inferred=inferred, categories=guesses[number]))
    return completed


def text_grams(products: Sequence[Product]) -> list[Grams]:
    """Return the n-grams of the products' texts, without their categories."""
    return [grams(product_text(product), None) for product in products]


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
