"""The same model in eight bits."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from graph.errors import InputError
from kgtag.evaluation.extraction import evaluate_extractor
from kgtag.extract.files import INT8, read_config, rewrite_config
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.run import TrainReport
from kgtag.types import Product
from tests.kgtag.extract.tiny import held_out


@pytest.fixture(scope="module")
def int8(trained: TrainReport) -> SequenceExtractor:
    return SequenceExtractor.load(trained.directory, threads=2, precision="int8")


def copy(trained: TrainReport, to: Path) -> Path:
    shutil.copytree(trained.directory, to)
    return to


def test_eight_bits_find_what_thirty_two_find(extractor: SequenceExtractor, int8: SequenceExtractor) -> None:
    _, test = held_out()
    products = [one.product for one in test]
    products += [replace(product, category=None) for product in products]
    pairs = list(zip(extractor.extract(products), int8.extract(products), strict=True))
    same = [
        [(m.span, m.attribute) for m in a.mentions] == [(m.span, m.attribute) for m in b.mentions] for a, b in pairs
    ]
    assert sum(same) > 0.9 * len(same)
    scores = [
        abs(m.probability - n.probability) for a, b in pairs for m, n in zip(a.mentions, b.mentions, strict=False)
    ]
    assert sum(scores) / len(scores) < 0.05
    full, small = (evaluate_extractor(one, test, protocol="spans")["micro"]["f1"] for one in (extractor, int8))
    assert small > full - 0.03


def test_eight_bits_answer_alike_in_whatever_company(int8: SequenceExtractor) -> None:
    products = [one.product for one in held_out()[1]] + [Product("z", "Velox leather shoes by Acme " * 30)]
    products += [replace(product, category=None) for product in products]
    together = int8.extract(products)
    assert together == [int8.extract([product])[0] for product in products]
    assert together == int8.extract(products[::-1])[::-1]


def test_the_encoder_is_smaller_and_the_version_says_so(
    trained: TrainReport, extractor: SequenceExtractor, int8: SequenceExtractor
) -> None:
    assert (trained.directory / INT8).stat().st_size < 0.8 * (trained.directory / "encoder.onnx").stat().st_size
    assert int8.version == f"{extractor.version}-int8"


def test_a_model_from_before_there_were_eight_bits(trained: TrainReport, tmp_path: Path) -> None:
    old = copy(trained, tmp_path / "old")
    manifest = json.loads((old / "manifest.json").read_text())
    del manifest[INT8]
    (old / "manifest.json").write_text(json.dumps(manifest))
    (old / INT8).unlink()
    assert SequenceExtractor.load(old, threads=1).version == read_config(trained.directory)[1]
    with pytest.raises(InputError, match=r"lacks encoder\.int8\.onnx; train it again, or use fp32"):
        SequenceExtractor.load(old, precision="int8")


def test_a_damaged_encoder_is_not_served(trained: TrainReport, tmp_path: Path) -> None:
    torn = copy(trained, tmp_path / "torn")
    (torn / INT8).write_bytes((torn / INT8).read_bytes()[:-9])
    with pytest.raises(InputError, match="partly written"):
        SequenceExtractor.load(torn, precision="int8")
    with pytest.raises(InputError, match="unsupported precision 'int4'; use fp32 or int8"):
        SequenceExtractor.load(torn, precision="int4")  # type: ignore[arg-type]


def test_thresholds_drop_what_is_less_probable(trained: TrainReport, tmp_path: Path) -> None:
    model = copy(trained, tmp_path / "model")
    (model / "linker").mkdir()
    (model / "linker" / "kept.txt").write_text("as it was")
    config, before = read_config(model)
    after = rewrite_config(model, replace(config, thresholds={"Color": 1.01}))
    assert after != before
    assert (model / "linker" / "kept.txt").read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    (found,) = SequenceExtractor.load(model, threads=1).extract([Product("1", "Acme red mug", category="Cup")])
    (full,) = SequenceExtractor.load(trained.directory, threads=1).extract(
        [Product("1", "Acme red mug", category="Cup")]
    )
    assert found.mentions == tuple(mention for mention in full.mentions if mention.attribute != "Color")
    assert len(found.mentions) < len(full.mentions)
