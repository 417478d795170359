"""The linear part of the model of implicit values, and its directory's files (see `kgtag.artifacts`).

config.json       format, and by attribute: values (null is none of them), categories, calibration, resemblance
weights.npz       inverse frequencies of grams, and by attribute the linear model's weights, sparse
metrics.json      how training went (not part of the version)
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax

from kgtag.artifacts import Kind, ModelDirectory, write_json
from kgtag.extract.implicit.ngrams import BUCKETS, Floats

FORMAT = 1
DIRECTORY = "multilabel"
"""Name within a model's directory."""
CONFIG, WEIGHTS = "config.json", "weights.npz"
VALUES = Kind("implicit values", (CONFIG, WEIGHTS), CONFIG, FORMAT, "train it with: kgtag train extractor --out DIR")


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
    value_text = {
        name: {
            "values": list(head.values),
            "categories": sorted(head.categories),
            "slope": head.slope,
            "resemblance": head.resemblance,
        }
        for name, head in heads.items()
    }
    write_json(directory / CONFIG, {"format": FORMAT, "attributes": value_text})


def read_values(directory: Path) -> tuple[dict[str, Head], Floats, str]:
    """Heads by attribute, inverse frequencies, and the version: 12 hexadecimal digits over what is served.

    Raises InputError when a file is missing, was changed, or was written by another format.
    """
    found = ModelDirectory.open(directory, VALUES)
    try:
        heads, frequency = _read_arrays(directory / WEIGHTS, found.config["attributes"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise found.damaged(WEIGHTS, error) from error
    return heads, frequency, found.version


def _read_arrays(path: Path, value_text: Mapping[str, Any]) -> tuple[dict[str, Head], Floats]:
    heads = {}
    with np.load(path) as arrays:
        frequency = np.zeros(BUCKETS, dtype=np.float32)
        frequency[arrays["used"]] = arrays["frequency"]
        for number, (name, about) in enumerate(sorted(value_text.items())):
            values = tuple(about["values"])
            cells = arrays[f"{number}.data"].astype(np.float32)
            places = (arrays[f"{number}.rows"], arrays[f"{number}.columns"].astype(np.int32))
            heads[name] = Head(
                values,
                csr_matrix((cells, places), shape=(BUCKETS, len(values))),
                arrays[f"{number}.offsets"],
                about["slope"],
                frozenset(about["categories"]),
                about["resemblance"],
            )
    return heads, frequency
