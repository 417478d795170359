from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graph.errors import InputError
from kgtag.artifacts import Kind, ModelDirectory, new_directory, write_json

TOY = Kind("toy", ("config.json", "weights.npy"), "config.json", 3, "make one with: toy DIR")
WEIGHTS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write(tmp_path / "model", scale=1)
    return tmp_path / "model"


def write(out: Path, *, scale: int, format: int = 3) -> None:
    with new_directory(out) as work:
        write_json(work / "config.json", {"format": format, "scale": scale})
        np.save(work / "weights.npy", WEIGHTS * scale)
        (work / "inner").mkdir()
        (work / "inner" / "note.txt").write_text("not of this manifest")


def test_what_is_written_is_read(model: Path) -> None:
    found = ModelDirectory.open(model, TOY)
    assert found.config == {"format": 3, "scale": 1}
    assert set(found.digests) == {"config.json", "weights.npy"}
    weights = found.read_array("weights.npy", np.float32, (None, 3))
    assert isinstance(weights, np.memmap) and np.array_equal(weights, WEIGHTS)
    assert len(found.version) == 12


def test_the_version_follows_the_served_files_alone(model: Path, tmp_path: Path) -> None:
    version = ModelDirectory.open(model, TOY).version
    with new_directory(tmp_path / "other") as work:
        write_json(work / "config.json", {"format": 3, "scale": 1})
        np.save(work / "weights.npy", WEIGHTS)
        (work / "metrics.json").write_text("{}")
    assert ModelDirectory.open(tmp_path / "other", TOY).version == version
    write(model, scale=2)
    assert ModelDirectory.open(model, TOY).version != version


def test_a_replaced_model_leaves_nothing_behind(model: Path, tmp_path: Path) -> None:
    (model / "left.txt").write_text("of the earlier model")
    write(model, scale=2)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert ModelDirectory.open(model, TOY).config["scale"] == 2
    assert not (model / "left.txt").exists()


def test_a_failed_write_leaves_the_earlier_model(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_directory(model) as work:
        (work / "config.json").write_text("{")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert ModelDirectory.open(model, TOY).config["scale"] == 1


def test_files_that_are_taken_over_keep_their_digest(model: Path) -> None:
    before = dict(ModelDirectory.open(model, TOY).digests)
    (model / "weights.npy").write_bytes(b"damaged since")
    kept = (model / "weights.npy").read_bytes()
    with new_directory(model, digests={"weights.npy": before["weights.npy"]}) as work:
        write_json(work / "config.json", {"format": 3})
        (work / "weights.npy").write_bytes(kept)
    with pytest.raises(InputError, match=r"weights\.npy' does not match its manifest"):
        ModelDirectory.open(model, TOY)


def test_other_peoples_files_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear to me")
    with pytest.raises(InputError, match="other files"):
        write(tmp_path, scale=1)
    with pytest.raises(InputError, match="is a file"):
        write(tmp_path / "thesis.txt", scale=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_no_directory_and_an_empty_one_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no toy directory '.*none'; make one with: toy DIR"):
        ModelDirectory.open(tmp_path / "none", TOY)
    with pytest.raises(InputError, match=r"toy directory '.*' is empty; make one with: toy DIR"):
        ModelDirectory.open(tmp_path, TOY)


@pytest.mark.parametrize("name", ["manifest.json", "config.json", "weights.npy"])
def test_a_missing_or_damaged_file_is_named(name: str, model: Path) -> None:
    whole = (model / name).read_bytes()
    (model / name).write_bytes(whole[:-3])
    with pytest.raises(InputError, match=rf"{name}' (does not match its manifest|can't be read).*again"):
        ModelDirectory.open(model, TOY)
    (model / name).unlink()
    with pytest.raises(InputError, match=f"toy directory '.*model' lacks {name}; train it again"):
        ModelDirectory.open(model, TOY)


def test_a_file_that_the_manifest_does_not_list_is_missing(model: Path) -> None:
    for manifest in ({}, []):
        write_json(model / "manifest.json", manifest)
        with pytest.raises(InputError, match=r"lacks config\.json"):
            ModelDirectory.open(model, TOY)


def test_another_format_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "model", scale=1, format=2)
    with pytest.raises(InputError, match="has format 2, this kgtag reads 3; train it again"):
        ModelDirectory.open(tmp_path / "model", TOY)


def test_an_array_of_another_shape_or_type_is_refused(model: Path) -> None:
    found = ModelDirectory.open(model, TOY)
    for dtype, shape in ((np.float64, (2, 3)), (np.float32, (3, 3)), (np.float32, (None,)), (np.float32, (2, 3, None))):
        with pytest.raises(InputError, match=r"weights\.npy' can't be read \(float32 \(2, 3\), expected"):
            found.read_array("weights.npy", dtype, shape)
