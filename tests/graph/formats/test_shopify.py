from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.errors import FileFormatError, InputError
from graph.formats import shopify
from graph.formats.format import ExportOptions
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy


def _file(folder: Path, name: str, categories: list[Any]) -> Path:
    file = folder / name
    content = json.dumps({"version": "1", "verticals": [{"name": "V", "categories": categories}]}).encode()
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return file


def _row(id: str, name: str, parent: str | None = None) -> dict[str, Any]:
    return {"id": id, "name": name, "parent_id": parent}


def test_languages_meet_on_the_ids(tmp_path: Path) -> None:
    en = _file(tmp_path, "en.json", [_row("a", "Apparel"), _row("a-1", "Shoes", "a")])
    zh = _file(tmp_path, "zh-CN.json.gz", [_row("a", "服装"), _row("a-1", "鞋", "a")])
    found = shopify.read([en, zh])
    assert found.concepts == (
        Concept("a", "shopify", "category", {"en": "Apparel", "zh-CN": "服装"}),
        Concept("a-1", "shopify", "category", {"en": "Shoes", "zh-CN": "鞋"}),
    )
    assert found.relations == (Relation("broader", "a-1", "a", primary=True),)
    assert found.notes == ()


def test_what_does_not_fit_is_noted(tmp_path: Path) -> None:
    en = _file(tmp_path, "en.json", [_row("a", "A"), _row("b", "B", "a"), _row("c", "C", "gone")])
    de = _file(tmp_path, "de.json", [_row("a", "A"), _row("b", "B")])
    found = shopify.read([en, de])
    assert found.notes == (
        "1 parents are not in the file and were ignored, e.g. 'c' under 'gone'",
        "1 categories are missing in some of the languages, e.g. 'c'",
        "1 categories have another parent in a later file; the first file counts, "
        "e.g. 'b' stands under None in de.json",
    )
    assert found.relations == (Relation("broader", "b", "a", primary=True),)


def test_the_language_comes_from_the_option_or_the_name(tmp_path: Path) -> None:
    file = _file(tmp_path, "categories.json", [_row("a", "A")])
    with pytest.raises(InputError, match="'categories' is not a language tag"):
        shopify.read([file])
    assert shopify.read([file], lang="en", scheme="mine").concepts[0] == Concept("a", "mine", "category", {"en": "A"})
    with pytest.raises(InputError, match="2 files but one language"):
        shopify.read([file, file], lang="en")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ('{"verticals": [', r":1:16: no valid JSON"),
        ("[]", "there is no list 'verticals'"),
        ('{"verticals": [{}]}', r"verticals\[0\]: .* no list 'categories'"),
        ('{"verticals": []}', "no category in the file"),
        ('{"verticals": [{"categories": [7]}]}', r"categories\[0\]: an object was expected, not a number"),
        ('{"verticals": [{"categories": [{"id": 7}]}]}', "'id' must be a string, not a number"),
        ('{"verticals": [{"categories": [\n{"id": "a", "name": ""}]}]}', r":2:8: .*'name' must be a string"),
        (
            '{"verticals": [{"categories": [{"id": "a", "name": "A", "parent_id": 7}]}]}',
            "'parent_id' must be a string or null",
        ),
        (
            '{"verticals": [{"categories": [{"id": "a", "name": "A"},\n{"id": "b", "name": "B", "parent_id": "a"},\n'
            '{"id": "a", "name": "A"}]}]}',
            r":3:8: .*a second category 'a'",
        ),
    ],
)
def test_bad_files_are_refused_with_the_place(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "en.json"
    file.write_text(content)
    with pytest.raises(FileFormatError, match=message):
        shopify.read([file])


def _taxonomy(*concepts: Concept, below: dict[str, str] | None = None) -> Taxonomy:
    edges = tuple(Relation("broader", id, up, primary=True) for id, up in (below or {}).items())
    return Taxonomy.of(TaxonomyData.of(0, concepts, edges))


def _category(id: str, **labels: str) -> Concept:
    return Concept(id, "shop", "category", {tag.replace("_", "-"): text for tag, text in labels.items()})


@st.composite
def _trees(draw: st.DrawFn) -> Taxonomy:
    n = draw(st.integers(1, 8))
    languages = st.dictionaries(st.sampled_from(["en", "de", "zh-CN"]), st.sampled_from(["A", "鞋", '"']), min_size=1)
    concepts = [Concept(f"c{i}", "shop", "category", draw(languages)) for i in range(n)]
    below = {f"c{i}": f"c{draw(st.integers(0, i - 1))}" for i in range(1, n) if draw(st.booleans())}
    return _taxonomy(*concepts, below=below)


@given(_trees())
@settings(max_examples=60)
def test_what_is_exported_reads_back_equal(taxonomy: Taxonomy) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        assert shopify.write(taxonomy, out).concepts == len(taxonomy)
        back = shopify.read(sorted(out.iterdir()), scheme="shop")
    assert Taxonomy.of(TaxonomyData.of(0, back.concepts, back.relations)).revision == taxonomy.revision


def test_the_exported_file_looks_like_shopifys(tmp_path: Path) -> None:
    taxonomy = _taxonomy(_category("a", en="Apparel", de="Mode"), _category("a-1", en="Shoes"), below={"a-1": "a"})
    assert shopify.write(taxonomy, tmp_path / "out").concepts == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["de.json", "en.json"]
    assert json.loads((tmp_path / "out" / "en.json").read_text()) == {
        "version": taxonomy.revision,
        "verticals": [
            {"name": "Apparel", "prefix": "a", "categories": [_row("a", "Apparel"), _row("a-1", "Shoes", "a")]}
        ],
    }
    assert shopify.write(taxonomy, tmp_path / "x.json.gz", ExportOptions(lang="en")).concepts == 2
    assert gzip.decompress((tmp_path / "x.json.gz").read_bytes()) == (tmp_path / "out" / "en.json").read_bytes()


def test_what_the_format_cannot_hold_is_refused_before_writing(tmp_path: Path) -> None:
    rich = Concept("b", "shop", "category", {"en": "B"}, {"en": ("bee", "bi")}, notation="7", status="candidate")
    colour = Concept("colour", "shop", "attribute", {"en": "Colour"})
    edges = (
        Relation("broader", "b", "a", primary=True),
        Relation("broader", "b", "c"),
        Relation("applies_to", "colour", "a"),
    )
    concepts = (_category("a", en="A"), rich, _category("c", de="C"), colour)
    taxonomy = Taxonomy.of(TaxonomyData.of(0, concepts, edges))
    with pytest.raises(InputError) as refused:
        shopify.write(taxonomy, tmp_path / "en.json")
    assert (
        "1 attributes, 2 alternative labels, 1 notations, 1 candidate or deprecated statuses, 1 further parents, "
        "1 other relations, 1 categories without a name in 'en' would be lost" in str(refused.value)
    )
    assert not list(tmp_path.iterdir())
    assert shopify.write(taxonomy, tmp_path / "en.json", ExportOptions(lossy=True)).concepts == 2
    assert [c.id for c in shopify.read([tmp_path / "en.json"]).concepts] == ["a", "b"]


def test_exports_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    taxonomy = _taxonomy(_category("a", en="A"), Concept("x", "other", "attribute", {"en": "X"}))
    with pytest.raises(InputError, match="choose one with --scheme: other, shop"):
        shopify.write(taxonomy, tmp_path / "out")
    with pytest.raises(InputError, match="there is no category to export"):
        shopify.write(taxonomy, tmp_path / "out", ExportOptions(scheme="other"))
    with pytest.raises(InputError, match="no category has a name in 'de'; there is en"):
        shopify.write(taxonomy, tmp_path / "out", ExportOptions(scheme="shop", lang="de"))
    assert not (tmp_path / "out").exists()


def _attribute(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"gid://shopify/TaxonomyAttribute/{number}", "name": name, "handle": name.lower(), **more}


def _value(number: int, name: str) -> dict[str, Any]:
    return {"id": f"gid://shopify/TaxonomyValue/{number}", "name": name, "handle": f"x__{name.lower()}"}


AA = "gid://shopify/TaxonomyCategory/aa"
COLOUR, PAPER = "gid://shopify/TaxonomyAttribute/1", "gid://shopify/TaxonomyAttribute/2"


def _dist(folder: Path) -> dict[str, Any]:
    """The parts of a release in two languages, as folders en and de."""
    for tag, (top, shoes, colour, red) in {
        "en": ("Apparel", "Shoes", "Colour", "Red"),
        "de": ("Mode", "Schuhe", "Farbe", "Rot"),
    }.items():
        (folder / tag).mkdir()
        own = {"id": COLOUR, "name": f"{shoes} {colour}", "handle": "shoe-colour", "extended": True}
        rows = [
            _row(AA, top) | {"level": 0, "attributes": [_attribute(1, colour, extended=False)]},
            _row(f"{AA}-1", shoes, AA) | {"level": 1, "attributes": [own, _attribute(2, "Paper", extended=False)]},
        ]
        verticals = [{"name": top, "prefix": "aa", "categories": rows}]
        values = [_value(1, red), _value(2, "X")]
        attributes = [
            _attribute(
                1, colour, description="Its hue.", extended_attributes=[{"name": "Hue", "handle": "h"}], values=values
            ),
            _attribute(2, "Paper", extended_attributes=[], values=[_value(2, "X")]),
        ]
        for name, document in {
            "taxonomy": {"version": "1", "verticals": verticals, "attributes": attributes},
            "categories": {"version": "1", "verticals": verticals},
            "attributes": {"version": "1", "attributes": attributes},
            "attribute_values": {"version": "1", "values": values},
        }.items():
            (folder / tag / f"{name}.json").write_text(json.dumps(document))
    return {}


def test_attributes_values_and_which_category_has_which(tmp_path: Path) -> None:
    _dist(tmp_path)
    whole = shopify.read([tmp_path / tag / "taxonomy.json" for tag in ("en", "de")])
    assert [c for c in whole.concepts if c.kind != "category"] == [
        Concept(
            COLOUR,
            "shopify",
            "attribute",
            {"de": "Farbe", "en": "Colour"},
            {"de": ("Hue", "Schuhe Farbe"), "en": ("Hue", "Shoes Colour")},
            definition={"en": "Its hue.", "de": "Its hue."},
            notation="colour",
        ),
        Concept(PAPER, "shopify", "attribute", {"de": "Paper", "en": "Paper"}, notation="paper"),
        Concept("gid://shopify/TaxonomyValue/1", "shopify", "value", {"de": "Rot", "en": "Red"}, notation="x__red"),
        Concept("gid://shopify/TaxonomyValue/2", "shopify", "value", {"de": "X", "en": "X"}, notation="x__x"),
    ]
    assert whole.relations == (
        Relation("applies_to", COLOUR, AA),
        Relation("applies_to", COLOUR, f"{AA}-1"),
        Relation("applies_to", PAPER, f"{AA}-1"),
        Relation("broader", f"{AA}-1", AA, primary=True),
        Relation("value_of", "gid://shopify/TaxonomyValue/1", COLOUR),
        Relation("value_of", "gid://shopify/TaxonomyValue/2", COLOUR),
    )
    assert whole.notes == (
        "1 values are listed under a second attribute; the first counts, e.g. 'gid://shopify/TaxonomyValue/2' of "
        f"{PAPER!r}",
    )
    parts = [tmp_path / tag / f"{part}.json" for tag in ("en", "de") for part in ("attributes", "categories")]
    split = shopify.read(parts)
    assert (split.concepts, split.relations) == (whole.concepts, whole.relations)
    alone = shopify.read([tmp_path / "en" / "categories.json"])
    assert {c.id: c.label() for c in alone.concepts if c.kind == "attribute"} == {COLOUR: "Colour", PAPER: "Paper"}


def test_other_parts_say_what_to_take(tmp_path: Path) -> None:
    _dist(tmp_path)
    with pytest.raises(FileFormatError, match=r"which attribute they are of: take attributes\.json"):
        shopify.read([tmp_path / "en" / "attribute_values.json"])
    (tmp_path / "en" / "aa.yml").write_text("- id: aa")
    with pytest.raises(InputError, match=r"YAML sources are not read; take dist/en/taxonomy\.json"):
        shopify.read([tmp_path / "en" / "aa.yml"])
    with pytest.raises(InputError, match="a second file for language 'en'"):
        shopify.read([tmp_path / "en" / "taxonomy.json", tmp_path / "en" / "categories.json"])


def test_categories_as_text(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    file = tmp_path / "en" / "categories.txt"
    lines = ("# Shopify", "# Format: {GID} : {names}", "", f"{AA} : Apparel", f"{AA}-1 : Apparel > Shoes : Low (> 5)")
    file.write_text("\n".join(lines))
    found = shopify.read([file])
    assert found.concepts[1] == Concept(f"{AA}-1", "shopify", "category", {"en": "Shoes : Low (> 5)"})
    assert found.relations == (Relation("broader", f"{AA}-1", AA, primary=True),) and found.notes == ()
