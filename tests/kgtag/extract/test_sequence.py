"""A real, tiny model: trained, exported, loaded and asked."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from graph.errors import InputError, TextError
from kgtag.evaluation.extraction import evaluate_extractor
from kgtag.extract.inputs import windows
from kgtag.extract.sequence import SequenceExtractor
from kgtag.text import clean_product
from kgtag.train.extractor.network import TagNetwork, load_encoder, plain_embedding
from kgtag.train.extractor.run import TrainReport
from kgtag.types import Extraction, Mention, Product
from tests.kgtag.extract.conftest import train_shop
from tests.kgtag.extract.tiny import held_out

ODD = st.text(
    alphabet=st.one_of(
        st.characters(), st.sampled_from("\x00\t\n\u200d\u0301\ufe0f\u2028ﬁ½Ⅷ①ｆ红色鞋🏃🏽‍♀️é\u00ad\ufeff[]SEP ")
    ),
    max_size=60,
)


def close(one: Extraction, other: Extraction) -> bool:
    def key(mention: Mention) -> tuple[object, ...]:
        return mention.span, mention.surface, mention.attribute

    same = [key(m) for m in one.mentions] == [key(m) for m in other.mentions]
    return same and all(
        abs(a.probability - b.probability) < 1e-3 for a, b in zip(one.mentions, other.mentions, strict=True)
    )


def test_finds_values_in_titles_it_has_not_seen(extractor: SequenceExtractor) -> None:
    _, test = held_out()
    found = evaluate_extractor(extractor, test, protocol="spans")
    assert found["micro"]["f1"] > 0.9
    values = evaluate_extractor(extractor, test, protocol="extractgpt")
    assert values["micro"]["f1"] > 0.9
    assert values["strict"]["micro"]["f1"] > 0.9


def test_finds_chinese_values_though_the_encoder_knew_no_chinese(
    extractor: SequenceExtractor, trained: TrainReport
) -> None:
    assert trained.added_tokens > 5
    (found,) = extractor.extract([Product("1", "真皮深蓝色跑步鞋", category="Shoe")])
    assert ("深蓝色", "Color") in {(mention.surface, mention.attribute) for mention in found.mentions}


def test_predicts_the_category_where_none_is_given(extractor: SequenceExtractor) -> None:
    _, test = held_out()
    gold = [one.product.category for one in test]
    found = extractor.extract([replace(one.product, category=None) for one in test])
    right = sum(one.categories[0][0] == category for one, category in zip(found, gold, strict=True))
    assert right / len(gold) > 0.9
    (bare, named) = extractor.extract([Product("1", "Acme mug red"), Product("2", "Acme mug red", category="Cup")])
    assert bare.categories[0][0] == "Cup"
    assert bare.mentions
    assert named.categories == ()


def test_a_category_is_known_by_name_in_any_case_and_by_concept(extractor: SequenceExtractor) -> None:
    assert extractor.category("shoe") == extractor.category("aa-8") == "Shoe"
    assert extractor.category("no such") is None


def test_the_same_answer_in_whatever_batches(extractor: SequenceExtractor) -> None:
    products = [one.product for one in held_out()[1]]
    products += [replace(product, category=None) for product in products]
    together = extractor.extract(products)
    alone = [extractor.extract([product])[0] for product in products]
    backwards = extractor.extract(products[::-1])[::-1]
    assert together == extractor.extract(products)
    assert all(close(a, b) and close(a, c) for a, b, c in zip(together, alone, backwards, strict=True))


@settings(max_examples=60)
@given(title=ODD, category=st.sampled_from([None, "Shoe", "Cup", "other"]))
def test_offsets_are_those_of_the_title_as_given(
    extractor: SequenceExtractor, title: str, category: str | None
) -> None:
    try:
        product = clean_product(Product("1", title, category=category))
    except TextError:
        return
    assert len(product.title) == len(title)
    (found,) = extractor.extract([product])
    for mention in found.mentions:
        assert mention.span.start < mention.span.end
        assert mention.surface == product.title[mention.span.start : mention.span.end]
        assert 0 <= mention.probability <= 1


@pytest.mark.parametrize("before", ["🏃🏽‍♀️ ", "\x00\x01", "ﬁ½ ", "e\u0301 ", "红 ", "[SEP] "])
def test_odd_characters_do_not_move_what_follows(extractor: SequenceExtractor, before: str) -> None:
    title = f"{before}Acme dark blue leather running shoes"
    (found,) = extractor.extract([clean_product(Product("1", title, category="Shoe"))])
    assert "dark blue" in {mention.surface for mention in found.mentions if mention.attribute == "Color"}


def test_long_titles_are_read_in_windows(extractor: SequenceExtractor) -> None:
    title = "Acme dark blue leather running shoes " * 40
    (found,) = extractor.extract([Product("1", title, category="Shoe")])
    starts = {mention.span.start for mention in found.mentions if mention.surface == "leather"}
    assert len(starts) > 35
    assert len(found.mentions) == len({(m.span, m.attribute) for m in found.mentions})
    with pytest.raises(TextError, match="100,000 characters long; at most 10,000"):
        clean_product(Product("1", "x" * 100_000))


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 14, 15, 16, 99, 100])
def test_every_token_is_owned_by_one_window(length: int) -> None:
    found = windows(length, 10)
    assert [n for w in found for n in range(w.own_first, w.own_last)] == list(range(length))
    assert all(w.first <= w.own_first and w.own_last <= w.last and w.last - w.first <= 10 for w in found)


def test_onnx_computes_what_torch_computes(
    extractor: SequenceExtractor, trained: TrainReport, tiny_encoder: Path
) -> None:
    state = load_file(trained.directory / "model.safetensors")
    body = load_encoder(tiny_encoder)
    body.set_input_embeddings(plain_embedding(torch.zeros(state["encoder.embeddings.word_embeddings.weight"].shape)))
    network = TagNetwork(body, attributes=len(extractor.attributes), categories=len(extractor.config.categories))
    network.load_state_dict(state)
    network.eval()
    rng = np.random.default_rng(0)
    for batch, length, attributes in ((1, 4, 1), (5, 30, 3)):
        ids = rng.integers(4, 40, size=(batch, length))
        shapes = rng.integers(0, 41, size=(batch, length))
        mask = np.ones_like(ids)
        mask[0, length // 2 :] = 0
        states, logits = extractor._encoder.run(None, {"ids": ids, "shapes": shapes, "mask": mask})
        rows = rng.integers(1, 4, size=(batch, attributes))
        lexicon = rng.integers(0, 13, size=(batch, attributes, length))
        (emissions,) = extractor._heads.run(None, {"states": states, "attributes": rows, "lexicon": lexicon})
        with torch.no_grad():
            wanted, classes = network.encode(*(torch.from_numpy(a) for a in (ids, shapes, mask)))
            scores = network.emissions(wanted, torch.from_numpy(rows), torch.from_numpy(lexicon))
        assert np.abs(states - wanted.numpy())[mask > 0].max() < 1e-4
        assert np.abs(logits - classes.numpy()).max() < 1e-4
        assert np.abs(emissions - scores.numpy())[1:].max(initial=0) < 1e-4


def test_training_again_gives_the_same_model(trained: TrainReport, tiny_encoder: Path, tmp_path: Path) -> None:
    again = train_shop(tiny_encoder, tmp_path / "again")
    weights = [load_file(one.directory / "model.safetensors") for one in (trained, again)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert (trained.f1, trained.version) == (again.f1, again.version)


def test_serving_imports_neither_torch_nor_transformers(trained: TrainReport) -> None:
    script = (
        "import sys; from kgtag.extract.sequence import SequenceExtractor; from kgtag.types import Product;"
        f"e = SequenceExtractor.load({str(trained.directory)!r}); e.extract([Product('1', 'Acme mug red')]);"
        "print(sorted({'torch', 'transformers', 'sklearn'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


def test_a_damaged_directory_says_the_way_out(trained: TrainReport, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="kgtag train extractor"):
        SequenceExtractor.load(tmp_path / "none")
    for name in ("manifest.json", "config.json", "heads.onnx", "tokenizer.json"):
        lacking = tmp_path / f"no-{name}"
        shutil.copytree(trained.directory, lacking)
        (lacking / name).unlink()
        with pytest.raises(InputError, match=f"lacks {name}; train it again"):
            SequenceExtractor.load(lacking)
    broken = tmp_path / "broken"
    shutil.copytree(trained.directory, broken)
    (broken / "encoder.onnx").write_bytes((broken / "encoder.onnx").read_bytes()[:-100])
    with pytest.raises(InputError, match="partly written"):
        SequenceExtractor.load(broken)


def test_the_config_records_the_taxonomy(extractor: SequenceExtractor) -> None:
    assert extractor.config.taxonomy_revision == "r1"
    assert (extractor.config.taxonomy_version, extractor.config.taxonomy_release) == (4, "2026.08.0")
    assert extractor.config.category_concepts == {"Shoe": "aa-8"}
    assert extractor.attributes == ("Brand", "Color", "Material")
    assert len(extractor.version) == 12


def test_a_model_from_before_there_were_versions(trained: TrainReport, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(trained.directory, old)
    config, manifest = (json.loads((old / name).read_text()) for name in ("config.json", "manifest.json"))
    del config["taxonomy_version"], config["taxonomy_release"]
    (old / "config.json").write_text(json.dumps(config))
    manifest["config.json"] = hashlib.sha256((old / "config.json").read_bytes()).hexdigest()
    (old / "manifest.json").write_text(json.dumps(manifest))
    found = SequenceExtractor.load(old).config
    assert (found.taxonomy_revision, found.taxonomy_version, found.taxonomy_release) == ("r1", None, None)
