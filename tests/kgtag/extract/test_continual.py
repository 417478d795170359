"""A trained model that learns a new attribute, and still knows the old ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from graph.errors import InputError
from kgtag.evaluation.extraction import evaluate_extractor
from kgtag.extract.files import read_config
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.continual import continue_extractor
from kgtag.train.extractor.new_attributes import NewAttribute, add_attributes
from kgtag.train.extractor.run import TrainReport
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
    report = continue_extractor(
        base,
        [*kinds(train[:24]), *large],
        replay=train,
        out=tmp_path / "more",
        encoder=str(tiny_encoder),
        share=1.0,
        options=replace(OPTIONS, epochs=12),
    )
    assert (report.attributes, report.categories) == (("Kind",), ())
    assert report.new + report.replayed > 30
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


def test_what_cannot_be_continued_says_so(trained: TrainReport, tiny_encoder: Path, tmp_path: Path) -> None:
    train, _ = held_out()
    empty = [replace(one, attributes={}, spans=()) for one in train]
    with pytest.raises(InputError, match="nothing can be learned"):
        continue_extractor(trained.directory, empty, replay=train, out=tmp_path / "x", encoder=str(tiny_encoder))
    with pytest.raises(InputError, match="no model directory"):
        continue_extractor(tmp_path / "none", train, replay=train, out=tmp_path / "x", encoder=str(tiny_encoder))
    assert not (tmp_path / "x").exists()


def test_from_the_command_line(trained: TrainReport, tmp_path: Path) -> None:
    file = tmp_path / "new.jsonl"
    file.write_text('{"id": "1", "title": "red shoes", "attributes": {"Kind": []}}\n', encoding="utf-8")
    given = ("train", "continue", "--data", file, "--replay", file, "--out", tmp_path / "more", "--model")
    ran = main(*given, trained.directory)
    assert ran.code == 2 and "nothing can be learned" in ran.stderr
