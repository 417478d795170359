"""Values that texts imply, from annotated products to tags."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.enforce import EnforceSettings
from kgtag.extract.implicit.model import ImplicitValueModel, with_unseen_values
from kgtag.tag.models import Models, assemble_tagger, load_models
from kgtag.train.extractor.run import TrainReport
from kgtag.train.implicit import train_values
from kgtag.types import Extraction, Extractor, Product
from tests.kgtag.running import main
from tests.kgtag.train.implicit.closet import WordVectors, closet

CONCEPTS = (
    Concept("batwing", "shop", "value", {"en": "Batwing"}, definition={"en": "wide like a poncho"}),
    Concept("gone", "shop", "value", {"en": "Gone"}, status="deprecated"),
    Concept("none", "shop", "value", {"en": "No sleeves"}, alt_label={"en": ("sleeveless",)}),
    Concept("occasion", "shop", "attribute", {"en": "Occasion"}),
    Concept("sleeve", "shop", "attribute", {"en": "Sleeve"}),
    Concept("tops", "shop", "category", {"en": "Tops"}),
)
EDGES = (
    *(Relation("value_of", value, "sleeve") for value in ("batwing", "gone", "none")),
    Relation("applies_to", "sleeve", "tops"),
    Relation("applies_to", "occasion", "tops"),
)
TAXONOMY = Taxonomy.of(TaxonomyData.of(1, CONCEPTS, tuple(sorted(EDGES))))


class Blank(Extractor):
    """An extractor that finds nothing, and takes everything for tops."""

    version = "blank-1"
    attributes = ("Occasion", "Sleeve")

    categories = ("Tops",)

    def extract(self, products: list[Product]) -> list[Extraction]:
        return [Extraction((), (("Tops", 0.9),)) for _ in products]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("values") / "model"
    train_values(closet(), out=out, encoder=WordVectors())
    return out


def test_an_implied_value_becomes_a_tag_without_a_span(directory: Path) -> None:
    values = ImplicitValueModel.load(directory)
    extractor: object = Blank()
    tagger = assemble_tagger(Models(extractor, None, None, EnforceSettings(), values), TAXONOMY)  # type: ignore[arg-type]
    top, bare = tagger.tag([Product("1", "Acme tank top", lang="en"), Product("2", "Acme jeans", lang="en")])
    (tag,) = [tag for tag in top.tags if tag.kind == "value"]
    assert (tag.concept, tag.attribute, tag.span, tag.surface) == ("none", "sleeve", None, None)
    assert tag.extract_score is not None and tag.extract_score > 0.5
    assert tag.method == "exact"
    assert top.model == f"blank-1-{values.version}"
    assert not top.nil and not [tag for tag in bare.tags if tag.kind == "value"]


def test_an_implied_value_without_a_concept_is_not_a_nil_mention(directory: Path) -> None:
    extractor: object = Blank()
    models = Models(extractor, None, None, EnforceSettings(), ImplicitValueModel.load(directory))  # type: ignore[arg-type]
    (tagging,) = assemble_tagger(models, TAXONOMY).tag([Product("1", "Acme pullover", lang="en")])
    assert not tagging.nil and not [tag for tag in tagging.tags if tag.kind == "value"]


def test_new_values_of_the_taxonomy_join(directory: Path) -> None:
    extractor: object = Blank()
    models = Models(extractor, None, None, EnforceSettings())  # type: ignore[arg-type]
    binding = assemble_tagger(models, TAXONOMY)._label_map
    values = ImplicitValueModel.load(directory)
    more = with_unseen_values(values, TAXONOMY, binding.attribute, WordVectors())
    (found,) = more.distribution([Product("1", "Acme poncho", category="Tops")], "Sleeve")
    assert set(found) == {"Sleeveless", "Long Sleeve", None, "Batwing"}
    assert found["Batwing"] > 0.5
    assert with_unseen_values(values, TAXONOMY, binding.attribute, None) is values


def test_the_directory_is_loaded_with_the_extractor(directory: Path, trained: TrainReport, tmp_path: Path) -> None:
    shutil.copytree(trained.directory, tmp_path / "model")
    assert load_models(tmp_path / "model").values is None
    shutil.copytree(directory, tmp_path / "model" / "multilabel")
    loaded = load_models(tmp_path / "model")
    assert loaded.values is not None
    assert loaded.values.attributes == ("Occasion", "Sleeve")
    assert not loaded.new_values


def test_training_an_extractor_trains_them_too(tiny_encoder: Path, tmp_path: Path) -> None:
    rows = [
        {
            "title": item.product.title,
            "category": item.product.category,
            "attributes": {**item.attributes, "Brand": [item.product.title.split()[0]]},
        }
        for item in closet()
    ]
    file = tmp_path / "closet.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = tmp_path / "model"
    ran = main("train", "extractor", "--data", file, "--out", out, "--encoder", tiny_encoder, "--epochs", "1")
    assert ran.code == 0, ran.stderr
    assert "100 values not in the titles, of 2 attributes" in ran.stderr
    assert ImplicitValueModel.load(out / "multilabel").attributes == ("Occasion", "Sleeve")
