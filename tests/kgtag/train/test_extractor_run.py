"""`kgtag train extractor` and `kgtag train search` on the command line, and the files of a run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from graph.errors import InputError
from kgtag.cli.train import without_passwords
from kgtag.data import read_annotated
from kgtag.train.checkpoints import RunPlace
from kgtag.train.extractor.batches import SoftTags, soft_tags
from kgtag.train.extractor.config import TrainOptions, as_json, read_config, resolve
from kgtag.train.extractor.decision import score_examples
from kgtag.train.extractor.loop import Learner
from kgtag.train.extractor.optimizer import divergence
from kgtag.train.extractor.prepare import Prepared, Training, prepare
from kgtag.train.extractor.records import Tick
from kgtag.train.extractor.run import RunSettings, train_extractor
from tests.kgtag.extract.tiny import held_out, save_tiny_encoder
from tests.kgtag.running import Ran, main
from tests.kgtag.train.extractor.disk import full_disk

FAST = ("--epochs", "2", "--set", "batch_size=8", "--device", "cpu", "--set", "max_tokens=48")


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
        for one in held_out()[0][:40]
    ]
    rows[0]["spans"] = [*rows[0]["spans"], {"start": 0, "end": 999, "label": "Color"}]  # type: ignore[misc]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def test_the_help_is_short() -> None:
    ran = main("train", "extractor", "--help")
    assert ran.code == 0
    assert len(re.findall(r"^│ [* ] +--", ran.stdout, flags=re.MULTILINE)) <= 20
    assert "--resume" in ran.stdout and "Example: kgtag train extractor --data" in ran.stdout
    assert "--trials" in main("train", "search", "--help").stdout


@dataclass(frozen=True)
class Done:
    ran: Ran
    place: Path

    @property
    def model(self) -> Path:
        return self.place / "m"


@pytest.fixture(scope="module")
def done(data: Path, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A run with a config file, and with options on the command line, which win."""
    place = tmp_path_factory.mktemp("run")
    (place / "o.toml").write_text(
        f'epochs = 90\nbatch_size = 8\ndevice = "cpu"\nmax_tokens = 48\nswap = 0.2\nlearning_rate = 1e-3\n'
        f'head_learning_rate = 3e-3\ntensorboard = "{place / "board"}"\nseed = 1\nencoder = "{encoder}"\n'
    )
    args = ["--data", data, "--out", place / "m", "--config", place / "o.toml", "--json"]
    return Done(main("train", "extractor", *args, "--epochs", "11", "--set", "epochs=70"), place)


def test_a_run_reports_the_data_trains_and_leaves_only_the_model(done: Done) -> None:
    ran = done.ran
    assert ran.code == 0, ran.stderr
    assert {"model", "dev_f1", "data"} <= set(ran.json) and ran.json["data"][0]["code"] == "out_of_range"
    assert "Data, before training" in ran.stderr and "[0, 999) isn't within the text" in ran.stderr
    assert "epoch 2: loss" in ran.stderr and "dev F1 –" not in ran.stderr
    assert list((done.place / "board").glob("events.out.*"))
    assert sorted(path.name for path in done.place.iterdir()) == ["board", "m", "o.toml"]


def test_the_model_directory_documents_the_run(done: Done) -> None:
    metrics = json.loads((done.model / "metrics.json").read_text())
    run, found = resolve(read_config(str(done.model / "training.toml")))
    assert (found.epochs, found.batch_size, found.swap, found.teachers) == (11, 8, 0.2, ())
    assert (run.seed, run.encoder, run.format) == (1, metrics["encoder"], "annotated")
    assert metrics["options"] == as_json(found) and metrics["seed"] == 1
    assert set(metrics["attributes"]) <= {"Brand", "Color", "Material"} and metrics["calibration"]["spans"] > 0
    lines = (done.model / "curves.csv").read_text().splitlines()
    assert lines[0] == "step,epoch,loss,rate,dev_f1"
    measured = [line.split(",") for line in lines[1:] if not line.endswith(",")]
    assert [float(row[4]) for row in measured] == pytest.approx([row["f1"] for row in metrics["history"]], abs=1e-4)
    assert json.loads((done.model / "data_report.json").read_text()) == done.ran.json["data"]


def test_the_model_card_documents_the_model_without_rows_of_the_data(done: Done) -> None:
    card = (done.model / "MODEL_CARD.md").read_text(encoding="utf-8")
    for said in (
        "3 attributes: Brand, Color, Material",
        "Cup, Shoe",
        "| Color |",
        "licence: unknown",
        "taxonomy: none",
    ):
        assert said in card
    assert "`epochs` 11" in card and "## Limits" in card and "calibration error" in card
    assert f"--out {done.model}" in card
    assert not any(one.product.title in card for one in held_out()[0])


def test_data_warnings_may_end_the_command_before_training(data: Path, tmp_path: Path) -> None:
    ran = main("train", "extractor", "--data", data, "--out", tmp_path / "m", "--fail-on-data-warnings", "--json")
    assert ran.code == 1 and ran.json["data"][0]["count"] == 1
    assert "nothing was trained" in ran.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--set", "precision=fp8"), "option precision is 'fp8'; expected 'auto', 'fp32', 'bf16' or 'fp16'"),
        (("--set", "swap=2"), "option swap is 2; expected"),
        (("--set", "lora_rank=8", "--set", "frozen_layers=1"), "option frozen_layers is 1 beside lora_rank 8"),
        (("--config", "none.toml"), "there is no config file 'none.toml'"),
        (("--config", "big"), "there is no preset 'big'; expected a TOML file or one of base-encoder,"),
        (("--learning-rate", "2"), "Invalid value for '--learning-rate'"),
        (("--resume",), "there is no run to resume in"),
        (("--set", "teachers=nowhere"), "no model directory 'nowhere'"),
    ],
)
def test_wrong_use_ends_before_training(
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
    options = TrainOptions(epochs=2, batch_size=8, device="cpu", max_tokens=48)
    with pytest.raises(Stopped):
        train_extractor(products, out=out, encoder=str(encoder), options=options, run=run)
    args = ["train", "extractor", "--data", data, "--out", out, "--encoder", encoder, *FAST]
    refused = main(*args, "--seed", "7")
    assert refused.code == 2 and "seed was 0 and is 7 now" in refused.stderr and "--fresh" in refused.stderr
    with full_disk(200_000):
        full = main(*args)
    assert full.code == 2 and "best-2.pt' can't be written: it needs 0." in full.stderr
    assert "the last good checkpoint stands: make room and give the same command again" in full.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["m.run"]
    ran = main(*args)
    assert ran.code == 0, ran.stderr
    assert f"continuing the run in {tmp_path / 'm.run'} in epoch 2" in ran.stderr
    assert "epoch 1:" not in ran.stderr and "epoch 2:" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_passwords_stay_out_of_the_model() -> None:
    said = without_passwords(["kgtag", "train", "--store", "neo4j://me:secret@host:7687", "--out", "a b"])
    assert said == "kgtag train --store 'neo4j://me:…@host:7687' --out 'a b'"


TEACHING = TrainOptions(
    epochs=4,
    batch_size=8,
    learning_rate=1e-3,
    head_learning_rate=3e-3,
    device="cpu",
    max_tokens=48,
    distillation_weight=0.9,
)


def student(encoder: Path) -> Prepared:
    """What is to learn from gold that says of every colour that there is none."""
    train, dev = held_out()
    blind = [
        replace(one, attributes={**one.attributes, "Color": ()}, spans=tuple(s for s in one.spans if s[0] != "Color"))
        for one in train
    ]
    return prepare(Training(blind, dev, str(encoder), 3, TEACHING, {"Color": ["violet"]}))


def apart(ready: Prepared, soft: dict[int, SoftTags]) -> float:
    """Mean divergence of the network from the teachers on the training titles, as they are."""
    scored, _ = score_examples(ready.network, ready.train, ready.batcher, device=torch.device("cpu"))
    total = 0.0
    for one in scored:
        said = soft[one.example.number]
        rows = torch.tensor(one.emissions[[one.example.applicable.index(a) for a in said.attributes]]).float()
        lengths = torch.full((len(rows),), len(one.example.tokens))
        with torch.no_grad():
            total += float(divergence(ready.network.crf, rows, torch.tensor(said.probabilities), lengths).mean())
    return total / len(scored)


def test_a_student_comes_nearer_to_its_teacher_than_without_one(done: Done, encoder: Path) -> None:
    ready = student(encoder)
    soft = soft_tags([done.model], ready.train, ready.products, ready.labels, progress=lambda _: None)
    assert soft.keys() == {example.number for example in ready.train}
    assert all(abs(said.probabilities.sum(2) - 1).max() < 1e-4 for said in soft.values())
    Learner(ready.network, ready.batcher, options=TEACHING, seed=3).run(ready.train, ready.dev, lambda _: None)
    alone = apart(ready, soft)
    again = student(encoder)
    taught = replace(again.batcher, soft=soft_tags(
        [done.model] * 2, again.train, again.products, again.labels, progress=lambda _: None
    ))  # fmt: skip
    Learner(again.network, taught, options=TEACHING, seed=3).run(again.train, again.dev, lambda _: None)
    assert apart(again, soft) < 0.7 * alone


def test_a_teacher_with_nothing_to_say_is_refused(done: Done, encoder: Path) -> None:
    ready = student(encoder)
    strangers = replace(ready.labels, attributes=("A", "B", "C"))
    with pytest.raises(InputError, match="can teach none of the"):
        soft_tags([done.model], ready.train, ready.products, strangers, progress=lambda _: None)


def test_a_search_writes_options_and_a_table(data: Path, encoder: Path, tmp_path: Path) -> None:
    args = ["--data", data, "--out", tmp_path / "best.toml", "--encoder", encoder, *FAST, "--epochs", "1"]
    ran = main("train", "search", *args, "--trials", "1")
    assert ran.code == 0, ran.stderr
    assert "Trials, best first" in ran.stdout and "learning_rate" in ran.stdout
    assert f"train with --config {tmp_path / 'best.toml'}" in ran.stderr
    assert "epochs = 1 " in (tmp_path / "best.toml").read_text()
