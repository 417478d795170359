"""Models made from models: ensembles, and attributes that were never trained."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from graph.errors import InputError
from kgtag.extract.files import read_lexicon
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.derived import NewAttribute, add_attributes, build_ensemble
from kgtag.train.extractor.network import Ensemble, NameEmbedding, TagNetwork, load_encoder, plain_embedding
from kgtag.train.extractor.run import TrainReport
from kgtag.train.extractor.save import copy_model, load_network
from kgtag.types import Product
from tests.kgtag.extract.tiny import held_out
from tests.kgtag.running import main

SHOE = Product("1", "Acme dark blue leather running shoes", category="Shoe")


@pytest.fixture(scope="module")
def both(trained: TrainReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model joined with itself, from the command line."""
    folder = tmp_path_factory.mktemp("models")
    dev, out = folder / "dev.jsonl", folder / "both"
    rows = [
        {"id": one.product.id, "title": one.product.title, "category": one.product.category,
         "attributes": dict(one.attributes)}
        for one in held_out()[1]
    ]  # fmt: skip
    dev.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    model = trained.directory
    ran = main("train", "ensemble", model, model, "--dev", dev, "--out", out, "--json")
    assert ran.json["members"] == 2 and ran.json["dev_f1"] > 0.9
    return out


@pytest.fixture(scope="module")
def joined(both: Path) -> SequenceExtractor:
    return SequenceExtractor.load(both, threads=1)


@pytest.fixture(scope="module")
def more(trained: TrainReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model with an attribute that it was not trained on, from the command line."""
    out = tmp_path_factory.mktemp("models") / "more"
    add = ("--add", "Colour=which colour it is", "--category", "Shoe")
    added = main("train", "attributes", "--model", trained.directory, *add, "--out", out, "--json")
    assert added.json["added"] == ["Colour"]
    return out


def test_a_model_joined_with_itself_answers_as_before(joined: SequenceExtractor, extractor: SequenceExtractor) -> None:
    products = [one.product for one in held_out()[1]]
    before, after = extractor.extract(products), joined.extract(products)
    for old, new in zip(before, after, strict=True):
        assert [(m.span, m.attribute) for m in new.mentions] == [(m.span, m.attribute) for m in old.mentions]
    assert joined.version != extractor.version


def _renumbered(model: Path, out: Path, *, more: tuple[str, ...] = ()) -> Path:
    """The same model with its tokens numbered backwards, as if trained from an encoder with another vocabulary; `more`:
    tokens that only this one has."""
    source = out.with_name("source")
    shutil.copytree(model, source)
    state = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    size = len(state["model"]["vocab"])
    state["model"]["vocab"] = {token: size - 1 - id for token, id in state["model"]["vocab"].items()}
    state["model"]["vocab"] |= {token: size + number for number, token in enumerate(more)}
    for token in state["added_tokens"]:
        token["id"] = size - 1 - token["id"]
    state["post_processor"] = None
    (source / "tokenizer.json").write_text(json.dumps(state), encoding="utf-8")
    network, config = load_network(model)
    assert isinstance(network, TagNetwork)
    rows = network.encoder.get_input_embeddings().weight.detach().flip(0)
    network.encoder.set_input_embeddings(plain_embedding(rows))
    first, second, third = (size - 1 - id for id in config.special)
    lexicon = [(name, [size - 1 - id for id in ids], a, s, given) for name, ids, a, s, given in read_lexicon(model)]
    copy_model(
        source, out, network=network, config=replace(config, special=(first, second, third)), metrics={},
        lexicon=lexicon,
    )  # fmt: skip
    shutil.rmtree(source)
    return out


def test_members_may_number_their_tokens_otherwise(
    trained: TrainReport, extractor: SequenceExtractor, tmp_path: Path
) -> None:
    other, out = _renumbered(trained.directory, tmp_path / "other"), tmp_path / "both"
    build_ensemble([trained.directory, other], held_out()[1], out=out)
    products = [one.product for one in held_out()[1]]
    before, after = extractor.extract(products), SequenceExtractor.load(out, threads=1).extract(products)
    for old, new in zip(before, after, strict=True):
        assert [(m.span, m.attribute) for m in new.mentions] == [(m.span, m.attribute) for m in old.mentions]


def test_members_must_cut_texts_alike(trained: TrainReport, tmp_path: Path) -> None:
    other = _renumbered(trained.directory, tmp_path / "other", more=("sneaker",))
    with pytest.raises(InputError, match=r"can't be an ensemble: .* only one has the token 'sneaker'"):
        build_ensemble([trained.directory, other], held_out()[1], out=tmp_path / "both")


def test_members_are_averaged(tiny_encoder: Path) -> None:
    torch.manual_seed(3)
    members = [TagNetwork(load_encoder(tiny_encoder), attributes=3, categories=2).eval() for _ in range(2)]
    both = Ensemble(members).eval()
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    rows, lexicon = torch.tensor([[1, 3]]), torch.zeros(1, 2, 3, dtype=torch.int64)
    with torch.no_grad():
        states, logits = both.encode(ids, torch.zeros_like(ids), torch.ones_like(ids))
        found = both.emissions(states[:, 1:4], rows, lexicon)
        parts = [member.encode(ids, torch.zeros_like(ids), torch.ones_like(ids)) for member in members]
        wanted = [m.emissions(s[:, 1:4], rows, lexicon) for m, (s, _) in zip(members, parts, strict=True)]
    assert torch.allclose(found, (wanted[0] + wanted[1]) / 2, atol=1e-6)
    odds = (parts[0][1].softmax(-1) + parts[1][1].softmax(-1)) / 2
    assert torch.allclose(logits.softmax(-1), odds, atol=1e-6)


def test_only_models_of_the_same_data_are_joined(trained: TrainReport, more: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="differ in their attributes"):
        build_ensemble([trained.directory, more], held_out()[1], out=tmp_path / "joined")
    with pytest.raises(InputError, match="at least two"):
        build_ensemble([more], held_out()[1], out=tmp_path / "joined")
    with pytest.raises(InputError, match="no dev products"):
        build_ensemble([more, more], [], out=tmp_path / "joined")


def test_a_network_comes_back_from_its_directory(trained: TrainReport, extractor: SequenceExtractor) -> None:
    network, config = load_network(trained.directory)
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    with torch.no_grad():
        wanted, _ = network.encode(ids, torch.zeros_like(ids), torch.ones_like(ids))
    feed = {"ids": ids.numpy(), "shapes": np.zeros((1, 5), np.int64), "mask": np.ones((1, 5), np.int64)}
    states, _ = extractor._encoder.run(None, feed)
    assert np.abs(states - wanted.numpy()).max() < 1e-4
    assert config == extractor.config


def test_a_new_attribute_needs_no_training_and_leaves_the_others_alone(
    more: Path, extractor: SequenceExtractor
) -> None:
    """How well it does is the benchmark's business; here it is read by its name, and only where it was asked for."""
    extended = SequenceExtractor.load(more, threads=1)
    assert extended.attributes == (*extractor.attributes, "Colour")
    assert extended.config.applicable["Shoe"][-1] == 3
    assert extended.config.applicable["Cup"] == extractor.config.applicable["Cup"]
    mug = Product("2", "Velox mug green", category="Cup")
    assert extended.extract([mug]) == extractor.extract([mug])
    assert extended.extract([SHOE])[0].mentions


def test_a_new_attribute_knows_the_values_of_its_taxonomy(trained: TrainReport, tmp_path: Path) -> None:
    store, out = f"sqlite:///{tmp_path / 'shop.db'}", tmp_path / "more"
    file = tmp_path / "pattern.jsonl"
    row = {"title": "striped shoe", "category": "Shoe", "attributes": {"Pattern": ["striped", "dotted"]}}
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert main("migrate", "--store", store).code == 0
    assert main("import", "annotated", file, "--store", store).code == 0
    shutil.copytree(trained.directory, out)
    (out / "linker").mkdir()
    (out / "linker" / "manifest.json").write_text("{}", encoding="utf-8")
    add = ("--add", "Pattern", "--store", store, "--category", "Shoe")
    added = main("train", "attributes", "--model", out, *add, "--out", out)
    assert (out / "linker" / "manifest.json").read_text(encoding="utf-8") == "{}"
    assert "1 of them new, with 2 known values" in added.stderr
    extended = SequenceExtractor.load(out, threads=1)
    assert extended.config.attribute_concepts["Pattern"] == "annotated:pattern"
    (found,) = extended.extract([Product("1", "Velox shoe striped red", category="Shoe")])
    assert [one.surface for one in found.mentions if one.attribute == "Pattern"] == ["striped"]
    ran = main("train", "attributes", "--model", trained.directory, "--add", "Patern", "--store", store, "--out", out)
    assert ran.code == 2 and "no attribute 'Patern'; did you mean 'Pattern'" in ran.stderr


@pytest.mark.parametrize(
    ("names", "categories", "message"),
    [
        ({"Color": NewAttribute()}, [], "has an attribute 'Color' already"),
        ({"Fit": NewAttribute()}, ["Sofa"], "knows no category 'Sofa'; it knows Cup, Shoe"),
        ({" ": NewAttribute()}, [], "must have something in it"),
        ({}, [], "name at least one"),
    ],
)
def test_what_cannot_be_added_is_said(
    trained: TrainReport, tmp_path: Path, names: dict[str, NewAttribute], categories: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        add_attributes(trained.directory, names, out=tmp_path / "more", categories=categories)
    assert not (tmp_path / "more").exists()


def test_attributes_are_now_and_then_read_by_name_alone() -> None:
    torch.manual_seed(0)
    rows = NameEmbedding(torch.eye(4), dropout=0.5)
    torch.nn.init.ones_(rows.learned.weight)
    asked = torch.ones(1, 400, dtype=torch.int64)
    bare = (rows.train()(asked) == torch.eye(4)[1]).all(-1).float().mean()
    assert 0.4 < bare < 0.6
    assert torch.equal(rows.eval()(asked), torch.eye(4)[asked] + 1)
    assert torch.equal(rows.folded()(asked), torch.eye(4)[asked] + 1)


def test_an_ensemble_is_loaded_whole(both: Path) -> None:
    network, _ = load_network(both)
    assert isinstance(network, Ensemble) and len(network.members) == 2


def test_an_attribute_given_twice(trained: TrainReport, tmp_path: Path) -> None:
    out = tmp_path / "more"
    ran = main("train", "attributes", "--model", trained.directory, "--add", "Fit", "--add", "Fit=x", "--out", out)
    assert ran.code == 2 and "given twice" in ran.stderr and not out.exists()
