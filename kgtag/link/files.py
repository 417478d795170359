"""What a trained linker knows besides weights, and the files of its directory (see `kgtag.artifacts`).

weights.json        networks, calibration, threshold, metrics, the encoder's name
learnt.json         mentions of known concepts, substitutes of words, usage of concepts
turn.npy            (dim, dim) float32, linear map of the encoder's vectors; (0, 0) for none
encoder.onnx        sentence encoder
tokenizer.json      of the tokenizers library
vectors/            vectors of label texts, made when a taxonomy is first served; may be deleted
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graph.errors import InputError
from kgtag.artifacts import Kind, ModelDirectory
from kgtag.link.candidates.words import Substitutes
from kgtag.link.encoder import Vectors
from kgtag.link.models import RankModel


@dataclass(frozen=True, slots=True)
class LinkerState:
    """Auxiliary statistics of a trained linker.

    Attributes:
        mentions: (text, concept id), looked up like labels.
        usage: How often a concept is used, by id.
        substitutes: Words that replace others in synonyms.
        linear_map: (dim, dim) float32, see `candidates.vectors.apply_linear_map`; None for none.
    """

    mentions: tuple[tuple[str, str], ...] = ()
    usage: Mapping[str, float] = field(default_factory=dict)
    substitutes: Substitutes = field(default_factory=Substitutes)
    linear_map: Vectors | None = None

    def as_json(self) -> dict[str, Any]:
        """Everything but the linear map, which has a file of its own."""
        return {
            "mentions": [list(pair) for pair in self.mentions],
            "usage": dict(sorted(self.usage.items())),
            "substitutes": self.substitutes.as_json(),
        }

    @classmethod
    def of_json(cls, raw: Any, linear_map: Vectors | None = None) -> LinkerState:
        """Read what `as_json` gives. Raises InputError for anything else."""
        try:
            mentions = tuple((str(text), str(id)) for text, id in raw["mentions"])
            usage = {str(id): float(count) for id, count in raw["usage"].items()}
            return cls(mentions, usage, Substitutes.of_json(raw["substitutes"]), linear_map)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"the linker's learnt.json can't be read ({error!r}); train the linker again") from error


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
