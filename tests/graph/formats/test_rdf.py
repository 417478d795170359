"""Hostile and oversized files: refused or read, quickly, and never followed to other files."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.errors import FileFormatError
from graph.formats import graphml, skos
from graph.formats.parsed import Parsed
from graph.model import Concept

TTL = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n@prefix : <http://example.org/> .\n"
RDF = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:skos="http://www.w3.org/2004/02/skos/core#">'
)
CORE = "http://www.w3.org/2004/02/skos/core#"
BIG = "x" * 10_000_000
WITH_LABEL = {
    "t.ttl": TTL + ':a a skos:Concept ; skos:prefLabel "LABEL"@en .',
    "t.rdf": RDF
    + '<skos:Concept rdf:about="http://example.org/a"><skos:prefLabel xml:lang="en">LABEL</skos:prefLabel>'
    + "</skos:Concept></rdf:RDF>",
    "t.jsonld": f'{{"@id": "http://example.org/a", "@type": "{CORE}Concept", "{CORE}prefLabel": '
    '{"@value": "LABEL", "@language": "en"}}',
    "t.graphml": '<graphml><key id="l" for="node" attr.name="prefLabel@en"/><node id="http://example.org/a">'
    '<data key="l">LABEL</data></node></graphml>',
}


def _read(folder: Path, name: str, content: str) -> Parsed:
    (folder / name).write_text(content, encoding="utf-8")
    read: Callable[[list[Path]], Parsed] = graphml.read if name.endswith("graphml") else skos.read
    started = time.process_time()
    try:
        return read([folder / name])
    finally:
        assert time.process_time() - started < 30


@pytest.mark.parametrize("name", WITH_LABEL)
def test_a_label_of_megabytes(tmp_path: Path, name: str) -> None:
    label = BIG[:5_000_000] if name == "t.jsonld" else BIG
    found = _read(tmp_path, name, WITH_LABEL[name].replace("LABEL", label))
    assert found.concepts == (Concept("http://example.org/a", "t", "category", {"en": label}),)


def test_the_longest_text_in_json(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="a single text is larger than 16 MB"):
        _read(tmp_path, "t.jsonld", WITH_LABEL["t.jsonld"].replace("LABEL", 2 * BIG))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.ttl", TTL + ":a skos:note " + "[" * 100_000, "no valid Turtle"),
        ("t.ttl", TTL + ":a skos:note " + "(" * 20_000 + ")" * 20_000 + " .", "no skos:Concept"),
        ("t.ttl", TTL + ":a skos:note " + "<<( :a :b " * 50_000 + ":c" + ")>>" * 50_000 + " .", "nested too deeply"),
        ("t.jsonld", '{"http://example.org/p":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        ("t.jsonld", '{"@context":' + '{"a":{"@context":' * 5_000 + "1" + "}}" * 5_000 + "}", "nested too deeply"),
        ("t.jsonld", '{"http://example.org/p":' * 900 + "1" + "}" * 900, "nested too deeply"),
        ("t.rdf", RDF + "<skos:Concept><skos:note>" * 100_000, "nested too deeply"),
        ("t.graphml", "<graphml>" + "<node id='a'>" * 100_000, "nested too deeply"),
    ],
)
def test_deep_nesting_does_no_harm(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        _read(tmp_path, name, content)


def _laughs(root: str) -> str:
    """Ten entities, each ten of the one before: 10 GB when they are let."""
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return f'<!DOCTYPE r [<!ENTITY l0 "{"ha" * 5}">{entities}]>{root}'


@pytest.mark.parametrize("name", ["t.rdf", "t.graphml"])
@pytest.mark.parametrize(
    "declare",
    [
        _laughs,
        lambda root: f'<!DOCTYPE r [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>{root}',
        lambda root: f'<!DOCTYPE r [<!ENTITY % l9 SYSTEM "http://127.0.0.1:9/x.dtd"> %l9;]>{root}',
    ],
    ids=["billion laughs", "another file", "another dtd"],
)
def test_entities_are_refused(tmp_path: Path, name: str, declare: Callable[[str], str]) -> None:
    content = WITH_LABEL[name].replace("LABEL", "&l9;")
    with pytest.raises(
        FileFormatError, match=r"XML entit(y 'l9' leads outside the file|ies make the file grow too large)"
    ):
        _read(tmp_path, name, declare(content))


@pytest.mark.parametrize("name", ["t.rdf", "t.graphml"])
def test_internal_entities_are_read(tmp_path: Path, name: str) -> None:
    declared = "<!DOCTYPE r [<!-- ]> --><!ENTITY site 'http://example.org/'>\n<!ENTITY tea \"Tee &amp; &lt; 'Saft'\">]>"
    content = WITH_LABEL[name].replace("http://example.org/", "&site;").replace("LABEL", "<!-- &none; -->&tea;")
    (concept,) = _read(tmp_path, name, '<?xml version="1.0" encoding="UTF-8"?>' + declared + content).concepts
    assert (concept.id, concept.pref_label) == ("http://example.org/a", {"en": "Tee & < 'Saft'"})


@pytest.mark.parametrize(
    "content",
    [
        "".join(f"<!ENTITY e{n} 'x'>" for n in range(2_000)),
        f"<!ENTITY e '{'x' * 100_000}'>",
        f"<!ENTITY e '{'x' * 60_000}'>",
        "<!ENTITY e '&e;'>",
        "<!ENTITY e '&f;'><!ENTITY f '&e;'>",
    ],
)
def test_entities_that_grow(tmp_path: Path, content: str) -> None:
    labelled = WITH_LABEL["t.rdf"].replace("LABEL", "&e;" * 1_000)
    with pytest.raises(FileFormatError, match=r"too large|amplification|recursive"):
        _read(tmp_path, "t.rdf", f"<!DOCTYPE r [{content}]>{labelled}")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.rdf", '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd">' + WITH_LABEL["t.rdf"]),
        ("t.graphml", '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd">' + WITH_LABEL["t.graphml"]),
        ("t.jsonld", WITH_LABEL["t.jsonld"].replace("{", '{"@context": "http://127.0.0.1:9/c", ', 1)),
        ("t.jsonld", WITH_LABEL["t.jsonld"].replace("{", '{"@context": {"@import": "http://127.0.0.1:9/c"}, ', 1)),
        ("t.jsonld", WITH_LABEL["t.jsonld"].replace("{", '{"@context": ["/etc/hostname"], ', 1)),
    ],
)
def test_nothing_outside_the_file_is_fetched(
    tmp_path: Path, name: str, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        pytest.fail(f"a connection was tried: {args}")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    if name == "t.jsonld":
        with pytest.raises(FileFormatError, match="lies outside the file"):
            _read(tmp_path, name, content)
    else:
        assert _read(tmp_path, name, content).concepts[0].pref_label == {"en": "LABEL"}


@pytest.mark.parametrize("length", [2, 10_000])
def test_cycles_are_opened(tmp_path: Path, length: int) -> None:
    lines = [
        f":c{i} a skos:Concept ; skos:prefLabel 'c'@en ; skos:broader :c{(i + 1) % length} ." for i in range(length)
    ]
    found = _read(tmp_path, "t.ttl", TTL + "\n".join(lines))
    assert len(found.relations) == length - 1
    assert found.faults[0].startswith("1 broader relations close a cycle and were left out")


def test_a_concept_broader_than_itself_is_noted(tmp_path: Path) -> None:
    found = _read(tmp_path, "t.ttl", TTL + ":a a skos:Concept ; skos:prefLabel 'a'@en ; skos:broader :a .")
    assert (len(found.concepts), found.relations) == (1, ())
    assert "broader relations of a concept to itself" in found.notes[0]


def test_many_preferred_labels_in_one_language(tmp_path: Path) -> None:
    labels = ", ".join(f'"p{i:05}"@en' for i in range(20_000))
    (concept,) = _read(tmp_path, "t.ttl", TTL + f":a a skos:Concept ; skos:prefLabel {labels} .").concepts
    assert concept.pref_label == {"en": "p00000"}
    assert len(concept.alt_label["en"]) == 19_999


def test_concepts_without_an_address_are_counted_alike_each_time(tmp_path: Path) -> None:
    content = TTL + '[] a skos:Concept ; skos:prefLabel "a"@en . [] a skos:Concept . :b a skos:Concept .'
    notes = _read(tmp_path, "t.ttl", content).notes
    assert notes == _read(tmp_path, "t.ttl", content).notes
    assert "2 concepts have no IRI and were left out, e.g. a blank node" in notes
