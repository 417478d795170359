"""Tables as shops and standards export them, known by their headers."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.errors import FileFormatError, InputError
from graph.formats import headers, paths, tabular
from graph.formats.parsed import Parsed
from graph.labels import language_tag
from graph.stores import open_store
from kgtag.data.importing import import_files


def _read(
    folder: Path, content: str, name: str = "t.csv", columns: dict[str, str] | None = None, separator: str | None = None
) -> Parsed:
    file = folder / name
    file.write_text(content, encoding="utf-8")
    return tabular.read([file], lang="en", columns=columns, separator=separator)


def _tree(found: Parsed) -> dict[str, str | None]:
    """The label of each concept's primary parent, by its own label."""
    labels = {concept.id: concept.label("en") for concept in found.concepts}
    above = {edge.source: edge.target for edge in found.relations if edge.type == "broader" and edge.primary}
    return {label: labels.get(above.get(id, ""), above.get(id)) for id, label in labels.items()}


TREE = {"Clothing": None, "Tees": "Clothing", "Sale": "Clothing"}
EXPORTS = {
    "akeneo": "code;parent;label-en_US;label-de_DE\nc;;Clothing;Mode\nt;c;Tees;\ns;c;Sale;\n",
    "woocommerce categories": "term_id,name,slug,parent\n1,Clothing,clothing,0\n2,Tees,tees,clothing\n3,Sale,sale,1\n",
    "woocommerce products": 'ID,SKU,Name,Categories\n1,a,Blue,"Clothing > Tees, Clothing > Sale"\n2,b,Red,Clothing\n',
    "magento categories": "entity_id,parent_id,path,name\n1,0,1,Clothing\n2,1,1/2,Tees\n3,1,1/3,Sale\n",
    "magento products": 'sku,attribute_set_code,categories\na,x,"Clothing/Tees,Clothing/Sale"\nb,x,Clothing\n',
    "medusa": "id,name,handle,parent_category_id\np1,Clothing,clothing,\np2,Tees,tees,p1\np3,Sale,sale,p1\n",
    "medusa products": "Product Id,Product Title,Product Category 1,Product Category 2\n1,Tee,Clothing > Tees,\n"
    "2,Coat,Clothing,Clothing > Sale\n",
    "woocommerce in german": 'ID;SKU;Name;Kategorien\n1;a;x;"Clothing > Tees, Clothing > Sale"\n',
    "bars": "id|path|text\n1|Clothing|\n2|Clothing > Tees|\n3|Clothing > Sale|\n",
    "iab": "\n".join(
        [
            "Relational ID System\t\t\tTaxonomy v1\t",
            "Unique ID\tParent\tName\tTier 1\tTier 2",
            "1\t\tClothing\tClothing\t",
            "2\t1\tTees\tClothing\tTees",
            "3\t1\tSale\tClothing\tSale",
        ]
    ),
    "schema.org": "\n".join(
        [
            '"id","label","comment","subTypeOf","supersededBy"',
            '"https://x.test/C","Clothing","Worn <a href=""/x"">daily</a>.","",""',
            '"https://x.test/T","Tees","","https://x.test/C",""',
            '"https://x.test/S","Sale","","https://x.test/C, https://x.test/C","https://x.test/T"',
        ]
    ),
    "tiers": "Category;Sub-category\nClothing;Tees\nClothing;Sale\n",
    "levels": "Level 1,Level 2\nClothing,\nClothing,Tees\nClothing,Sale\n",
    "full names": "ID,Full name\n1,Clothing\n2,Clothing > Tees\n3,Clothing > Sale\n",
    "parent category": "Name,Category\nTees,Clothing\nSale,Clothing\n",
}


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_are_known_by_their_headers(tmp_path: Path, name: str) -> None:
    found = _read(tmp_path, EXPORTS[name], "t.tsv" if name == "iab" else "t.csv")
    assert _tree(found) == TREE and found.faults == ()


def test_what_else_they_say_is_kept(tmp_path: Path) -> None:
    schema = _read(tmp_path, EXPORTS["schema.org"])
    assert [c.definition for c in schema.concepts] == [{"en": "Worn daily."}, {}, {}]
    assert [(c.label(), c.status) for c in schema.concepts if c.status != "active"] == [("Sale", "deprecated")]
    assert [(r.source[-1], r.target[-1]) for r in schema.relations if r.type == "replaced_by"] == [("S", "T")]
    akeneo = _read(tmp_path, EXPORTS["akeneo"])
    assert akeneo.concepts[0].pref_label == {"en-US": "Clothing", "de-DE": "Mode"}
    assert akeneo.concepts[0].label("en") == "Clothing" and akeneo.concepts[2].label("de") == "Tees"
    (note,) = [note for note in _read(tmp_path, EXPORTS["woocommerce products"]).notes if "products" in note]
    assert note == "t.csv is a table of products: their categories were read, not the 2 products"


def test_tiers_that_disagree_and_unused_relations_are_named(tmp_path: Path) -> None:
    content = "Unique ID,Parent,Name,Tier 1,Tier 2,Children,Colour\n1,1,A,A,,,\n2,,B,B,,,\n3,2,C,A,C,,\n4,4,D,A,D,,\n"
    found = _read(tmp_path, content)
    assert _tree(found) == {"A": None, "B": None, "C": "B", "D": "A"}
    assert found.faults == (
        "2 rows are their own parent, which was left out, e.g. t.csv:2 ('1'); t.csv:5 ('4')",
        "1 rows have another parent in their path or tiers than in their column of parents, which counts, "
        "e.g. t.csv:4 ('2', not 'A')",
    )
    unused = "look like relations and were not used; --column ROLE=HEADER says what one is"
    assert f"1 columns of t.csv {unused}, e.g. 'Children'" in found.notes
    assert "1 columns of t.csv are unknown and were left out, e.g. 'Colour'" in found.notes


def test_columns_can_be_named(tmp_path: Path) -> None:
    content = "Stand 2026\n\nKode;Sortiment;Sippe\n1;Schuhe;\n2;Stiefel;1\n"
    with pytest.raises(FileFormatError, match=r"'Kode', 'Sortiment', 'Sippe'.*--column label='Kode'"):
        _read(tmp_path, content)
    columns = {"id": "kode", "label@de": "Sortiment", "parent": "SIP-PE"}
    found = _read(tmp_path, content, columns=columns)
    assert _tree(found) == {"Schuhe": None, "Stiefel": "Schuhe"} and set(found.concepts[0].pref_label) == {"de"}
    with pytest.raises(FileFormatError, match=r"no column 'Sortimnt' for --column; did you mean 'Sortiment'\?"):
        _read(tmp_path, content, columns={"label": "Sortimnt"})
    with pytest.raises(InputError, match="there is no 'labl'; there is pref_label, alt_label"):
        _read(tmp_path, content, columns={"labl": "Sortiment"})


@pytest.mark.parametrize(
    ("cell", "separator", "levels"),
    [
        ("Food > Low fat (> 5%)", " > ", ("Food", "Low fat (> 5%)")),
        ("A  >\tB>C", " > ", ("A", "B>C")),
        (r"A \> B > C\\D", " > ", ("A > B", r"C\D")),
        (r"A/B\/C", "/", ("A", "B/C")),
        ("A > B", "/", ("A > B",)),
        ("C:\\x > D", " > ", ("C:\\x", "D")),
        (" ", " > ", ()),
    ],
)
def test_paths(cell: str, separator: str, levels: tuple[str, ...]) -> None:
    assert paths.split(cell, separator) == levels


def test_another_separator_is_seen_or_given(tmp_path: Path) -> None:
    content = "path\nClothing>Tees\nClothing>Sale\nClothing\n"
    found = _read(tmp_path, content)
    assert _tree(found) == TREE
    assert "paths of t.csv were split at '>'; --separator names another, such as ' > '" in found.notes
    assert _tree(_read(tmp_path, content, separator=" > ")) == dict.fromkeys(
        ("Clothing", "Clothing>Sale", "Clothing>Tees")
    )
    one = "path\nSalt/Pepper\nOil/Vinegar\nBread\n"
    assert len(_read(tmp_path, one).concepts) == 3
    assert _tree(_read(tmp_path, "path\nA | B\nC\n", separator="|")) == {"A": None, "B": "A", "C": None}


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ("en_us", "en-US"),
        ("EN", "en"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("es-419", "es-419"),
        ("english", None),
        ("", None),
    ],
)
def test_language_tags(given: str, tag: str | None) -> None:
    assert language_tag(given) == tag


def test_shops_entities_are_read(tmp_path: Path) -> None:
    found = _read(tmp_path, "term_id,name,description\n1,Home &amp; Garden,<p>For <b>pots</b> &lt; 1 m</p>\n2,R&B;,\n")
    assert [(c.label(), dict(c.definition)) for c in found.concepts] == [
        ("Home & Garden", {"en": "For pots < 1 m"}),
        ("R&B;", {}),
    ]


def test_a_code_beside_an_id_is_the_notation(tmp_path: Path) -> None:
    found = _read(tmp_path, "id,code,label,parent\n1,SH,Shoes,\n2,BO,Boots,SH\n")
    assert _tree(found) == {"Shoes": None, "Boots": "Shoes"} and [c.notation for c in found.concepts] == ["SH", "BO"]


def test_titles_above_the_column_names(tmp_path: Path) -> None:
    content = "Groups 2026;;\n;;\nNr.;Name;Eltern\n1;Fruit;\n2;Apples;1\n"
    found = _read(tmp_path, content, columns={"id": "Nr.", "parent": "Eltern"})
    assert _tree(found) == {"Fruit": None, "Apples": "Fruit"}
    plain = _read(tmp_path, content)
    assert _tree(plain) == {"Fruit": None, "Apples": None} and "e.g. 'Eltern'" in plain.notes[1]


def test_headers_in_any_spelling(tmp_path: Path) -> None:
    assert headers.key(" Unique-ID ") == headers.key("unique_id") == "uniqueid"
    found = _read(tmp_path, "ID,NAME,Parent ID,Label (de),synonyms@EN\n1,A,,Ah,x\n2,B,1,,\n")
    assert _tree(found) == {"A": None, "B": "A"}
    assert found.concepts[0].pref_label == {"en": "A", "de": "Ah"} and found.concepts[0].alt_label == {"en": ("x",)}


def test_strict_refuses_what_is_a_note_otherwise(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("id,label,parent\n1,A,1\n2,B,9\n")
    store = open_store(sqlite_url)
    with pytest.raises(InputError, match=r"their own parent.*t\.csv:2.*\(and 1 more\); without --strict"):
        import_files(store, "csv", [file], lang="en", author="me", strict=True)
    report = import_files(store, "csv", [file], lang="en", author="me")
    assert report.created == 2 and report.faults == report.notes
    assert report.faults[1].endswith("broader relations lead to no concept and were left out, e.g. '2' → '9' (t.csv:3)")
    with pytest.raises(InputError, match="'jsonl' has no option 'separator'; it is for csv"):
        import_files(store, "jsonl", [file], author="me", options={"separator": "/"})
