"""`kgtag train extractor` and `kgtag train search` as their users see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kgtag.cli.work import told
from kgtag.products import read_annotated
from kgtag.train.sequence.checkpoints import RunPlace
from kgtag.train.sequence.curves import Tick
from kgtag.train.sequence.extractor import RunSettings, train_extractor
from kgtag.train.sequence.options import TrainOptions, settings
from tests.kgtag.extract.tiny import held_out, save_tiny_encoder
from tests.kgtag.running import main

FAST = ("--epochs", "2", "--batch", "8", "--device", "cpu", "--max-tokens", "48")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "train.jsonl"
    rows = [
        {
            "id": one.product.id,
            "title": one.product.title,
            "category": one.product.category,
            "spans": [{"start": span.start, "end": span.end, "label": name} for name, span in one.spans],
        }
        for one in held_out()[0][:32]
    ]
    rows[0]["spans"] = [*rows[0]["spans"], {"start": 0, "end": 999, "label": "Color"}]  # type: ignore[misc]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def test_every_option_is_there_with_its_panel_and_default() -> None:
    ran = main("train", "extractor", "--help")
    assert ran.code == 0
    for one in settings():
        name = "teacher" if one.name == "teachers" else one.name.replace("_", "-")
        assert f"--{name}" in ran.stdout and one.metadata["panel"] in ran.stdout
    assert "--resume" in ran.stdout and "Example: kgtag train extractor --data" in ran.stdout
    assert "--trials" in main("train", "search", "--help").stdout


def test_a_run_told_in_a_file_and_here_is_trained_and_leaves_only_the_model(
    data: Path, encoder: Path, tmp_path: Path
) -> None:
    (tmp_path / "o.toml").write_text('epochs = 9\nbatch = 8\ndevice = "cpu"\nmax_tokens = 48\nswap = 0.5\n')
    args = ["--data", data, "--out", tmp_path / "m", "--encoder", encoder, "--options", tmp_path / "o.toml"]
    ran = main("train", "extractor", *args, "--epochs", "2", "--tensorboard", tmp_path / "board", "--json")
    assert ran.code == 0, ran.stderr
    assert {"model", "dev_f1", "data"} <= set(ran.json) and ran.json["data"][0]["code"] == "out_of_range"
    assert "Data, before training" in ran.stderr and "[0, 999) isn't within the text" in ran.stderr
    assert "epoch 2: loss" in ran.stderr and "dev F1 –" not in ran.stderr
    metrics = json.loads((tmp_path / "m" / "metrics.json").read_text())
    assert (metrics["options"]["epochs"], metrics["options"]["swap"]) == (2, 0.5)
    assert f"--out {tmp_path / 'm'}" in (tmp_path / "m" / "MODEL_CARD.md").read_text()
    assert list((tmp_path / "board").glob("events.out.*"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["board", "m", "o.toml"]


def test_strict_data_ends_before_training(data: Path, tmp_path: Path) -> None:
    ran = main("train", "extractor", "--data", data, "--out", tmp_path / "m", "--strict-data", "--json")
    assert ran.code == 1 and ran.json["data"][0]["count"] == 1
    assert "nothing was trained" in ran.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--precision", "fp8"), "'fp8' is not one of"),
        (("--swap", "2"), "Invalid value for '--swap'"),
        (("--adapter", "lora", "--freeze", "1"), "option freeze is 1 beside adapter 'lora'"),
        (("--options", "none.toml"), "there is no options file 'none.toml'"),
        (("--resume",), "there is no run to resume in"),
        (("--teacher", "nowhere"), "no model directory 'nowhere'"),
    ],
)
def test_wrong_use_is_said_before_training(
    data: Path, encoder: Path, tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    ran = main("train", "extractor", "--data", data, "--out", tmp_path / "m", "--encoder", encoder, *FAST, *args)
    assert (ran.code, ran.stdout) == (2, "") and said in " ".join(ran.stderr.replace("│", " ").split())
    assert not (tmp_path / "m").exists()


class Stopped(Exception):
    pass


def stop_after_the_first_epoch(tick: Tick) -> None:
    if tick.epoch == 2:
        raise Stopped


def test_a_run_that_was_stopped_goes_on_by_the_same_command_and_another_is_refused(
    data: Path, encoder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m"
    run = RunSettings(RunPlace.beside(out), watch=stop_after_the_first_epoch)
    products = list(read_annotated(data, misplaced=[]))
    options = TrainOptions(epochs=2, batch=8, device="cpu", max_tokens=48)
    with pytest.raises(Stopped):
        train_extractor(products, out=out, encoder=str(encoder), options=options, run=run)
    args = ["train", "extractor", "--data", data, "--out", out, "--encoder", encoder, *FAST]
    refused = main(*args, "--seed", "7")
    assert refused.code == 2 and "seed was 0 and is 7 now" in refused.stderr and "--fresh" in refused.stderr
    ran = main(*args)
    assert ran.code == 0, ran.stderr
    assert f"continuing the run in {tmp_path / 'm.run'} in epoch 2" in ran.stderr
    assert "epoch 1:" not in ran.stderr and "epoch 2:" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_passwords_stay_out_of_the_model() -> None:
    said = told(["kgtag", "train", "--store", "neo4j://me:secret@host:7687", "--out", "a b"])
    assert said == "kgtag train --store 'neo4j://me:…@host:7687' --out 'a b'"


def test_a_search_writes_options_and_a_table(data: Path, encoder: Path, tmp_path: Path) -> None:
    args = ["--data", data, "--out", tmp_path / "best.toml", "--encoder", encoder, *FAST, "--epochs", "1"]
    ran = main("train", "search", *args, "--trials", "1")
    assert ran.code == 0, ran.stderr
    assert "Trials, best first" in ran.stdout and "encoder_rate" in ran.stdout
    assert f"train with --options {tmp_path / 'best.toml'}" in ran.stderr
    assert "epochs = 1 " in (tmp_path / "best.toml").read_text()
