"""A trained linker's directory, read with every file checked.

manifest.json       sha256 of each file below; written last
weights.json        networks, calibration, threshold, metrics, the encoder's name
learnt.json         mentions of known concept, words that stand for others, usage of concepts
turn.npy            (dim, dim) float32 that moves the encoder's vectors; (0, 0) for none
encoder.onnx        sentence encoder
tokenizer.json      of the tokenizers library
vectors/            vectors of label texts, made when a taxonomy is first served; may be deleted
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graph.errors import InputError
from kgtag.link.encoder import Vectors
from kgtag.link.rerank.networks import RankModel
from kgtag.link.state import Learnt

FORMAT = 2
WEIGHTS, LEARNT, ENCODER, TOKENIZER, VECTORS = (
    "weights.json",
    "learnt.json",
    "encoder.onnx",
    "tokenizer.json",
    "vectors",
)
TURN = "turn.npy"
_SERVED = (ENCODER, TOKENIZER, LEARNT, TURN, WEIGHTS)
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class LinkerFiles:
    """`version`: 12 hexadecimal digits over everything that is served."""

    model: RankModel
    learnt: Learnt
    version: str
    onnx: Path
    tokenizer: Path
    vectors: Path
    encoder_digest: str


def read_linker(directory: Path) -> LinkerFiles:
    """Raises InputError when a file is missing, damaged, or of another format."""
    if not directory.is_dir():
        raise InputError(f"no linker directory {str(directory)!r}; train one, or link without (exact and fuzzy only)")
    manifest = _read_json(directory / _MANIFEST)
    for name in _SERVED:
        if not isinstance(manifest, dict) or not isinstance(manifest.get(name), str):
            raise InputError(f"{str(directory)!r} is no linker directory: its manifest lacks {name}; train it again")
    for name in _SERVED:
        if _sha256(directory / name) != manifest[name]:
            raise InputError(f"{str(directory / name)!r} is not what its manifest says (damaged or partly written)")
    raw = _read_json(directory / WEIGHTS)
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise InputError(
            f"linker {str(directory)!r} has another format than this kgtag reads ({FORMAT}); train it again"
        )
    version = hashlib.sha256("".join(manifest[name] for name in _SERVED).encode()).hexdigest()[:12]
    return LinkerFiles(
        model=RankModel.of_json(raw),
        learnt=Learnt.of_json(_read_json(directory / LEARNT), _read_turn(directory / TURN)),
        version=version,
        onnx=directory / ENCODER,
        tokenizer=directory / TOKENIZER,
        vectors=directory / VECTORS,
        encoder_digest=manifest[ENCODER] + manifest[TOKENIZER],
    )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{str(path)!r} does not read ({error}); train the linker again") from error


def write_turn(path: Path, turn: Vectors | None) -> None:
    np.save(path, np.zeros((0, 0), dtype=np.float32) if turn is None else turn)


def _read_turn(path: Path) -> Vectors | None:
    try:
        turn = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{str(path)!r} does not read ({error}); train the linker again") from error
    if turn.dtype != np.float32 or turn.ndim != 2 or turn.shape[0] != turn.shape[1]:
        raise InputError(f"{str(path)!r} is no square float32 array; train the linker again")
    return turn if len(turn) else None


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{str(path)!r} does not read ({error}); train the linker again") from error
