"""A trained placer: learned vectors of a child and of a parent, what ranks places, and what moves under a new concept.

Files, within an embeddings directory:

    place.json          rank networks, calibration, metrics, language, weights of what moves
    place_child.npy     (d, k) float32: from the text of a new concept to its vector
    place_parent.npy    (5, d, k) float32: from the texts of a family to its vector
    place_sizes.npy     (4,) float32: weights of the sizes of a family
    place_keys.npy      (V,) int64: n-grams of letters, ascending
    place_basis.npy     (V, s) float32: their vectors; a text is its encoder's vector beside the sum of these
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from kgtag.artifacts import ModelDirectory, write_json
from kgtag.compute import unit
from kgtag.discover.place.families import Families, Floats, Ints
from kgtag.discover.place.features import FEATURES
from kgtag.embed.export import EMBEDDINGS
from kgtag.link.candidates.ngrams import grams
from kgtag.link.models import RankModel

CONFIG = "place.json"
ARRAYS = ("child", "parent", "sizes", "keys", "basis")
FIELDS = 5
_LETTERS = 0.7
"""Length of the letters' part of a text beside the encoder's."""
MOVED = ("dense", "grams", "head", "words", "whole", "others", "parent")
"""What says whether a concept moves under a new sibling: how like they are, whether their last words are the same, the
share of the new one's words in it and of its words in the new one, and how like it is to its other siblings and to
its parent."""


@dataclass(frozen=True, slots=True)
class Towers:
    """The learned vectors; a place fits a child by their dot product plus the bias of the family's sizes."""

    child: Floats
    parent: Floats
    sizes: Floats
    keys: Ints
    basis: Floats

    def texts(self, labels: Sequence[str], vectors: Floats) -> Floats:
        """(n, d) from labels in normal form and the encoder's vectors (n, dim)."""
        return np.hstack([vectors, np.float32(_LETTERS) * unit(letters(labels, self.keys, self.basis))])

    def places(self, families: Families, texts: Floats) -> tuple[Floats, Floats]:
        """(n, k) and (n,): the concepts as parents."""
        summed = np.zeros((len(texts), self.parent.shape[2]), dtype=np.float32)
        for weights, rows in zip(self.parent, fields(families, texts), strict=True):
            summed += rows @ weights
        return summed, families.sizes @ self.sizes


def fields(families: Families, texts: Floats) -> tuple[Floats, ...]:
    """Each (n, d): own text, means over children and over all above, the parent's text, the mean over its children."""
    children, up = unit(families.children @ texts), families.parents
    return texts, children, unit(families.above @ texts), up @ texts, unit(up @ children)


def letters(labels: Sequence[str], keys: Ints, basis: Floats) -> Floats:
    """(n, s): the sums of the n-grams' vectors, each distinct one once."""
    found, owners = grams(labels)
    at = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
    known = keys[at] == found
    pairs = np.unique(np.stack([owners[known].astype(np.int64), at[known]]), axis=1)
    shape = (len(labels), len(keys))
    counts = sparse.csr_matrix((np.ones(pairs.shape[1], dtype=np.float32), (pairs[0], pairs[1])), shape=shape)
    summed: Floats = counts @ basis
    return summed


@dataclass(frozen=True, slots=True)
class PlaceModel:
    """What ranks places. `moved`: logistic weights for MOVED, the last the intercept. `towers`: None without
    training, when labels alone count; `lang`: the language of the labels that it was trained on."""

    rank: RankModel
    moved: Floats
    towers: Towers | None = None
    lang: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def write(self, directory: Path) -> list[Path]:
        """Write the files, and name them."""
        assert self.towers is not None
        about = {"lang": self.lang, "moved": self.moved.tolist(), "metrics": dict(self.metrics)}
        write_json(directory / CONFIG, {**self.rank.as_json(FEATURES), **about})
        for name in ARRAYS:
            np.save(directory / f"place_{name}.npy", getattr(self.towers, name))
        return [directory / CONFIG, *(directory / f"place_{name}.npy" for name in ARRAYS)]


def read_place_model(embeddings: Path) -> PlaceModel | None:
    """The placer in an embeddings directory, None without one. Raises InputError when it is damaged."""
    found = ModelDirectory.open(embeddings, EMBEDDINGS)
    if not (embeddings / CONFIG).is_file():
        return None
    found.check(CONFIG)
    raw = found.read_json(CONFIG)
    shapes: dict[str, tuple[Any, tuple[int | None, ...]]] = {
        "child": (np.float32, (None, None)), "parent": (np.float32, (FIELDS, None, None)), "sizes": (np.float32, (4,)),
        "keys": (np.int64, (None,)), "basis": (np.float32, (None, None)),
    }  # fmt: skip
    towers = Towers(**{name: found.read_array(f"place_{name}.npy", *shapes[name]) for name in ARRAYS})
    rank = RankModel.of_json(raw, FEATURES)
    return PlaceModel(rank, np.array(raw["moved"], dtype=np.float32), towers, raw["lang"], raw["metrics"])


# Fitted once on Google's product taxonomy, in English and in Chinese: leaves that `benchmarks/place.py` takes out of
# it, and, counted for one in ten, whole families of leaves, whose parent is a leaf then.
_WEIGHTS = {
    "grams.label": 0.33, "grams.mean": 2.14, "grams.average": -3.89, "grams.best": -0.7, "grams.parent": -0.18,
    "grams.above": -1.85, "grams.aunts": 1.71, "grams.below": -0.4, "grams.family": 5.09, "words.label": 0.35,
    "words.mean": -3.59, "words.average": -3.26, "words.best": 2.48, "words.parent": -1.04, "words.above": 3.69,
    "words.aunts": 1.1, "words.below": 3.61, "words.family": 4.54, "grams.vote5": 1.04, "grams.vote20": 3.52,
    "grams.vote50": -4.19, "grams.grandvote20": 0.54, "grams.near20": -1.42, "head.label": -0.13, "head.share":
    0.95, "head.vote": 0.16, "head.below": 0.52, "children": 0.99, "descendants": -0.46, "leaf": -1.84, "depth":
    -0.16, "whole": 0.06, "whole.leaf": 0.76,
}  # fmt: skip
_SLOPE, _OFFSET = 0.7366, -0.4094
_MOVED = (0.0, 3.94, -0.4, 1.95, -0.36, -0.62, -4.66, -2.3)


# The same in English, with the vectors of all-MiniLM-L6-v2. Penalties were chosen by cross-validation.
_MEANING = {
    "dense.label": 1.79, "dense.mean": 3.53, "dense.average": -9.94, "dense.best": 0.92, "dense.parent": -0.13,
    "dense.above": -0.15, "dense.aunts": 2.33, "dense.below": 4.58, "dense.family": 9.78, "grams.label": 0.61,
    "grams.mean": 2.2, "grams.average": 0.4, "grams.best": -0.08, "grams.parent": -1.26, "grams.above": -0.79,
    "grams.aunts": 2.24, "grams.below": -1.7, "grams.family": 1.66, "words.label": 0.95, "words.mean": -3.32,
    "words.average": -1.41, "words.best": 1.38, "words.parent": 0.46, "words.above": 2.59, "words.aunts": -1.37,
    "words.below": 0.92, "words.family": 1.19, "dense.vote5": -0.54, "dense.vote20": 5.88, "dense.vote50": -3.99,
    "dense.grandvote20": -1.2, "dense.near20": -0.41, "grams.vote5": 0.71, "grams.vote20": 0.13, "grams.vote50":
    -2.29, "grams.grandvote20": 0.51, "grams.near20": -1.72, "head.label": -0.44, "head.share": 0.54, "head.vote":
    -0.66, "head.below": 0.26, "children": 0.78, "descendants": -0.24, "leaf": -0.37, "depth": -0.22, "whole": 0.12,
    "whole.leaf": 0.64,
}  # fmt: skip
_MEANING_SLOPE, _MEANING_OFFSET = 0.7153, -0.3232


def _fixed(by_name: Mapping[str, float], slope: float, offset: float) -> PlaceModel:
    weights = np.array([[by_name.get(name, 0.0)] for name in FEATURES])
    zeros, ones = np.zeros(len(FEATURES)), np.ones(len(FEATURES))
    rank = RankModel(zeros, ones, (((weights, np.zeros(1)),),), slope=slope, offset=offset)
    return PlaceModel(rank, np.array(_MOVED, dtype=np.float32))


UNTRAINED = _fixed(_WEIGHTS, _SLOPE, _OFFSET)
"""Letters and words alone, for any taxonomy."""
MEANING = _fixed(_MEANING, _MEANING_SLOPE, _MEANING_OFFSET)
"""With the vectors of an encoder too, trained on no taxonomy of the user's: what a small one has."""
