from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.errors import FileFormatError
from graph.formats import table, tabular
from graph.formats.parsed import Parsed
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from tests.strategies import taxonomies

ODD = (
    "a, b",
    'say "hi"',
    "two\nlines",
    "a\r\nb",
    "\r",
    "a|b",
    "|",
    "\\|",
    "\\",
    " padded ",
    "tab\there",
    "=1+1",
    "a;b",
)


def _read(folder: Path, content: str, name: str = "t.csv", lang: str | None = None) -> Parsed:
    file = folder / name
    file.write_bytes(content.encode())
    return tabular.read([file], lang=lang)


def _back(taxonomy: Taxonomy, name: str) -> Taxonomy:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        tabular.write(taxonomy, file)
        found = tabular.read([file], scheme="other", lang="ja")
    assert found.notes == ()
    return Taxonomy.of(TaxonomyData.of(0, found.concepts, found.relations))


@given(taxonomies(max_size=5), st.sampled_from(["t.csv", "t.tsv", "t.csv.gz"]))
@settings(max_examples=60)
def test_what_is_written_reads_back_equal(data: TaxonomyData, name: str) -> None:
    taxonomy = Taxonomy.of(data)
    assert _back(taxonomy, name).revision == taxonomy.revision


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_separators_quotes_and_line_ends_survive(name: str) -> None:
    concepts = tuple(
        Concept(
            f"c{at}",
            "s",
            "category",
            {"en": text if text.strip() else "x"},
            {"en": (text if text.strip() else "y", "z")},
            {"und": (f"{text}|",)},
            {"de": text},
            text,
        )
        for at, text in enumerate(ODD)
    )
    ends = (("c|1", "c\\2"), ("c,3", "c|1"))
    ids = sorted({id for pair in ends for id in pair})
    concepts += tuple(Concept(id, "s", "category", {"en": id}) for id in ids)
    taxonomy = Taxonomy.of(
        TaxonomyData.of(0, concepts, tuple(Relation("broader", a, b, primary=True) for a, b in ends))
    )
    assert len(taxonomy) == len(concepts) and len(taxonomy.relations) == 2
    assert _back(taxonomy, name).revision == taxonomy.revision


@given(st.lists(st.text(max_size=5).filter(lambda text: bool(text.strip())), max_size=4))
def test_lists_in_a_cell(items: list[str]) -> None:
    assert table.split(table.join(items)) == items


def test_lists_with_loose_spacing() -> None:
    assert table.split(" red | blue||C:\\dir | a\\|b ") == ["red", "blue", "C:\\dir", "a|b"]


def test_the_columns_of_a_full_table(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        "id,kind,pref_label@en,pref_label@zh,alt_label@en,status,choice,broader,value_of,applies_to,excludes\r\n"
        "shoe,,Shoe,鞋,trainer|sneaker,,,,,,\r\n"
        "boot,,Boot,,,candidate,,shoe|elsewhere,,,shoe2\r\n"
        "shoe2,,Other,,,,,,,,\r\n"
        "colour,attribute,Colour,,,,single,,,shoe,\r\n"
        "red,,Red,,,,,,colour,,\r\n",
    )
    assert found.concepts[0] == Concept("boot", "kgtag", "category", {"en": "Boot"}, status="candidate")
    assert found.concepts[1] == Concept("colour", "kgtag", "attribute", {"en": "Colour"}, choice="single")
    assert found.concepts[2].kind == "value"
    assert found.concepts[3] == Concept(
        "shoe", "kgtag", "category", {"en": "Shoe", "zh": "鞋"}, {"en": ("trainer", "sneaker")}
    )
    assert found.relations == (
        Relation("applies_to", "colour", "shoe"),
        Relation("broader", "boot", "elsewhere"),
        Relation("broader", "boot", "shoe", primary=True),
        Relation("excludes", "boot", "shoe2"),
        Relation("value_of", "red", "colour"),
    )


def test_ids_labels_and_parents_are_enough(tmp_path: Path) -> None:
    found = _read(tmp_path, "\ufeffid;label;parent;Count\n1;Shoes;\n2;Boots;1\n3;Clogs;shoes\n4;Hats;99\n")
    assert [(r.source, r.target) for r in found.relations] == [("2", "1"), ("3", "1"), ("4", "99")]
    assert found.concepts[0] == Concept("1", "kgtag", "category", {"en": "Shoes"})
    assert found.notes == (
        "1 columns of t.csv are unknown and were left out, e.g. 'Count'",
        "t.csv names no language for its labels; they were taken as 'en'; --lang names another",
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_as_spreadsheets_save_them(tmp_path: Path, encoding: str, end: str) -> None:
    lines = ["sep=|", "ID|Pref_Label@en|PARENT", "1|Shoes, all|", "2|Schnürstiefel|1", ""]
    file = tmp_path / "t.csv"
    file.write_bytes(end.join(lines).encode(encoding))
    found = tabular.read([file])
    assert [(c.id, c.pref_label) for c in found.concepts] == [
        ("1", {"en": "Shoes, all"}),
        ("2", {"en": "Schnürstiefel"}),
    ]
    assert found.relations == (Relation("broader", "2", "1", primary=True),) and found.notes == ()


def test_labels_and_parents_are_enough(tmp_path: Path) -> None:
    content = "label,parent\nMen,\nWomen,\nShoes,Men\nShoes,Women\nBoots,Footwear\nT-Shirt,Men\n"
    found = _read(tmp_path, content, lang="en")
    assert [concept.id for concept in found.concepts] == [
        "kgtag:boots",
        "kgtag:footwear",
        "kgtag:men",
        "kgtag:men.shoes",
        "kgtag:t-shirt",
        "kgtag:women",
        "kgtag:women.shoes",
    ]
    edges = {(r.source, r.target) for r in found.relations}
    assert ("kgtag:men.shoes", "kgtag:men") in edges and ("kgtag:boots", "kgtag:footwear") in edges
    assert found.notes == (
        "6 rows have no id; ids were made from their names, e.g. 'kgtag:men'",
        "1 parents have no row of their own and were made, e.g. 'Footwear'",
    )
    assert _read(tmp_path, content, lang="en") == found


def test_a_path_is_enough(tmp_path: Path) -> None:
    found = _read(tmp_path, "path\nApparel > Clothing > Shoes\nApparel\nHome > Shoes\n", lang="de")
    assert {c.id: c.label("de") for c in found.concepts} == {
        "kgtag:apparel": "Apparel",
        "kgtag:apparel.clothing": "Clothing",
        "kgtag:apparel.clothing.shoes": "Shoes",
        "kgtag:home": "Home",
        "kgtag:home.shoes": "Shoes",
    }
    assert [(r.source, r.target) for r in found.relations] == [
        ("kgtag:apparel.clothing", "kgtag:apparel"),
        ("kgtag:apparel.clothing.shoes", "kgtag:apparel.clothing"),
        ("kgtag:home.shoes", "kgtag:home"),
    ]


def test_paths_with_ids_meet_on_the_rows(tmp_path: Path) -> None:
    found = _read(tmp_path, "id,path,synonyms\nb,A > B,bee|bi\na,A,\n", lang="en")
    assert [(c.id, c.label()) for c in found.concepts] == [("a", "A"), ("b", "B")]
    assert found.concepts[1].alt_label == {"en": ("bee", "bi")}
    assert found.relations == (Relation("broader", "b", "a", primary=True),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,label\n", "there are no rows below the column names"),
        ("id,notes\na,b\n", r"no column of names was recognised among 'id', 'notes'; .* --column label='notes'"),
        ("id,label,parnet\na,A,\n", r":1:3: column 'parnet': .*did you mean parent\? If so, --column parent='parnet'"),
        ("id,pref_label@e\na,A\n", r":1:2: column 'pref_label@e': 'e' is not a language tag"),
        ("id,Label,label\na,A,B\n", r":1:3: column 'label': a second column of pref_label@en"),
        ("id,id,label\na,b,c\n", r":1:2: column 'id': a second column of id"),
        ("sku,categories\n1,\n", "no row has a category"),
    ],
)
def test_tables_that_cannot_be_read_say_why(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        _read(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("id,label\na,A\n\n,B\n", "1 rows have no id; theirs was made from the name, e.g. t.csv:4 ('B')"),
        ("id,label\na,A\nb, \n", "1 rows have no name and are called by their id, e.g. t.csv:3 ('b')"),
        ("id,label,x\na,A,\n,,1\n", "1 rows have neither an id nor a name and were left out, e.g. t.csv:3"),
        (
            "id,label\na,A\na,B\n",
            "1 rows have the id of an earlier row and another name; they were left out, "
            "e.g. t.csv:3 ('a', first in line 2)",
        ),
        ("label\nShoes\nshoes\n", "1 rows repeat an earlier one and were joined with it, e.g. t.csv:3 ('kgtag:shoes')"),
        (
            "id,label,kind\na,A,thing\n",
            "1 rows have a kind that is none of category, attribute, value; it was taken as category, "
            "e.g. t.csv:2 ('thing')",
        ),
        (
            "id,label\na,A\nb,B,c,d\n",
            "1 rows have more cells than the table has columns (text with separators needs quotes) and were left out, "
            "e.g. t.csv:3",
        ),
        (
            'id,label\n"a,b",A\n"c"d,B\n5,24" screen\n6,"24" screen"\n7,"open\n8,E\n',
            "3 rows have quotes in the middle of a cell (text with quotes needs quotes around it, and its own doubled) "
            "and were read as well as they could be, e.g. t.csv:3; t.csv:5; t.csv:6",
        ),
        ("path\nA\nA > > B\n", "1 paths have an empty level and were left out, e.g. t.csv:3 ('A >  > B')"),
        ("id,label,parent\na,A,a\nb,B,a\n", "1 rows are their own parent, which was left out, e.g. t.csv:2 ('a')"),
        (
            "id,label,parent\na,S,\nb,S,\nc,T,s\n",
            "1 rows name a parent by a label of several rows, and stand at the top; name it by its id, "
            "e.g. t.csv:4 ('s': a, b)",
        ),
        (
            "id,label,broader\na,A,b\nb,B,c\nc,C,a\n",
            "1 parents close a circle and were left out, e.g. t.csv:4 ('c' under 'a')",
        ),
        (
            "id,label,value_of\na,A,b|c\nb,B,\nc,C,\n",
            "1 values have several attributes; the first counts, e.g. t.csv:2 ('a')",
        ),
    ],
)
def test_a_bad_row_is_a_note_with_its_line(tmp_path: Path, content: str, fault: str) -> None:
    found = _read(tmp_path, content, lang="en")
    assert found.faults == (fault,) and fault in found.notes and found.concepts


def test_a_row_without_a_name_is_called_by_its_id(tmp_path: Path) -> None:
    found = _read(tmp_path, "id,label,parent\na,A,\nb,,a\n", lang="en")
    assert [c.pref_label for c in found.concepts] == [{"en": "A"}, {"und": "b"}]
    assert found.relations == (Relation("broader", "b", "a", primary=True),)


def test_one_edge_of_a_long_circle_is_left_out(tmp_path: Path) -> None:
    size = 10_000
    content = "id,label,parent\n" + "".join(f"{n},{n},{(n + 1) % size}\n" for n in range(size))
    found = _read(tmp_path, content, lang="en")
    assert len(found.relations) == size - 1 and len(found.faults) == 1


def test_what_has_values_is_an_attribute(tmp_path: Path) -> None:
    found = _read(tmp_path, "code;label;attribute\nred;Red;colour\ncolour;Colour;\n", lang="en")
    assert [(c.id, c.kind) for c in found.concepts] == [("colour", "attribute"), ("red", "value")]


def test_attributes_are_named_by_label_or_made(tmp_path: Path) -> None:
    found = _read(tmp_path, "id,label,attribute\n1,Colour,\n2,Red,colour\n3,Blue,1\n", lang="en")
    assert [(r.source, r.target) for r in found.relations] == [("2", "1"), ("3", "1")]
    assert [c.kind for c in found.concepts] == ["attribute", "value", "value"]
    made = _read(tmp_path, "label,attribute\nRed,Colour\nBlue,Colour\n", lang="en")
    assert [(c.id, c.kind) for c in made.concepts] == [
        ("kgtag:blue", "value"),
        ("kgtag:colour", "attribute"),
        ("kgtag:red", "value"),
    ]
    assert made.faults == () and len(made.relations) == 2


def test_levels_that_are_left_blank_are_those_of_the_row_above(tmp_path: Path) -> None:
    text = "Level 1,Level 2,Level 3\nGarden,,\n,Tools,\n,,Spades\n,,Rakes\nKitchen,,\n,Knives,\n"
    found = _read(tmp_path, text)
    above = {edge.source: edge.target for edge in found.relations}
    labels = {one.id: one.label() for one in found.concepts}
    assert {labels[child]: labels[parent] for child, parent in above.items()} == {
        "Tools": "Garden", "Spades": "Tools", "Rakes": "Tools", "Knives": "Kitchen"
    }  # fmt: skip
    assert any("4 rows leave their first levels blank" in one for one in found.notes)


def test_chinese_headers(tmp_path: Path) -> None:
    found = _read(tmp_path, "编号,名称,上级\n1,服装,\n2,连衣裙,1\n")
    assert [one.pref_label for one in found.concepts] == [{"zh": "服装"}, {"zh": "连衣裙"}]
    assert [(edge.source, edge.target) for edge in found.relations] == [("2", "1")]
    levels = _read(tmp_path, "一级分类,二级分类\n服装,连衣裙\n服装,衬衫\n", lang="zh")
    assert len(levels.concepts) == 3 and len(levels.relations) == 2


def test_a_parent_may_be_named_by_its_notation(tmp_path: Path) -> None:
    found = _read(tmp_path, "notation,label,parent\nA,Tents,\nA.1,Dome tents,A\n")
    assert [(edge.source, edge.target) for edge in found.relations] and len(found.concepts) == 2


def test_the_header_is_the_first_full_row_where_none_is_known(tmp_path: Path) -> None:
    text = "Export;;;\nStand 1.1.;;;\nKode;Sortiment;Ober;Notiz\n1;Zelte;;x\n2;Kuppelzelte;1;x\n"
    with pytest.raises(FileFormatError, match="no column of names was recognised among 'Kode', 'Sortiment'"):
        _read(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("shop.xlsx", b"PK\x03\x04\x14\x00\x82", "this is a spreadsheet, or another packed file; save it as CSV"),
        ("shop.yaml", b"- id: shoes\n  label: Shoes\n", "YAML is not read; save it as CSV or JSONL"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, raw: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(FileFormatError, match=message):
        tabular.read([tmp_path / name])


def test_paths_with_two_separators_are_noted(tmp_path: Path) -> None:
    found = _read(tmp_path, "path\nHome > Pots\nHome>Woks\nHome / Kettles\n")
    assert any("2 paths of one level may have another separator" in one for one in found.notes)
