"""The linear part of the model of implied values, and its directory.

manifest.json     sha256 of each file below; written last
config.json       format, and by attribute: values (null is none of them), categories, calibration, resemblance
weights.npz       inverse frequencies of grams, and by attribute the linear model's weights, sparse
metrics.json      how training went (not part of the version)
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from kgtag.extract.files import write_json
from kgtag.extract.implicit.ngrams import BUCKETS, Floats
from kgtag.numeric import softmax

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FORMAT = 1
CONFIG, WEIGHTS = "config.json", "weights.npz"
_AGAIN = "train it again or copy the whole directory again"


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
        return softmax(self.slope * self.margins(features))

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
    described = {
        name: {
            "values": list(head.values),
            "categories": sorted(head.categories),
            "slope": head.slope,
            "resemblance": head.resemblance,
        }
        for name, head in heads.items()
    }
    write_json(directory / CONFIG, {"format": FORMAT, "attributes": described})


def read_values(directory: Path) -> tuple[dict[str, Head], Floats, str]:
    """Heads by attribute, inverse frequencies, and the version: 12 hexadecimal digits over what is served.

    Raises InputError when a file is missing, was changed, or was written by another format.
    """
    try:
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        for name in (CONFIG, WEIGHTS):
            if hashlib.sha256((directory / name).read_bytes()).hexdigest() != manifest[name]:
                raise InputError(f"{str(directory / name)!r} is not what its manifest says; {_AGAIN}")
        config = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        if config["format"] != FORMAT:
            raise InputError(
                f"{str(directory)!r} has format {config['format']!r}, this kgtag reads {FORMAT}; train it again"
            )
        heads, frequency = _read_arrays(directory / WEIGHTS, config["attributes"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{str(directory)!r} is no model of implied values ({error}); {_AGAIN}") from error
    version = hashlib.sha256((manifest[CONFIG] + manifest[WEIGHTS]).encode()).hexdigest()[:12]
    return heads, frequency, version


def _read_arrays(path: Path, described: Mapping[str, Any]) -> tuple[dict[str, Head], Floats]:
    from scipy.sparse import csr_matrix  # Commands that tag nothing start sooner without it.

    heads = {}
    with np.load(path) as arrays:
        frequency = np.zeros(BUCKETS, dtype=np.float32)
        frequency[arrays["used"]] = arrays["frequency"]
        for number, (name, about) in enumerate(sorted(described.items())):
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
