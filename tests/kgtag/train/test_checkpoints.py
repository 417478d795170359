from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from graph.errors import InputError
from kgtag.train.checkpoints import RunPlace, is_full, keeping
from tests.kgtag.extract.tiny import save_tiny_encoder
from tests.kgtag.train.extractor.disk import full_disk

MARK = {"training data": "0" * 64, "options": {"epochs": 3, "batch": 8}, "seed": 1}
STATE = {"epoch": 2, "best_epoch": 1, "network": {"weight": torch.arange(5_000, dtype=torch.float32)}}


@pytest.fixture
def place(tmp_path: Path) -> RunPlace:
    return RunPlace.beside(tmp_path / "model")


def test_a_training_killed_anywhere_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    encoder = save_tiny_encoder(tmp_path / "encoder")
    done = subprocess.run(
        [sys.executable, "-m", "tests.kgtag.train.extractor.killing", str(encoder), str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    whole, resumed = (torch.load(tmp_path / name, weights_only=True) for name in ("whole.pt", "resumed.pt"))
    assert resumed["continued"] and not whole["continued"]
    assert resumed["history"] == whole["history"] and resumed["curves"] == whole["curves"]
    assert resumed["epoch"] == whole["epoch"] and resumed["state"].keys() == whole["state"].keys()
    assert all(torch.equal(resumed["state"][name], weight) for name, weight in whole["state"].items())


def test_what_was_kept_is_found_again_and_goes_when_the_model_is_written(place: RunPlace) -> None:
    with keeping(place, MARK) as keeper:
        assert keeper.load() is None
        for epoch in (1, 2):
            keeper.save_best(epoch, {"weight": torch.full((2,), float(epoch))})
            keeper.save({**STATE, "best_epoch": epoch})
    (place.directory / "mine.txt").write_text("a note")
    with keeping(place, MARK) as keeper:
        found = keeper.load()
        assert found is not None and torch.equal(found["network"]["weight"], STATE["network"]["weight"])  # type: ignore[index]
        assert [path.name for path in sorted(place.directory.glob("best*"))] == ["best-2.pt"]
        assert keeper.load_best(2)["weight"].tolist() == [2.0, 2.0]
        keeper.done()
    assert [path.name for path in place.directory.iterdir()] == ["mine.txt"]


def test_another_run_is_refused_and_what_differs_is_named(place: RunPlace) -> None:
    with keeping(place, MARK) as keeper:
        keeper.save(STATE)
    other = {"training data": "1" * 64, "options": {"epochs": 4, "batch": 8}, "seed": 1}
    with pytest.raises(InputError) as caught, keeping(place, other):
        pass
    assert "epochs was 3 and is 4 now; the training data differs" in str(caught.value)
    assert "--fresh" in str(caught.value) and "seed" not in str(caught.value)
    with keeping(RunPlace(place.directory, resume="never"), other) as keeper:
        assert keeper.load() is None


def test_there_must_be_a_run_to_resume(place: RunPlace) -> None:
    with pytest.raises(InputError, match="there is no run to resume"), keeping(RunPlace(place.directory, "must"), MARK):
        pass


def test_two_trainings_don_t_share_a_place(place: RunPlace) -> None:
    with keeping(place, MARK), pytest.raises(InputError, match="another training is at"), keeping(place, MARK):
        pass


def test_a_full_disk_leaves_the_last_good_checkpoint(place: RunPlace) -> None:
    with keeping(place, MARK) as keeper:
        with full_disk(), pytest.raises(InputError, match="no checkpoint was written yet"):
            keeper.save(STATE)
        keeper.save(STATE)
        with full_disk(), pytest.raises(InputError) as caught:
            keeper.save({**STATE, "epoch": 3})
        said = str(caught.value)
        assert "checkpoint.pt' can't be written: it needs 0.1 MB" in said and "MB are free there" in said
        assert "the last good checkpoint stands: make room and give the same command again" in said
        found = keeper.load()
        assert found is not None and found["epoch"] == 2
    assert not list(place.directory.glob(".*.part"))


def test_a_damaged_checkpoint_is_named(place: RunPlace) -> None:
    with keeping(place, MARK) as keeper:
        keeper.save(STATE)
        path = place.directory / "checkpoint.pt"
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(InputError, match=r"does not read .* start anew with --fresh"):
            keeper.load()


def test_libraries_that_only_say_that_the_disk_is_full_are_understood(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(Exception, match="too large") as caught:
        save_file(STATE["network"], tmp_path / "m.safetensors")  # type: ignore[arg-type]
    assert is_full(caught.value) and not is_full(ValueError("too large"))
