"""What a training leaves beside the model, and what a trained model teaches another."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from graph.errors import InputError
from kgtag.train.sequence.batches import SoftTags
from kgtag.train.sequence.extractor import TrainReport
from kgtag.train.sequence.losses import divergence
from kgtag.train.sequence.optimise import Learner
from kgtag.train.sequence.options import TrainOptions, made, read_options
from kgtag.train.sequence.preparing import Prepared, prepare
from kgtag.train.sequence.teachers import soft_tags
from tests.kgtag.extract.conftest import OPTIONS
from tests.kgtag.extract.tiny import held_out


def test_the_run_can_be_told_from_what_lies_beside_the_model(trained: TrainReport) -> None:
    directory = trained.directory
    metrics = json.loads((directory / "metrics.json").read_text())
    assert made(TrainOptions(), read_options(directory / "options.toml")) == OPTIONS
    assert metrics["options"]["encoder_rate"] == OPTIONS.encoder_rate and metrics["seed"] == 0
    assert set(metrics["attributes"]) == {"Brand", "Color", "Material"}
    assert metrics["calibration"]["spans"] > 0
    lines = (directory / "curves.csv").read_text().splitlines()
    assert lines[0] == "step,epoch,loss,rate,dev_f1"
    measured = [line.split(",") for line in lines[1:] if not line.endswith(",")]
    assert [float(row[4]) for row in measured] == pytest.approx([row["f1"] for row in metrics["history"]], abs=1e-4)
    found = json.loads((directory / "data_report.json").read_text())
    assert [one["code"] for one in found] == [one.code for one in trained.findings]


def test_the_model_card_says_what_a_user_must_know_and_no_row_of_the_data(trained: TrainReport) -> None:
    card = (trained.directory / "MODEL_CARD.md").read_text(encoding="utf-8")
    for said in ("3 attributes: Brand, Color, Material", "Cup, Shoe", "| Color |", "licence: unknown", "revision r1"):
        assert said in card
    assert "`epochs` 30" in card and "## Limits" in card and "calibration error" in card
    assert not any(one.product.title in card for one in held_out()[0])


def student(encoder: Path) -> Prepared:
    """What is to learn from gold that says of every colour that there is none."""
    train, dev = held_out()
    blind = [
        replace(one, attributes={**one.attributes, "Color": ()}, spans=tuple(s for s in one.spans if s[0] != "Color"))
        for one in train
    ]
    return prepare(blind, dev, encoder=str(encoder), seed=3, options=TEACHING, values={"Color": ["violet"]})


TEACHING = replace(OPTIONS, epochs=4, teacher_weight=0.9)


def apart(ready: Prepared, soft: dict[int, SoftTags]) -> float:
    """Mean divergence of the network from the teachers on the training titles, as they are."""
    import torch

    from kgtag.train.sequence.tuning import score_examples

    scored, _ = score_examples(ready.network, ready.train, ready.batcher, device=torch.device("cpu"))
    total = 0.0
    for one in scored:
        said = soft[one.example.number]
        rows = torch.tensor(one.emissions[[one.example.applicable.index(a) for a in said.attributes]]).float()
        lengths = torch.full((len(rows),), len(one.example.tokens))
        with torch.no_grad():
            total += float(divergence(ready.network.crf, rows, torch.tensor(said.probabilities), lengths).mean())
    return total / len(scored)


def test_a_student_comes_nearer_to_its_teacher_than_without_one(trained: TrainReport, tiny_encoder: Path) -> None:
    ready = student(tiny_encoder)
    soft = soft_tags([trained.directory], ready.train, ready.products, ready.labels, progress=lambda _: None)
    assert soft.keys() == {example.number for example in ready.train}
    assert all(abs(said.probabilities.sum(2) - 1).max() < 1e-4 for said in soft.values())
    Learner(ready.network, ready.batcher, options=TEACHING, seed=3).run(ready.train, ready.dev, lambda _: None)
    alone = apart(ready, soft)
    again = student(tiny_encoder)
    taught = replace(again.batcher, soft=soft_tags(
        [trained.directory] * 2, again.train, again.products, again.labels, progress=lambda _: None
    ))  # fmt: skip
    Learner(again.network, taught, options=TEACHING, seed=3).run(again.train, again.dev, lambda _: None)
    assert apart(again, soft) < 0.7 * alone


def test_a_teacher_with_nothing_to_say_is_refused(trained: TrainReport, tiny_encoder: Path) -> None:
    ready = student(tiny_encoder)
    strangers = replace(ready.labels, attributes=("A", "B", "C"))
    with pytest.raises(InputError, match="can teach none of the"):
        soft_tags([trained.directory], ready.train, ready.products, strangers, progress=lambda _: None)


def test_the_options_file_is_plain_toml(trained: TrainReport) -> None:
    found = tomllib.loads((trained.directory / "options.toml").read_text(encoding="utf-8"))
    assert found["epochs"] == 30 and found["teachers"] == []
