"""The encoders of one training: as it came, tuned on all synonyms, and tuned without the part it is evaluated on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graph.errors import InputError
from kgtag.link.linker import CandidateFinder
from kgtag.train.linker.contrastive import tune
from kgtag.train.linker.dataset import part_of
from kgtag.train.linker.export import export_encoder, load_encoder

log = logging.getLogger(__name__)

FOLDS = 2
_MIN_SYNONYMS = 50
_MOST_SYNONYMS = 20_000
_HARD = 12
"""Wrong names kept for a synonym, to draw from."""

Synonyms = Sequence[tuple[str, str, str]]
"""(mention, name of its concept, concept id)."""


class Tuner:
    """Starts from the same encoder each time."""

    def __init__(self, encoder: str, *, seed: int) -> None:
        self._encoder = encoder
        self._seed = seed

    def export(self, directory: Path) -> None:
        """As it came."""
        export_encoder(load_encoder(self._encoder), directory)

    def folds(self, finder: CandidateFinder, synonyms: Synonyms, directory: Path) -> list[Path]:
        """Folders with encoders; number f was tuned without the concepts of the parts that are f modulo FOLDS."""
        folders = []
        for fold in range(FOLDS):
            folder = directory / str(fold)
            folder.mkdir()
            self.tune(finder, [s for s in synonyms if part_of(s[2]) % FOLDS != fold], folder)
            folders.append(folder)
        return folders

    def tune(self, finder: CandidateFinder, synonyms: Synonyms, directory: Path) -> None:
        """Raises InputError when the synonyms are too few to learn from. `finder` says which names look alike."""
        if len(synonyms) < _MIN_SYNONYMS:
            raise InputError(
                f"{len(synonyms)} synonyms are too few to tune an encoder on, {_MIN_SYNONYMS} are needed; add"
                " alternative labels or pairs, or train without tuning"
            )
        rows = sorted(synonyms)
        if len(rows) > _MOST_SYNONYMS:
            drawn = np.random.default_rng(self._seed).choice(len(rows), _MOST_SYNONYMS, replace=False)
            rows = [rows[i] for i in np.sort(drawn)]
        loaded = load_encoder(self._encoder)
        tune(
            loaded.network,
            loaded.tokenizer,
            [(mention, name) for mention, name, _ in rows],
            wrong=_wrong(finder, rows),
            pool=loaded.pool,
            seed=self._seed,
            progress=log.info,
        )
        export_encoder(loaded, directory)


def _wrong(finder: CandidateFinder, synonyms: Synonyms) -> list[list[str]]:
    """For each synonym, labels near it in meaning that its concept doesn't carry."""
    table, vectors, encoder = finder.table, finder.vectors, finder.encoder
    assert vectors is not None and encoder is not None
    found = []
    for start in range(0, len(synonyms), 256):
        batch = synonyms[start : start + 256]
        asked = encoder.encode([mention for mention, _, _ in batch])
        for (_, _, id), (texts, _) in zip(batch, vectors.search(asked, [None] * len(batch), 2 * _HARD), strict=True):
            concept = finder.taxonomy.index(id)
            carried = {
                text: concept in table.rows.concept[table.starts[text] : table.starts[text + 1]]
                for text in texts.tolist()
            }
            found.append([table.texts[text] for text, own in carried.items() if not own][:_HARD])
    return found
