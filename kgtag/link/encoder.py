"""A sentence encoder served by onnxruntime: text in, unit vector out. No torch, no transformers."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from kgtag.compute import BatchCache, parallel_map
from kgtag.compute.onnx import open_session

Vectors = NDArray[np.float32]
MAX_TOKENS = 128
_BATCH = 8
"""Texts per run, and two at least: a single row is added up in another order, with other last digits."""
_CACHED = 10_000


class SentenceEncoder:
    """`encoder.onnx` takes ids (texts, tokens) int64, no padding, and gives vectors (texts, dim) float32 of length 1.

    Texts of equally many tokens share runs: a text's vector doesn't depend on the texts beside it. A run is too small
    for two cores to share, so each has runs of its own.
    """

    def __init__(self, onnx: Path, tokenizer: Path, *, digest: str = "") -> None:
        """`digest` tells one encoder's files from another's."""
        self.onnx, self.tokenizer = onnx, tokenizer
        self.digest = digest
        self._session = open_session(onnx)
        self.dim = int(self._session.get_outputs()[0].shape[1])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._cache = BatchCache[str, Vectors](_CACHED)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts: (texts, dim) float32, in order. The last ones are cached."""
        found = self._cache.results(texts, self.encode_uncached)
        return np.array(found, dtype=np.float32).reshape(len(texts), self.dim)

    def encode_uncached(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Encode labels by the thousand without caching. `progress` is called with the number of each batch."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        by_length: dict[int, list[int]] = defaultdict(list)
        encodings = self._tokenizer.encode_batch(list(texts))
        for number, encoding in enumerate(encodings):
            by_length[len(encoding.ids)].append(number)
        groups = [
            by_length[length][start : start + _BATCH]
            for length in sorted(by_length)
            for start in range(0, len(by_length[length]), _BATCH)
        ]

        def run(group: Sequence[int]) -> int:
            rows = [encodings[number].ids for number in group]
            ids = np.array(rows if len(rows) > 1 else rows * 2, dtype=np.int64)
            vectors[group] = self._session.run(None, {"ids": ids})[0][: len(group)]
            return len(group)

        for done in parallel_map(run, groups):
            if progress is not None:
                progress(done)
        return vectors
