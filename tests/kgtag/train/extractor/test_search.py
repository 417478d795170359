from __future__ import annotations

from pathlib import Path

import pytest

from graph.errors import InputError
from kgtag.train.extractor.config import TrainOptions, changed, read_config, resolve
from kgtag.train.extractor.search import Dimension, Found, search_options
from tests.kgtag.extract.tiny import held_out, save_tiny_encoder

BASE = TrainOptions(epochs=1, batch_size=16, device="cpu", max_tokens=48)
SPACE = (Dimension("head_learning_rate", 1e-4, 1e-2, log=True), Dimension("batch_size", choices=(8, 16)))
TRAIN, DEV = held_out()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_encoder(tmp_path_factory.mktemp("encoder")))


def search(encoder: str, place: Path, trials: int, base: TrainOptions = BASE) -> tuple[Found, list[str]]:
    said: list[str] = []
    found = search_options(
        TRAIN[:24],
        dev=DEV[:6],
        out=place / "best.toml",
        storage=place / "best.toml.db",
        base=base,
        encoder=encoder,
        trials=trials,
        space=SPACE,
        progress=said.append,
    )
    return found, said


def test_a_search_goes_on_where_it_was_and_writes_what_training_reads(encoder: str, tmp_path: Path) -> None:
    first, said = search(encoder, tmp_path, 2)
    assert len(first.rows) == 2 and not any("continuing" in line for line in said)
    assert (first.rows[0][0], first.rows[1][0]) in ((0, 1), (1, 0))
    trial = {row[0]: row for row in first.rows}[0]
    assert trial[4:] == ("0.0015", 16)
    second, said = search(encoder, tmp_path, 3)
    assert "continuing the search" in said[0] and "2 trials are done" in said[0]
    assert len(second.rows) == 3 and second.best_f1 >= first.best_f1
    assert len({row[4] for row in second.rows}) == 3
    assert resolve(read_config(str(tmp_path / "best.toml")))[1] == second.best
    assert second.to_json()["trials"][0]["state"] == "complete"
    with pytest.raises(InputError, match="holds a search with other options; give another --study"):
        search(encoder, tmp_path, 4, changed(BASE, {"epochs": 2}))
