"""`kgtag evaluate extractor`, `kgtag select` and `--precision`, on the tiny model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kgtag.serve.assemble import open_models
from kgtag.serve.settings import Settings
from kgtag.tag.models import load_models
from kgtag.train.extractor.run import TrainReport
from kgtag.types import AnnotatedProduct
from tests.kgtag.extract.tiny import held_out
from tests.kgtag.running import main


def rows(data: list[AnnotatedProduct], path: Path) -> Path:
    lines = [
        {
            "id": one.product.id,
            "title": one.product.title,
            "category": one.product.category,
            "spans": [{"start": span.start, "end": span.end, "label": name} for name, span in one.spans],
        }
        for one in data
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rows(held_out()[1], tmp_path_factory.mktemp("gold") / "test.jsonl")


def test_an_evaluation_keeps_its_shape_and_says_more(trained: TrainReport, gold: Path, tmp_path: Path) -> None:
    args = ["--model", trained.directory, "--data", gold, "--samples", "50", "--against", trained.directory]
    ran = main("evaluate", "extractor", *args, "--precision", "int8", "--report", tmp_path / "report", "--json")
    assert ran.code == 0, ran.stderr
    found = ran.json
    assert {"n", "micro", "macro", "per_label", "protocol"} <= set(found)
    assert set(found["micro"]) == {"precision", "recall", "f1"}
    low, high = found["confidence"]["micro_f1"]
    assert low <= found["micro"]["f1"] <= high
    assert found["against"]["paired"]["difference"] == 0
    assert set(found["per_category"]) == {"Cup", "Shoe"}
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4 and "http" not in page.replace("http-equiv", "")
    for name in ("calibration", "trade_off", "attributes", "errors"):
        assert (tmp_path / "report" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    shown = main("evaluate", "extractor", *args)
    assert shown.code == 0 and "95% interval" in shown.stdout and "Mistakes" in shown.stdout


def test_products_to_annotate_next(trained: TrainReport, gold: Path, tmp_path: Path) -> None:
    train, _ = held_out()
    done = rows(train[:10], tmp_path / "done.jsonl")
    pool = tmp_path / "pool.jsonl"
    odd = {"id": "odd", "title": "Zorblax mug quux by dark leather"}
    pool.write_text(rows(train, tmp_path / "all.jsonl").read_text() + json.dumps(odd) + '\n{"id": "bad"}\n')
    args = ["select", pool, "--model", trained.directory, "--annotated", done, "--count", "5"]
    ran, again = main(*args), main(*args, "--out", tmp_path / "next.jsonl")
    assert ran.code == 0, ran.stderr
    assert ran.stdout == (tmp_path / "next.jsonl").read_text() and again.stdout == ""
    assert [row["id"] for row in ran.rows].count("odd") == 1 and len(ran.rows) == 5
    assert not {row["title"] for row in ran.rows} & {one.product.title for one in train[:10]}
    scores = [row["score"] for row in ran.rows]
    assert scores == sorted(scores, reverse=True)
    known = sum(one.product.title in {other.product.title for other in train[:10]} for one in train)
    assert f"{known} annotated ones left out, 1 unreadable ones skipped" in ran.stderr


def test_thresholds_are_saved_in_the_model(trained: TrainReport, gold: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained.directory, model)
    ran = main("evaluate", "extractor", "--model", model, "--data", gold, "--save-thresholds", "--json")
    assert ran.code == 0, ran.stderr
    kept = json.loads((model / "config.json").read_text())["thresholds"]
    assert kept == ran.json["thresholds"]["by_attribute"]


def test_an_unknown_precision_names_the_known(trained: TrainReport, gold: Path) -> None:
    ran = main("evaluate", "extractor", "--model", trained.directory, "--data", gold, "--precision", "int4")
    assert ran.code == 2 and "unsupported precision 'int4'; fp32 or int8 is expected" in ran.stderr


def test_annotated_files_without_titles_are_refused(trained: TrainReport, gold: Path, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text('{"input": "Acme mug"}\n')
    ran = main("select", gold, "--model", trained.directory, "--annotated", tmp_path / "other.jsonl")
    assert ran.code == 2 and "no row is a product with a title" in ran.stderr


def test_the_precision_reaches_what_is_served(trained: TrainReport) -> None:
    served = open_models(Settings(model=str(trained.directory), precision="int8")).extractor
    assert served is not None and served.version == f"{trained.version}-int8"
    tagged = load_models(trained.directory).extractor
    assert tagged is not None and tagged.version == trained.version
