from __future__ import annotations

from pathlib import Path

import pytest

from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor import TrainOptions, TrainReport, train_extractor

OPTIONS = TrainOptions(epochs=14, batch=8, encoder_rate=1e-3, head_rate=3e-3, device="cpu", max_tokens=48)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.kgtag.extract.tiny import save_tiny_encoder

    return save_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def trained(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    from tests.kgtag.extract.tiny import held_out

    train, _ = held_out()
    out = tmp_path_factory.mktemp("models") / "shop"
    return train_extractor(
        train,
        out=out,
        encoder=str(tiny_encoder),
        options=OPTIONS,
        lexicon={"Color": ["violet"]},
        taxonomy_revision="r1",
        category_concepts={"Shoe": "aa-8"},
    )


@pytest.fixture(scope="session")
def extractor(trained: TrainReport) -> SequenceExtractor:
    return SequenceExtractor.load(trained.directory, threads=1)
