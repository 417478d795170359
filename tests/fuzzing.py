"""Bad files of every import format: small valid ones mutated at random, and structured attacks on memory and time.

A format needs one thing here: an entry in `SEEDS`, which writes a few rows the format's way. Everything else follows.

    python -m tests.fuzzing FORMAT FOLDER     every structured case of a format, in bounded memory and time
"""

from __future__ import annotations

import gzip
import json
import random
import re
import resource
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from graph.errors import InputError
from graph.sqlite.store import SqliteStore
from kgtag.data.importing import import_files, import_formats

MEMORY = 2 << 30
"""Bytes of address space for the structured cases of one format, libraries included."""
SECONDS = 120
"""For one structured case on a busy machine."""


@dataclass(frozen=True)
class Row:
    """One concept to write: `parent` is an id or None; `aliases` where the format has any."""

    id: str
    label: str
    parent: str | None = None
    aliases: Sequence[str] = ()


@dataclass(frozen=True)
class File:
    """A file to import, and how."""

    name: str
    content: bytes
    rows: str = "annotated"


Write = Callable[[Sequence[Row]], File]
SMALL = (Row("a", "Shoes"), Row("b", "Running shoes", "a", ("runners", "跑鞋")), Row("c", "Sandals", "a"))


def _jsonl(rows: Sequence[Row]) -> File:
    lines = []
    for row in rows:
        fields: dict[str, Any] = {"id": row.id, "scheme": "s", "kind": "category", "pref_label": {"en": row.label}}
        fields |= {"alt_label": {"en": list(row.aliases)}, "broader": [row.parent] if row.parent else []}
        lines.append(json.dumps(fields, ensure_ascii=False))
    return File("seed.jsonl", "\n".join(lines).encode())


def _shopify(rows: Sequence[Row]) -> File:
    found = [{"id": row.id, "name": row.label, "parent_id": row.parent} for row in rows]
    return File("en.json", json.dumps({"verticals": [{"categories": found}]}, ensure_ascii=False).encode())


def _shopify_dist(rows: Sequence[Row]) -> File:
    """The first row is the attribute of all categories, with a value named as each of them."""
    colour = {"id": "colour", "name": rows[0].label, "handle": "colour"}
    categories = [{"id": row.id, "name": row.label, "parent_id": row.parent, "attributes": [colour]} for row in rows]
    values = [{"id": f"value {row.id}", "name": row.label, "handle": "x"} for row in rows]
    document = {"verticals": [{"categories": categories}], "attributes": [colour | {"values": values}]}
    return File("en.json", json.dumps(document, ensure_ascii=False).encode())


def _shopify_text(rows: Sequence[Row]) -> File:
    lines = [f"{_number(row.id)} : {' > '.join(path)}" for row, path in _named_paths(rows)]
    return File("en.txt", "\n".join(lines).encode())


def _ttl(rows: Sequence[Row]) -> File:
    lines = ["@prefix skos: <http://www.w3.org/2004/02/skos/core#> ."]
    for row in rows:
        said = f"<http://x.test/{row.id}> a skos:Concept ; skos:prefLabel {json.dumps(row.label)}@en"
        said += "".join(f" ; skos:altLabel {json.dumps(alias)}@en" for alias in row.aliases)
        said += f" ; skos:broader <http://x.test/{row.parent}>" if row.parent else ""
        lines.append(said + " .")
    return File("seed.ttl", "\n".join(lines).encode())


def _rdf(rows: Sequence[Row]) -> File:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:skos="http://www.w3.org/2004/02/skos/core#">'
    ]
    for row in rows:
        lines.append(f'<skos:Concept rdf:about="http://x.test/{row.id}">')
        lines.append(f'<skos:prefLabel xml:lang="en">{row.label}</skos:prefLabel>')
        lines += [f'<skos:altLabel xml:lang="en">{alias}</skos:altLabel>' for alias in row.aliases]
        lines += [f'<skos:broader rdf:resource="http://x.test/{row.parent}"/>'] if row.parent else []
        lines.append("</skos:Concept>")
    return File("seed.rdf", "\n".join([*lines, "</rdf:RDF>"]).encode())


def _jsonld(rows: Sequence[Row]) -> File:
    skos = "http://www.w3.org/2004/02/skos/core#"
    found = []
    for row in rows:
        fields: dict[str, Any] = {"@id": f"http://x.test/{row.id}", "@type": [skos + "Concept"]}
        fields[skos + "prefLabel"] = [{"@value": row.label, "@language": "en"}]
        fields[skos + "altLabel"] = [{"@value": alias, "@language": "en"} for alias in row.aliases]
        if row.parent:
            fields[skos + "broader"] = [{"@id": f"http://x.test/{row.parent}"}]
        found.append(fields)
    return File("seed.jsonld", json.dumps(found, ensure_ascii=False).encode())


def _nquads(rows: Sequence[Row]) -> File:
    skos = "http://www.w3.org/2004/02/skos/core#"
    lines = []
    for row in rows:
        node = f"<http://x.test/{row.id}>"
        lines.append(f"{node} <{skos}prefLabel> {json.dumps(row.label, ensure_ascii=False)}@en <http://x.test/g> .")
        lines.append(f"{node} <{skos}inScheme> <http://x.test/s> <http://x.test/g> .")
        lines += [f"{node} <{skos}altLabel> {json.dumps(alias, ensure_ascii=False)} ." for alias in row.aliases]
        lines += [f"{node} <{skos}broader> <http://x.test/{row.parent}> _:g ."] if row.parent else []
    return File("seed.nq", "\n".join(lines).encode())


def _owl(rows: Sequence[Row]) -> File:
    lines = [
        '<?xml version="1.0"?>\n<!DOCTYPE rdf:RDF [<!ENTITY owl "http://www.w3.org/2002/07/owl#">'
        '<!ENTITY x "http://x.test/">]>\n<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#" xmlns:owl="&owl;">'
    ]
    for row in rows:
        lines.append(f'<owl:Class rdf:about="&x;{row.id}"><rdfs:label>{row.label}</rdfs:label>')
        lines += [f"<rdfs:label>{alias}</rdfs:label>" for alias in row.aliases]
        lines += [f'<rdfs:subClassOf rdf:resource="&x;{row.parent}"/>'] if row.parent else []
        lines.append("</owl:Class>")
    return File("seed.owl", "\n".join([*lines, "</rdf:RDF>"]).encode())


def _annotated(rows: Sequence[Row]) -> File:
    lines = [
        json.dumps({"id": r.id, "title": f"{r.label} x", "category": r.parent, "attributes": {"kind": [r.label]}})
        for r in rows
    ]
    return File("seed.jsonl", "\n".join(lines).encode())


def _annotated_csv(rows: Sequence[Row]) -> File:
    lines = ["id,title,category,attributes"]
    for row in rows:
        attributes = json.dumps({"kind": [row.label]}).replace('"', '""')
        lines.append(f'{row.id},"{row.label} x",{row.parent or ""},"{attributes}"')
    return File("seed.csv", "\n".join(lines).encode())


def _spans(rows: Sequence[Row]) -> File:
    lines = [
        json.dumps({"id": r.id, "text": r.label, "spans": [{"start": 0, "end": len(r.label), "label": "kind"}]})
        for r in rows
    ]
    return File("seed.jsonl", "\n".join(lines).encode(), rows="spans")


def _extractgpt(rows: Sequence[Row]) -> File:
    lines = [
        json.dumps({"input": r.label, "category": r.parent or "x", "target_scores": {"kind": {r.label: 1}}})
        for r in rows
    ]
    return File("seed.jsonl", "\n".join(lines).encode(), rows="extractgpt")


def _bio(rows: Sequence[Row]) -> File:
    lines = [json.dumps({"tokens": [r.label, "x"], "labels": ["B-kind", "O"]}) for r in rows]
    return File("seed.jsonl", "\n".join(lines).encode(), rows="bio")


def _bieos(rows: Sequence[Row]) -> File:
    return File("seed.txt", "".join(f"{r.label[:1]}\tS-kind\nx\tO\n\n" for r in rows).encode(), rows="bieos")


def _number(id: str) -> int:
    """For formats whose ids are numbers."""
    return zlib.crc32(id.encode())


def _named_paths(rows: Sequence[Row]) -> Iterator[tuple[Row, list[str]]]:
    """Nothing but paths, so no cycles; the labels of at most 30 concepts above."""
    by_id = {row.id: row for row in rows}
    for row in rows:
        path, above = [row.label], by_id.get(row.parent or "")
        while above is not None and len(path) < 30:
            path.append(above.label)
            above = by_id.get(above.parent or "")
        yield row, path[::-1]


def _google(rows: Sequence[Row]) -> File:
    lines = [f"{_number(row.id)} - {' > '.join(path)}" for row, path in _named_paths(rows)]
    return File("en.txt", "\n".join(lines).encode())


def _google_without_ids(rows: Sequence[Row]) -> File:
    return File("en.txt", "\n".join(" > ".join(("Top", *path)) for _, path in _named_paths(rows)).encode())


def _gpc(rows: Sequence[Row]) -> File:
    """Nothing but the order says what is below what: the first row is the segment of all others."""
    levels = ("segment", *("family" for _ in rows[1:]))
    lines = [f"{_number(row.id)}\t{row.label}\t (GPC {level})" for row, level in zip(rows, levels, strict=True)]
    return File("seed.tsv", "\n".join(lines).encode())


def _openfoodfacts(rows: Sequence[Row]) -> File:
    by_id = {row.id: row for row in rows}
    blocks = []
    for row in rows:
        above = f"< en:{by_id[row.parent].label if row.parent in by_id else row.parent}\n" if row.parent else ""
        blocks.append(f"{above}en:{', '.join([row.label, *row.aliases])}")
    return File("seed.txt", "\n\n".join(blocks).encode())


def _bestbuy(rows: Sequence[Row]) -> File:
    by_id = {row.id: row for row in rows}
    found = []
    for row in rows:
        above = by_id.get(row.parent or "")
        path = [{"id": one.id, "name": one.label} for one in (above, row) if one is not None]
        found.append({"id": row.id, "name": row.label, "path": path, "subCategories": []})
    return File("seed.json", json.dumps(found, ensure_ascii=False).encode())


def _whatnot(rows: Sequence[Row]) -> File:
    found = [
        {
            "id": _number(row.id),
            "type": row.id,
            "label": row.label,
            "parent_id": None if row.parent is None else _number(row.parent),
            "allows_inventory": True,
        }
        for row in rows
    ]
    return File("seed.json", json.dumps({"version": "1", "categories": found}, ensure_ascii=False).encode())


def _gs1(rows: Sequence[Row]) -> File:
    head = "gs1: <https://ref.gs1.org/voc/>", "owl: <http://www.w3.org/2002/07/owl#>"
    lines = [f"@prefix {one} ." for one in (*head, "rdfs: <http://www.w3.org/2000/01/rdf-schema#>")]
    for row in rows:
        said = f"<https://ref.gs1.org/voc/{row.id}> a owl:Class ; rdfs:label {json.dumps(row.label)}@en"
        said += "".join(f" , {json.dumps(alias)}@en" for alias in row.aliases)
        said += f" ; rdfs:subClassOf <https://ref.gs1.org/voc/{row.parent}>" if row.parent else ""
        lines.append(said + " .")
    return File("seed.ttl", "\n".join(lines).encode())


def _graphml(rows: Sequence[Row]) -> File:
    keys = ("label", "kind", "scheme", "prefLabel@en", "altLabel@en")
    lines = ['<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">']
    lines += [f'<key id="k{n}" for="node" attr.name="{key}" attr.type="string"/>' for n, key in enumerate(keys)]
    lines.append('<key id="r" for="edge" attr.name="relation" attr.type="string"/><graph edgedefault="directed">')
    for row in rows:
        values = (row.label, "category", "s", row.label, "\n".join(row.aliases))
        data = "".join(f'<data key="k{n}">{value}</data>' for n, value in enumerate(values) if value)
        lines.append(f'<node id="{row.id}">{data}</node>')
    lines += [
        f'<edge source="{row.id}" target="{row.parent}"><data key="r">broader</data></edge>'
        for row in rows
        if row.parent
    ]
    return File("seed.graphml", "\n".join([*lines, "</graph></graphml>"]).encode())


def _csv(rows: Sequence[Row]) -> File:
    lines = ["id,label,parent,synonyms"]
    lines += [f'{row.id},"{row.label}",{row.parent or ""},"{"|".join(row.aliases)}"' for row in rows]
    return File("seed.csv", "\n".join(lines).encode())


def _csv_paths(rows: Sequence[Row]) -> File:
    return File("seed.tsv", "\n".join(["path", *(f"{row.parent or 'Top'} > {row.label}" for row in rows)]).encode())


def _csv_title(rows: Sequence[Row]) -> File:
    """Below a title, with tiers, values and a column that needs its name."""
    lines = ["Export;;;", "Code;Parent ID;label-en_US;attribute"]
    lines += [f'{row.id};{row.parent or ""};"{row.label}";{row.parent or ""}' for row in rows]
    return File("seed.csv", "\r\n".join(lines).encode())


def _csv_products(rows: Sequence[Row]) -> File:
    lines = ["SKU,Name,Categories"]
    lines += [f'{row.id},"{row.label}","{row.parent or "Top"} > {row.label}, {row.label}"' for row in rows]
    return File("seed.csv", "\n".join(lines).encode())


SEEDS: dict[str, tuple[Write, ...]] = {
    "jsonl": (_jsonl,),
    "shopify": (_shopify, _shopify_dist, _shopify_text),
    "skos": (_ttl, _rdf, _jsonld, _nquads),
    "owl": (_owl,),
    "google": (_google, _google_without_ids),
    "gpc": (_gpc,),
    "openfoodfacts": (_openfoodfacts,),
    "bestbuy": (_bestbuy,),
    "whatnot": (_whatnot,),
    "gs1": (_gs1,),
    "graphml": (_graphml,),
    "csv": (_csv, _csv_paths, _csv_title, _csv_products),
    "annotated": (_annotated, _annotated_csv, _spans, _extractgpt, _bio, _bieos),
}


def seeds(format: str) -> tuple[Write, ...]:
    if format not in SEEDS:
        raise LookupError(f"the import format {format!r} has no seed to fuzz it with: add one to SEEDS in {__file__}")
    return SEEDS[format]


# -- at random ----------------------------------------------------------------------------------------------------

_NASTY = (
    b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x00", b"\\ud800", b"\\u0000", b"\xef\xbb\xbf",
    b"9" * 400, b"1e999", b"-0", b"NaN", b"null", b"true", b"[]", b"{}", b'""', b'"', b"'", b"\\", b"<", b">", b"&",
    b"&x;", b"<!--", b"<![CDATA[", b"]]>", b"[" * 300, b"{" * 300, b"(" * 300, b"\r", b"\r\n", b"\n\n", b"\t", b",",
    b"\xe2\x80\xa8", b"\xc2\x85", b"@en", b"@x-y", b"_:b", b"<>", b" . ", b" ; ", b"\x1f\x8b", b" " * 300,
)  # fmt: skip


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The same bytes after one to six accidents."""
    for _ in range(rng.randint(1, 6)):
        at = rng.randint(0, len(content))
        to = min(len(content), at + rng.randint(1, 40))
        match rng.randrange(7):
            case 0:
                content = content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
            case 1:
                content = content[:at] if rng.random() < 0.3 else content[:at] + content[to:]
            case 2:
                content = content[:to] + content[at:to] * rng.randint(1, 5) + content[to:]
            case 3 | 4:
                content = content[:at] + rng.choice(_NASTY) + content[at:]
            case 5:
                content = content[:at] + rng.choice(_NASTY) + content[to:]
            case 6:
                numbers = list(re.finditer(rb"\w+", content)) or [re.compile(b"").match(b"")]
                word = rng.choice(numbers)
                assert word is not None
                content = content[: word.start()] + rng.choice(_NASTY) + content[word.end() :]
    return content


def mutants(format: str, rng: random.Random) -> Iterator[File]:
    """Without end; one in ten is gzipped, and may be damaged after that."""
    originals = [write(SMALL) for write in seeds(format)]
    while True:
        one = rng.choice(originals)
        content = mutated(one.content, rng)
        name = one.name
        if rng.random() < 0.1:
            name, content = f"{name}.gz", gzip.compress(content, mtime=0)
            content = mutated(content, rng) if rng.random() < 0.5 else content
        yield File(name, content, one.rows)


# -- structured ---------------------------------------------------------------------------------------------------


def structured(format: str, *, brief: bool = False) -> Iterator[tuple[str, Callable[[], File]]]:
    """(name, how to make it): made one at a time, for some are large.

    `brief` makes trees an eighth as large (deeper than Python may recurse) and texts of 10 MB of 2, leaves what is
    large to the first notation, for what comes after its parser is the same for all, and the bomb that takes longest
    to JSONL.
    """
    trees = _trees(1_250 if brief else 10_000, 2 if brief else 10)
    for number, write in enumerate(seeds(format)):
        kind = write.__name__.strip("_")
        for name, rows in trees.items():
            if brief and number and (",250" in name or ",500" in name or " MB" in name):
                continue
            yield f"{kind}: {name}", lambda write=write, rows=rows: write(rows())  # type: ignore[misc]
        for name, content in _raw(write(SMALL), 2 if brief else 10):
            bomb = "bomb" in name  # Unpacking is the same for all, and slow.
            if not bomb or not (number or (brief and "lines" in name and format != "jsonl")):
                yield f"{kind}: {name}", content


def _cycle(length: int) -> list[Row]:
    return [Row(f"n{i}", f"Node {i}", f"n{(i + 1) % length}") for i in range(length)]


def _trees(n: int, megabytes: int) -> dict[str, Callable[[], list[Row]]]:
    return {
        "a concept below itself": lambda: _cycle(1),
        "a cycle of 2": lambda: _cycle(2),
        f"a cycle of {n:,}": lambda: _cycle(n),
        f"a chain of {n:,}": lambda: [Row(f"n{i}", f"Node {i}", f"n{i - 1}" if i else None) for i in range(n)],
        "an id twice": lambda: [Row("a", "One"), Row("a", "Two")],
        f"{n:,} times the same id": lambda: [Row("a", f"Label {i}") for i in range(n)],
        f"a label of {megabytes} MB": lambda: [Row("a", "x" * megabytes * 1_000_000)],
        f"an id of {megabytes} MB": lambda: [Row("x" * megabytes * 1_000_000, "A")],
        f"{10 * n:,} aliases": lambda: [Row("a", "A", None, [f"alias {i}" for i in range(10 * n)])],
        "a parent that is not there": lambda: [Row("a", "A", "nowhere")],
        f"one parent of {n:,}": lambda: [Row("top", "Top"), *(Row(f"n{i}", "Same label", "top") for i in range(n))],
    }


@cache
def _packed(byte: bytes) -> bytes:
    """10 MB of a byte, gzipped."""
    return gzip.compress(byte * 10_000_000, mtime=0)


def _raw(seed: File, megabytes: int) -> Iterator[tuple[str, Callable[[], File]]]:
    def named(content: Callable[[], bytes], gz: str = "") -> Callable[[], File]:
        return lambda: File(seed.name + gz, content(), seed.rows)

    yield "nothing", named(lambda: b"")
    yield "one byte order mark", named(lambda: b"\xef\xbb\xbf")
    yield "a byte order mark before it", named(lambda: b"\xef\xbb\xbf" + seed.content)
    yield "UTF-16", named(lambda: seed.content.decode().encode("utf-16"))
    yield f"{megabytes} MB of noise", named(lambda: random.Random(1).randbytes(megabytes * 1_000_000))
    yield "a gzip bomb of 400 MB", named(lambda: _packed(b"0") * 40, ".gz")
    yield "a gzip bomb of lines", named(lambda: _packed(b"\n"), ".gz")
    yield "half a gzip file", named(lambda: gzip.compress(seed.content * 50, mtime=0)[:-20], ".gz")
    for bracket, closing in (("[", "]"), ("{", "}"), ("(", ")"), ('{"a":', "}"), ("<a>", "</a>")):
        deep = (bracket * 100_000 + "1" + closing * 100_000).encode()
        yield f"100,000 {bracket}", named(lambda deep=deep: deep)  # type: ignore[misc]
        within = seed.content.replace(b"Sandals", deep)
        yield f"100,000 {bracket} within", named(lambda within=within: within)  # type: ignore[misc]
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    for what, declared in (
        ("a billion laughs", f'<!ENTITY l0 "ha">{laughs}'),
        ("an external entity", '<!ENTITY l9 SYSTEM "file:///etc/passwd">'),
        ("a parameter entity", '<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p; <!ENTITY l9 "x">'),
    ):
        head = b'<?xml version="1.0"?>\n<!DOCTYPE x [' + declared.encode() + b"]>\n"
        body = re.sub(rb"^<\?xml[^>]*>\s*", b"", seed.content).replace(b"Sandals", b"&l9;")
        yield what, named(lambda head=head, body=body: head + body)  # type: ignore[misc]


# -- the property -------------------------------------------------------------------------------------------------


class Fuzzer:
    """Imports files one by one, each into an empty store."""

    def __init__(self, format: str, folder: Path) -> None:
        self.format = format
        self.folder = folder
        self.empty = folder / "empty.db"
        store = SqliteStore.open(self.empty)
        store.migrate()
        store.close()

    def outcome(self, file: File) -> str:
        """ "read", or what InputError said; any other exception comes through."""
        db, path = self.folder / "fuzz.db", self.folder / file.name
        path.write_bytes(file.content)
        db.write_bytes(self.empty.read_bytes())
        store = SqliteStore.open(db)
        try:
            report = import_files(store, self.format, [path], author="fuzz", scheme="fuzz", rows=file.rows)
        except InputError as error:
            if len(str(error)) > 5_000:
                raise AssertionError(f"a message of {len(str(error))} characters") from error
            if store.read().version:
                raise AssertionError("something was imported before the error") from error
            return f"{type(error).__name__}: {error}"
        else:
            if report.taxonomy.problems:
                raise AssertionError(f"an unsound import: {report.taxonomy.problems[:3]}")
            return "read"
        finally:
            store.close()
            path.unlink()


def main(format: str, folder: Path, *, brief: bool) -> int:
    """Every structured case; how many failed."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    def late(*_: object) -> None:
        raise TimeoutError(f"{SECONDS} s were not enough")

    signal.signal(signal.SIGALRM, late)
    fuzzer = Fuzzer(format, folder)
    failed = 0
    for name, make in structured(format, brief=brief):
        started = time.perf_counter()
        file = make()
        signal.alarm(SECONDS)
        try:
            said = fuzzer.outcome(file)
        except Exception as error:
            said = f"FAILED: {type(error).__name__}: {str(error)[:500]}"
            failed += 1
        signal.alarm(0)
        sys.stdout.write(f"{time.perf_counter() - started:6.1f} s  {name}: {' '.join(said.split())[:160]}\n")
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    if sys.argv[1] not in import_formats():
        sys.exit(f"no import format {sys.argv[1]!r}")
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), brief="--brief" in sys.argv[3:]) != 0)
