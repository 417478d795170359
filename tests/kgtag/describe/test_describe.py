"""Descriptions of the sample shop's products: grammar, templates, and the round trip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.errors import InputError
from graph.model import Concept, ItemTag, TaggedItem
from graph.sources import Taxonomy
from graph.taxonomy import Taxonomy as Snapshot
from kgtag.data import sample
from kgtag.describe.check import checked
from kgtag.describe.describer import Describer
from kgtag.describe.words import noun_of
from kgtag.tag.models import Models, assemble_tagger
from tests.kgtag.running import main


@pytest.fixture(scope="module")
def taxonomy() -> Snapshot:
    return Taxonomy.load(sample.TAXONOMY)


def _item(*concepts: str) -> TaggedItem:
    return TaggedItem("1", "", "en", "test", "", tuple(ItemTag(id, 1.0, "given") for id in concepts))


@pytest.mark.parametrize(
    ("concepts", "english", "chinese"),
    [
        (
            "backpacks color.forest-green material.ripstop-nylon brand.nordvik occasion.hiking capacity.40-l",
            "Forest green ripstop nylon backpack by Nordvik for hiking, 40 L.",
            "诺维克墨绿色防撕裂尼龙双肩包，40升。场合：徒步。",
        ),
        ("jeans color.black fit.skinny size.xl", "Skinny black jeans, size XL.", "黑色牛仔裤，XL码。版型：小脚。"),
        (
            "t-shirts color.black color.white material.cotton",
            "Black and white cotton T-shirt.",
            "棉T恤。颜色：黑色、白色。",
        ),
        (
            "water-bottles feature.with-lid color.pink audience.women",
            "Pink water bottle for women. Feature: With lid.",
            "女士粉色水杯。特点：带盖。",
        ),
        (
            "down-jackets material.down feature.waterproof feature.windproof",
            "Down jacket. Waterproof and windproof. Material: Down.",
            "羽绒材质",
        ),
        ("color.red", "Red product.", "红色商品。"),
    ],
)
def test_texts_read_as_a_shop_writes_them(taxonomy: Snapshot, concepts: str, english: str, chinese: str) -> None:
    describer, item = Describer(taxonomy), _item(*concepts.split())
    assert describer.describe(item)["description"] == english
    if chinese != "羽绒材质":
        assert describer.describe(item, lang="zh")["description"] == chinese


def test_a_text_states_every_tag_and_no_broader_one(taxonomy: Snapshot) -> None:
    row = Describer(taxonomy).describe(_item("footwear", "hiking-boots", "color.black", "closure.lace-up"))
    assert sorted(row["concepts"]) == ["closure.lace-up", "color.black", "hiking-boots"]
    assert "unused" not in row


def test_tagging_the_text_again_gives_the_tags(taxonomy: Snapshot) -> None:
    describer, tagger = Describer(taxonomy), assemble_tagger(Models(labels=True), taxonomy)
    item = _item("tents", "color.red", "material.canvas", "persons.3-person")
    rows = [describer.describe(item, lang=lang) for lang in ("en", "zh")]
    for row in checked(rows, tagger, taxonomy):
        assert (row.get("missing"), row.get("added")) == ([], []), row["description"]
    (wrong,) = checked([{**rows[0], "description": "Green tent."}], tagger, taxonomy)
    assert "color.red" in wrong.get("missing", []) and "color.green" in wrong.get("added", [])


def test_nouns() -> None:
    def noun(*labels: str) -> str:
        return noun_of(Concept("c", "shop", "category", {"en": labels[0]}, {"en": labels[1:]}), "en")

    assert (
        noun("Tote bags") == "tote bag" and noun("T-shirts") == "T-shirt" and noun("Running shoes") == "running shoes"
    )
    assert noun("Hoodies & sweatshirts", "hoodie") == "hoodie" and noun("USB hubs") == "USB hub"
    assert noun("Dresses & skirts") == "dresses & skirts" and noun("Scarves") == "scarf"


def test_templates_of_the_nearest_category_come_first(taxonomy: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "footwear.en.jinja").write_text("Walk in {{ take('color') | listed }}.")
    (tmp_path / "default.en.jinja").write_text("{{ noun | capital }}!")
    describer = Describer(taxonomy, tmp_path)
    row = describer.describe(_item("hiking-boots", "color.black", "closure.lace-up"))
    assert row["description"] == "Walk in black." and row.get("unused") == ["closure.lace-up"]
    assert describer.describe(_item("tents"))["description"] == "Tent!"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tents.en.jinja", "{% if %}", "tents.en.jinja: line 1"),
        ("tents.en.jinja", "{{ price }}", "'price' is undefined"),
        ("tents.fr.jinja", "x", "tents.fr.jinja: a template is called CATEGORY.LANG.jinja"),
        ("tents.en.jinja", "{{ noun.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_bad_templates_are_bad_input(taxonomy: Snapshot, tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        Describer(taxonomy, tmp_path).describe(_item("tents"))


def test_unknown_languages_and_folders_are_bad_input(taxonomy: Snapshot) -> None:
    with pytest.raises(InputError, match="unsupported language 'de'"):
        Describer(taxonomy).describe(_item("tents"), lang="de")
    with pytest.raises(InputError, match="no folder 'nowhere'"):
        Describer(taxonomy, Path("nowhere"))


def test_the_command_describes_rows_and_checks_them(shop: str, tmp_path: Path) -> None:
    row = {"id": "a", "tags": [{"concept": "tents", "label": "Tents"}, {"concept": "color.red", "label": "Red"}]}
    (tmp_path / "tags.jsonl").write_text(json.dumps(row) + "\n")
    ran = main("describe", tmp_path / "tags.jsonl", "--store", shop, "--lang", "en", "--lang", "zh", "--check")
    assert [one["description"] for one in ran.rows] == ["Red tent.", "红色帐篷。"] and ran.code == 0
    assert main("describe", "--item", "nope", "--store", shop).code == 2
