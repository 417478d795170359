"""Sessions of ONNX Runtime that share weights, within a process and with others; and the profile of a training."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import kgtag.compute.onnx
from kgtag.compute.onnx import open_session, share_weights
from kgtag.evaluation.drift import Profile
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.run import TrainReport
from kgtag.types import Product

TITLES = [Product("1", "Nordvik red leather shoes"), Product("2", "blue cotton shirt")]


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A directory to share weights in, even those of small models."""
    monkeypatch.setattr(kgtag.compute.onnx, "_LARGE", 1_000)
    monkeypatch.setattr(kgtag.compute.onnx, "_shared", None)
    kgtag.compute.onnx._sessions.clear()
    place = tmp_path / "weights"
    place.mkdir()
    yield place
    kgtag.compute.onnx._sessions.clear()


def test_files_of_the_same_content_are_one_session(trained: TrainReport, shared: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    shutil.copy(trained.directory / "encoder.onnx", copy)
    first = open_session(trained.directory / "encoder.onnx")
    assert open_session(copy) is first and open_session(copy, threads=2) is not first
    copy.write_bytes((trained.directory / "heads.onnx").read_bytes())
    assert open_session(copy) is not first


def test_mapped_weights_give_the_same_answers(trained: TrainReport, shared: Path) -> None:
    plain = SequenceExtractor.load(trained.directory, threads=1).extract(TITLES)
    kgtag.compute.onnx._sessions.clear()
    share_weights(shared)
    assert SequenceExtractor.load(trained.directory, threads=1).extract(TITLES) == plain
    made = max(shared.iterdir(), key=lambda place: (place / "weights").stat().st_size)
    kgtag.compute.onnx._sessions.clear()
    os.utime(made / "model.onnx", ns=(1, 1))
    assert SequenceExtractor.load(trained.directory, threads=1).extract(TITLES) == plain
    assert (made / "model.onnx").stat().st_mtime_ns == 1  # found there, not made again


def test_a_replaced_model_is_made_anew_and_the_earlier_one_removed(
    trained: TrainReport, shared: Path, tmp_path: Path
) -> None:
    share_weights(shared)
    model = tmp_path / "model.onnx"
    for name in ("encoder.onnx", "heads.onnx"):
        model.unlink(missing_ok=True)
        shutil.copy(trained.directory / name, model)
        open_session(model)
    assert len(list(shared.iterdir())) == 1


def test_training_leaves_a_profile(trained: TrainReport) -> None:
    profile = Profile.load(trained.directory)
    assert profile is not None and profile.products > 0
    assert {"attribute", "category", "language", "length", "mentions", "score"} <= set(profile.counts)
    assert profile.counts["language"].total() == profile.products


def test_a_process_that_comes_second_leaves_the_weights_of_the_first(
    trained: TrainReport, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained.directory / "encoder.onnx"
    weights = kgtag.compute.onnx._mapped(model, shared).with_name("weights")
    before = weights.stat().st_ino
    monkeypatch.setattr(Path, "exists", lambda self: False)  # it looked before the first had finished
    assert kgtag.compute.onnx._mapped(model, shared).with_name("weights") == weights
    assert weights.stat().st_ino == before and len(list(shared.iterdir())) == 1
