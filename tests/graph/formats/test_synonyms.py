"""Synonym files, read back by the very parsers that the search engines use.

Lucene's parser and log4j come with Neo4j's jars; Solr's synonym filter is Lucene's. Elasticsearch's own parser (its
analysis module as republished on Maven Central) and OpenSearch's are fetched once. Needs a JDK, not only a JRE.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError
from graph.formats import synonyms
from graph.formats.format import ExportOptions
from graph.model import Concept, Relation
from graph.neo4j.local import jars as local_jars
from graph.taxonomy import Taxonomy
from tests.strategies import texts

ENGINES = ("lucene", "elasticsearch", "opensearch", "solr")
PARSERS = (
    ("org.codelibs.elasticsearch.module", "analysis-common", "7.10.2"),
    ("org.opensearch.plugin", "analysis-common", "2.18.0"),
)
NASTY = [
    "comma, inside",
    "arrow => inside",
    "=>",
    "a=>b",
    "= >",
    "back\\slash",
    "\\, both",
    "ends with backslash\\",
    "# looks like a comment",
    "#",
    "鞋",
    "运动 鞋",
    "👟 sneaker",
    "  padded  ",
    "two\nlines",
    "tab\tinside",
    "nul\x00inside",
    "next\u2028line",
    "T-Shirt",
    "t-shirt",
    '"quoted"',
    "50% off",
    "e\u0301",
    "s(100000001,1,'x',n,1,0).",
]

Read = Callable[..., dict[str, list[str]]]


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The class path: the reader, compiled, and every parser."""
    into = tmp_path_factory.mktemp("classes")
    jars = [str(local_jars.jars(None) / "*")]
    for group, artifact, version in PARSERS:
        root = local_jars.cached(f"synonyms-{group}-{version}")
        lib = local_jars.fetched(root, [(group, artifact, version)], title=f"{group}:{artifact}")
        jars.append(str(lib / f"{artifact}-{version}.jar"))
    source = Path(__file__).with_name("ReadSynonyms.java")
    javac = shutil.which("javac", path=str(Path(local_jars.java()[0]).resolve().parent)) or shutil.which("javac")
    assert javac, "these tests need a JDK, not only a JRE (Debian, Ubuntu: apt-get install openjdk-17-jdk-headless)"
    command = [javac, "--release", "17", "-cp", ":".join(jars), "-d", into, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return ":".join([str(into), *jars])


@pytest.fixture(scope="session")
def read(classes: str) -> Read:
    def run(engine: str, file: Path, terms: Sequence[str], *, tokens: str = "keyword") -> dict[str, list[str]]:
        """For each term, what the engine's synonym map has for it; the parser's complaint fails the test."""
        command = [local_jars.java()[0], "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", classes, "ReadSynonyms"]
        done = subprocess.run(
            [*command, engine, tokens, str(file)],
            input="".join(f"{term}\n" for term in terms),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert not done.returncode, done.stderr
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        return {term: sorted(found) for term, *found in rows}

    return run


def _taxonomy(*concepts: Concept, broader: Sequence[tuple[str, str]] = ()) -> Taxonomy:
    relations = [Relation("broader", a, b, primary=True) for a, b in broader]
    return Taxonomy.of(TaxonomyData.of(0, tuple(sorted(concepts, key=lambda c: c.id)), tuple(relations)))


def _concept(id: str, label: str, *others: str) -> Concept:
    return Concept(id, "s", "category", {"en": label}, {"en": others} if others else {})


SHOES = _taxonomy(
    Concept("shoe", "s", "category", {"en": "Shoes", "zh": "鞋"}, {"en": ("footwear",)}, {"en": ("shose",)}),
    _concept("boot", "Boots"),
    _concept("rain", "Rain Boots", "wellies, green"),
    Concept("old", "s", "category", {"en": "Clogs"}, {"en": ("sabots",)}, status="deprecated"),
    broader=[("boot", "shoe"), ("rain", "boot"), ("old", "shoe")],
)


def test_a_line_a_concept(tmp_path: Path) -> None:
    file = tmp_path / "synonyms.txt"
    assert synonyms.write(SHOES, file).notes == ()
    assert file.read_text() == "Rain Boots, wellies\\, green\nShoes, 鞋, footwear, shose\n"


def test_one_language(tmp_path: Path) -> None:
    file = tmp_path / "synonyms.txt"
    labels = {"en": "Shoe", "en-GB": "Trainer", "de": "Schuh", "und": "XR-1"}
    taxonomy = _taxonomy(Concept("a", "s", "category", labels), _concept("b", "Sock"))
    synonyms.write(taxonomy, file, options=ExportOptions(lang="en"))
    assert file.read_text() == "Shoe, Trainer, XR-1\n"


def test_one_way(tmp_path: Path) -> None:
    file = tmp_path / "synonyms.txt"
    synonyms.write(SHOES, file, options=ExportOptions(lang="en", expand="oneway"))
    assert file.read_text() == "wellies\\, green => Rain Boots\nfootwear, shose => Shoes\n"


@pytest.mark.parametrize(
    ("levels", "line"),
    [
        (1, "Shoes, footwear, shose => Shoes, footwear, shose, Boots"),
        (2, "Shoes, footwear, shose => Shoes, footwear, shose, Boots, Rain Boots, wellies\\, green"),
    ],
)
def test_broader_terms_find_narrower_ones(tmp_path: Path, levels: int, line: str) -> None:
    file = tmp_path / "synonyms.txt"
    synonyms.write(SHOES, file, options=ExportOptions(lang="en", narrower=levels))
    boots, rain, shoes = file.read_text().splitlines()
    assert boots == "Boots => Boots, Rain Boots, wellies\\, green"
    assert rain == "Rain Boots, wellies\\, green"
    assert shoes == line


def test_nothing_to_write_and_contradictions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no concept has two labels"):
        synonyms.write(_taxonomy(_concept("a", "A")), tmp_path / "s.txt")
    with pytest.raises(InputError, match="take one of the two"):
        synonyms.write(SHOES, tmp_path / "s.txt", options=ExportOptions(expand="oneway", narrower=1))
    assert not (tmp_path / "s.txt").exists()


def test_labels_no_engine_can_index_are_left_out_and_counted(tmp_path: Path, read: Read) -> None:
    file = tmp_path / "synonyms.txt"
    taxonomy = _taxonomy(_concept("a", "Sneaker", "👟", "!!", "kick"), _concept("b", "…", "dots"))
    notes = list(synonyms.write(taxonomy, file).notes)
    assert file.read_text() == "Sneaker, kick\n"
    assert notes == [
        "3 labels without a letter or digit were left out, for engines refuse a file with them, "
        "e.g. '!!' of a; '…' of b; '👟' of a"
    ]
    assert read("lucene", file, ["sneaker"], tokens="standard") == {"sneaker": ["kick"]}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("tokens", ["keyword", "whitespace", "standard"])
def test_every_engine_takes_nasty_labels(tmp_path: Path, read: Read, engine: str, tokens: str) -> None:
    """With one token a label, what comes back is the label itself."""
    file = tmp_path / "synonyms.txt"
    concepts = [_concept(f"c{i}", f"{label} x{i}", f"{label} y{i}") for i, label in enumerate(NASTY)]
    synonyms.write(_taxonomy(*concepts), file)
    tidy = [" ".join(label.replace("\x00", " ").split()) for label in NASTY]
    found = read(engine, file, [f"{label} x{i}" for i, label in enumerate(tidy)], tokens=tokens)
    if tokens == "keyword":
        own = [f"{label} x{i}" for i, label in enumerate(tidy)] if engine == "solr" else []
        assert found == {f"{label} x{i}": sorted([f"{label} y{i}", *own[i : i + 1]]) for i, label in enumerate(tidy)}


@pytest.mark.parametrize("engine", ENGINES)
def test_replacements_as_the_engine_reads_them(tmp_path: Path, read: Read, engine: str) -> None:
    file = tmp_path / "synonyms.txt"
    synonyms.write(SHOES, file, options=ExportOptions(lang="en", narrower=1))
    assert read(engine, file, ["footwear", "wellies, green", "Boots"]) == {
        "footwear": ["Boots", "Shoes", "footwear", "shose"],
        "wellies, green": ["Rain Boots", "wellies, green"] if engine == "solr" else ["Rain Boots"],
        "Boots": ["Boots", "Rain Boots", "wellies, green"],
    }


@settings(max_examples=3)
@given(labels=st.lists(texts, min_size=150, max_size=150, unique=True))
def test_any_label_reads_back(labels: list[str], read: Read, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("synonyms") / "s.txt"
    pairs = [(f"{a}1", f"2{b}") for a, b in zip(labels[::2], labels[1::2], strict=True)]
    synonyms.write(_taxonomy(*(_concept(f"c{i}", a, b) for i, (a, b) in enumerate(pairs))), file)
    tidy = [(" ".join(a.split()), " ".join(b.split())) for a, b in pairs]
    assert read("lucene", file, [a for a, _ in tidy]) == {a: [b] for a, b in tidy}
