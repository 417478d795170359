"""`spans = false`: a model that infers values and finds no spans, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kgtag.tag.models import load_models
from kgtag.types import Extraction, Product
from tests.kgtag.running import Ran, main
from tests.kgtag.train.implicit.closet import closet


def rows(path: Path, *, count: int = 1000) -> Path:
    lines = [
        {"id": one.product.id, "input": one.product.title, "category": one.product.category,
         "target_scores": {name: dict.fromkeys(values or ("n/a",), 1) for name, values in one.attributes.items()}}
        for one in closet()[:count]
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def train(data: Path, out: Path) -> Ran:
    return main(
        "train", "extractor", "--format", "extractgpt", "--set", "spans=false", "--data", data, "--out", out, "--json"
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rows(tmp_path_factory.mktemp("data") / "closet.jsonl")


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "closet"
    ran = train(data, out)
    assert ran.code == 0, ran.stderr
    assert ran.json["attributes"] == 2 and ran.json["accuracy"] > 0.9
    return out


def test_values_are_evaluated_without_an_extractor(model: Path, data: Path) -> None:
    ran = main("evaluate", "extractor", "--format", "extractgpt", "--model", model, "--data", data, "--json")
    assert ran.code == 0, ran.stderr
    assert ran.json["micro"]["f1"] > 0.9


def test_no_spans_are_found(model: Path) -> None:
    models = load_models(model)
    assert models.extractor is not None and models.values is not None
    assert models.extractor.extract([Product("1", "Zeta tank top")]) == [Extraction(())]
    assert models.extractor.attributes == ("Occasion", "Sleeve")
    assert models.extractor.version == models.values.version


def test_too_few_values_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    ran = train(rows(tmp_path / "few.jsonl", count=4), tmp_path / "m")
    assert ran.code == 2 and "too few annotated products" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["few.jsonl"]
