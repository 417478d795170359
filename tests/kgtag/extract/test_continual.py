"""Continual fine-tuning: a trained model learns a new attribute and still knows the old ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from graph.errors import InputError
from kgtag.evaluation.extraction import evaluate_extractor
from kgtag.extract.files import read_config
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.continual import Start
from kgtag.train.extractor.derived import NewAttribute, add_attributes
from kgtag.train.extractor.run import TrainReport, train_extractor
from kgtag.types import AnnotatedProduct, Product, Span
from tests.kgtag.extract.conftest import OPTIONS
from tests.kgtag.extract.tiny import held_out
from tests.kgtag.running import main


def kinds(data: list[AnnotatedProduct]) -> list[AnnotatedProduct]:
    """The products annotated anew: what kind of thing it is, and nothing else."""
    found = []
    for one in data:
        word = next(word for word in ("shoes", "跑步鞋", "mug") if word in one.product.title)
        start = one.product.title.index(word)
        span = ("Kind", Span(start, start + len(word)))
        found.append(replace(one, attributes={"Kind": (word,)}, spans=(span,)))
    return found


def test_a_new_attribute_is_learned_and_no_old_one_forgotten(
    trained: TrainReport, extractor: SequenceExtractor, tiny_encoder: Path, tmp_path: Path
) -> None:
    """Of two attributes, one was looked up before: from now on the network knows it."""
    train, test = held_out()
    base = tmp_path / "base"
    added = add_attributes(trained.directory, {"Size": NewAttribute(values=("XL",))}, out=base)
    assert added.looked_up == ("Size",)
    (base / "linker").mkdir()
    (base / "linker" / "manifest.json").write_text("{}", encoding="utf-8")
    large = [
        AnnotatedProduct(Product(brand, f"{brand} mug XL", category="Cup"), {"Size": ("XL",)}, (("Size", Span(9, 11)),))
        for brand in ("Acme", "Orlo", "Nimb", "Fero")
    ]
    report = train_extractor(
        [*kinds(train[:24]), *large],
        start=Start(base, train, replay_ratio=1.0),
        out=tmp_path / "more",
        encoder=str(tiny_encoder),
        options=replace(OPTIONS, epochs=12),
    )
    assert (report.new_attributes, report.new_categories) == (("Kind",), ())
    assert report.data.products > 30
    more = SequenceExtractor.load(tmp_path / "more", threads=1)
    assert more.attributes == (*extractor.attributes, "Size", "Kind") and more.version == report.version
    extractions = more.extract([one.product for one in test])
    known = [replace(e, mentions=tuple(m for m in e.mentions if m.attribute != "Kind")) for e in extractions]
    right = sum(
        {(m.span, m.attribute) for m in found.mentions} == {(span, name) for name, span in one.spans}
        for found, one in zip(known, test, strict=True)
    )
    before = evaluate_extractor(extractor, test, protocol="spans")["micro"]["f1"]
    assert before > 0.9 and right >= 0.85 * len(test)
    new = [{m.surface for m in e.mentions if m.attribute == "Kind"} for e in extractions]
    assert sum(found <= {"shoes", "跑步鞋", "mug"} and bool(found) for found in new) > 0.8 * len(test)
    config = read_config(tmp_path / "more")[0]
    assert (tmp_path / "more" / "linker" / "manifest.json").read_text(encoding="utf-8") == "{}"
    assert config.category_concepts == {"Shoe": "aa-8"} and config.looked_up == ()


def test_what_cannot_be_continued(trained: TrainReport, tiny_encoder: Path, tmp_path: Path) -> None:
    train, _ = held_out()
    empty = [replace(one, attributes={}, spans=()) for one in train]
    for data, model, message in (
        (empty, trained.directory, "nothing can be learned"),
        (train, tmp_path / "none", "no model directory"),
    ):
        with pytest.raises(InputError, match=message):
            train_extractor(data, start=Start(model, train), out=tmp_path / "x", encoder=str(tiny_encoder))
    assert not (tmp_path / "x").exists()


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "new.jsonl"
    rows = [
        {"id": one.product.id, "title": one.product.title, "category": one.product.category,
         "attributes": dict(one.attributes)}
        for one in kinds(held_out()[0][:12])
    ]  # fmt: skip
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def test_from_the_command_line(trained: TrainReport, new: Path, tmp_path: Path) -> None:
    given = ("train", "extractor", "--data", new, "--out", tmp_path / "more", "--epochs", "1", "--device", "cpu")
    ran = main(*given, "--from", trained.directory, "--replay", new, "--set", "replay_ratio=0.5", "--json")
    assert ran.code == 0, ran.stderr
    assert ran.json["new_attributes"] == ["Kind"] and ran.json["new_categories"] == []
    made = SequenceExtractor.load(tmp_path / "more", threads=1)
    assert made.version == ran.json["model"] and made.config.category_concepts == {"Shoe": "aa-8"}
    metrics = json.loads((tmp_path / "more" / "metrics.json").read_text())
    assert metrics["continues"] == trained.version and metrics["options"]["learning_rate"] == 5e-5
    assert metrics["train"]["products"] > 12 - 2


def test_replay_is_for_a_model_that_is_trained_further(new: Path, tmp_path: Path) -> None:
    ran = main("train", "extractor", "--data", new, "--replay", new, "--out", tmp_path / "more")
    assert ran.code == 2 and "give --from MODEL as well" in ran.stderr
