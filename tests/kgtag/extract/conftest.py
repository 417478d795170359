from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from graph.history.releases import Stamp
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.config import TrainOptions
from kgtag.train.extractor.run import TrainReport, train_extractor
from tests.kgtag.extract.tiny import held_out, save_tiny_encoder
from tests.once import once

OPTIONS = TrainOptions(
    epochs=30, batch_size=8, learning_rate=1e-3, head_learning_rate=3e-3, device="cpu", max_tokens=48
)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "tiny-encoder", save_tiny_encoder)


def train_shop(encoder: Path, out: Path) -> TrainReport:
    train, _ = held_out()
    return train_extractor(
        train,
        out=out,
        encoder=str(encoder),
        options=OPTIONS,
        lexicon={"Color": ["violet"]},
        stamp=Stamp("r1", 4, "2026.08.0"),
        category_concepts={"Shoe": "aa-8"},
    )


@pytest.fixture(scope="session")
def trained(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    """The report of the tiny model; tests that write to its directory take a copy."""

    def make(out: Path) -> None:
        (out / "report").write_bytes(pickle.dumps(train_shop(tiny_encoder, out / "shop")))

    made = once(tmp_path_factory, "tiny-extractor", make)
    report: TrainReport = pickle.loads((made / "report").read_bytes())
    return report


@pytest.fixture(scope="session")
def extractor(trained: TrainReport) -> SequenceExtractor:
    return SequenceExtractor.load(trained.directory, threads=1)
