"""An encoder tuned on synonyms, from training to the served linker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from graph.columns.assemble import TaxonomyData
from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.link import TaxonomyLinker
from kgtag.train.linker.encoders import load_encoder, tune
from kgtag.train.linker.run import Material, train_linker
from kgtag.types import Query
from tests.kgtag.extract.tiny import save_tiny_encoder

_SYLLABLES = ("ba", "ko", "mi", "ru", "te", "lo", "sa", "ni", "du", "po", "ga", "fe")
_NAMES = [a + b for a in _SYLLABLES for b in _SYLLABLES][:80]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_encoder(tmp_path_factory.mktemp("tiny"))


def test_only_the_upper_layers_learn(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    pairs = [(f"{name} x", name[::-1]) for name in _NAMES]
    loaded = load_encoder(str(tiny))
    before = {name: parameter.detach().clone() for name, parameter in loaded.network.named_parameters()}
    caplog.set_level("INFO", "kgtag.train.linker.encoders")
    tune(loaded, pairs, wrong=[[] for _ in pairs])
    assert len([record for record in caplog.records if record.name.startswith("kgtag")]) == 3
    changed = {name for name, p in loaded.network.named_parameters() if not torch.equal(p, before[name])}
    assert changed and all(".layer.1." in name for name in changed)


def test_a_tuned_linker_serves(tiny: Path, tmp_path: Path) -> None:
    concepts = [Concept(name, "s", "category", {"en": name}, {"en": (f"{name} x", f"old {name}")}) for name in _NAMES]
    taxonomy = Taxonomy.of(TaxonomyData.of(0, tuple(sorted(concepts, key=lambda one: one.id)), ()))
    out = tmp_path / "linker"
    mentions = [(f"a {name} thing", name) for name in _NAMES[:20]]
    train_linker(taxonomy, Material(mentions=mentions), out=out, encoder=str(tiny), tune=True)
    assert json.loads((out / "weights.json").read_text())["tuned"] is True
    linker = TaxonomyLinker(taxonomy, model_dir=out)
    asked = [Query(f"a {_NAMES[3]} thing"), Query(f"{_NAMES[50]} x"), Query(f"{_NAMES[60]} thing")]
    found = linker.link(asked)
    assert [one.candidates[0].concept for one in found] == [_NAMES[3], _NAMES[50], _NAMES[60]]
    assert [linker.link([one])[0] for one in asked] == found
