"""The files of a trained linker's directory (see `kgtag.artifacts`).

weights.json        networks, calibration, threshold, metrics, the encoder's name
learnt.json         mentions of known concepts, substitutes of words, usage of concepts
turn.npy            (dim, dim) float32, linear map of the encoder's vectors; (0, 0) for none
encoder.onnx        sentence encoder
tokenizer.json      of the tokenizers library
vectors/            vectors of label texts, made when a taxonomy is first served; may be deleted
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgtag.artifacts import Kind, ModelDirectory
from kgtag.link.encoder import Vectors
from kgtag.link.rerank.networks import RankModel
from kgtag.link.state import LinkerState

FORMAT = 2
WEIGHTS, STATE, ENCODER, TOKENIZER, VECTORS = (
    "weights.json",
    "learnt.json",
    "encoder.onnx",
    "tokenizer.json",
    "vectors",
)
LINEAR_MAP = "turn.npy"
LINKER = Kind(
    "linker",
    (ENCODER, TOKENIZER, STATE, LINEAR_MAP, WEIGHTS),
    WEIGHTS,
    FORMAT,
    "train one with: kgtag train linker --out DIR, or link without (exact and fuzzy only)",
)


@dataclass(frozen=True, slots=True)
class LinkerFiles:
    """`version`: 12 hexadecimal digits over everything that is served."""

    model: RankModel
    state: LinkerState
    version: str
    onnx: Path
    tokenizer: Path
    vectors: Path
    encoder_digest: str


def read_linker(directory: Path) -> LinkerFiles:
    """Read a linker. Raises InputError when a file is missing, damaged, or of another format."""
    found = ModelDirectory.open(directory, LINKER)
    linear_map = np.array(found.read_array(LINEAR_MAP, np.float32, (None, None)))
    if linear_map.shape[0] != linear_map.shape[1]:
        raise found.damaged(LINEAR_MAP, f"{linear_map.shape} is not square")
    return LinkerFiles(
        model=RankModel.of_json(found.config),
        state=LinkerState.of_json(found.read_json(STATE), linear_map if len(linear_map) else None),
        version=found.version,
        onnx=directory / ENCODER,
        tokenizer=directory / TOKENIZER,
        vectors=directory / VECTORS,
        encoder_digest=found.digests[ENCODER] + found.digests[TOKENIZER],
    )


def write_linear_map(path: Path, linear_map: Vectors | None) -> None:
    np.save(path, np.zeros((0, 0), dtype=np.float32) if linear_map is None else linear_map)
