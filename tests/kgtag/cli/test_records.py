"""The record's commands on a real SQLite file: init, migrate, import, export, diff, versions, audit, keys."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from graph.editing.edit import apply
from graph.model import ChangeSet, ItemTag, PutConcept, PutRelation, Relation, TaggedItem
from graph.stores import load_taxonomy, open_store
from kgtag.data import sample
from tests.kgtag.running import main as run

SHOPIFY = {"verticals": [{"categories": [{"id": "aa", "name": "Apparel", "parent_id": None}]}]}


def _shopify(folder: Path, lang: str, *categories: tuple[str, str, str | None]) -> Path:
    rows = [{"id": id, "name": name, "parent_id": parent} for id, name, parent in categories]
    file = folder / f"{lang}.json"
    file.write_text(json.dumps({"verticals": [{"categories": rows}]}), encoding="utf-8")
    return file


def test_from_nothing_to_a_record_and_back(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'new.db'}"
    assert run("versions", "--store", store).stderr.count("kgtag migrate") == 1
    assert run("migrate", "--status", "--json", "--store", store).code == 1
    assert run("init", "--store", store).code == 0
    assert "nothing to do" in run("init", "--store", store).stderr
    status = run("migrate", "--status", "--json", "--store", store)
    assert status.code == 0 and all(row["applied_at"] for row in status.json)

    first = run("import", "jsonl", sample.TAXONOMY, "--scheme", "sample", "--store", store, "--author", "ann", "--json")
    assert first.code == 0 and first.json["created"] == first.json["concepts"] > 600
    again = run("import", "jsonl", sample.TAXONOMY, "--scheme", "sample", "--store", store, "--json")
    assert (again.json["created"], again.json["updated"]) == (0, 0)
    versions = run("versions", "--store", store, "--json").json
    assert [(v["version"], v["author"]) for v in versions] == [(1, "ann")]

    for format, name in (("jsonl", "out.jsonl"), ("skos", "out.ttl"), ("graphml", "out.graphml")):
        out = tmp_path / name
        written = run("export", format, out, "--store", store)
        assert written.code == 0 and f"{first.json['concepts']} concepts written" in written.stderr
        compared = run("diff", store, out, "--json")
        assert compared.code == 0 and not any(compared.json.values())


def test_two_languages_and_a_difference(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'new.db'}"
    run("init", "--store", store)
    en = _shopify(tmp_path, "en", ("aa", "Apparel", None), ("aa-1", "Shoes", "aa"))
    zh = _shopify(tmp_path, "zh-CN", ("aa", "服装", None), ("aa-1", "鞋", "aa"))
    assert run("import", "shopify", en, "--store", store).code == 0
    before = tmp_path / "before.jsonl"
    run("export", "jsonl", before, "--store", store)
    merged = run("import", "shopify", zh, "--store", store, "--json").json
    assert (merged["created"], merged["updated"]) == (0, 2)
    concept = load_taxonomy(open_store(store))["aa-1"]
    assert concept.pref_label == {"en": "Shoes", "zh-CN": "鞋"}

    compared = run("diff", before, store, "--json")
    assert compared.code == 1 and any(compared.json.values())
    shown = run("diff", before, store)
    assert shown.code == 1 and "Differences" in shown.stdout


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["gogle", "x.txt"], "no import format 'gogle'; did you mean google? There is shopify, google, gpc, "),
        (["gs1", "broken.ttl"], "broken.ttl:1"),
        (["graphml", "broken.ttl"], "broken.ttl:1:1: no valid XML"),
        (["jsonl", "none.jsonl"], "none.jsonl: there is no such file"),
        (["jsonl", "."], "this is a directory; a file was expected"),
        (["jsonl", "torn.jsonl"], "torn.jsonl:2:"),
        (["jsonl", "latin1.jsonl"], "latin1.jsonl:1:"),
        (["shopify", "names.json"], "'names' is not a language tag; name the file by its language (en.json)"),
        (["shopify", "en.json", "de.json", "--lang", "en"], "2 files but one language 'en'"),
        (["skos", "broken.ttl"], "broken.ttl:1"),
        (["annotated", "torn.jsonl", "--rows", "fancy"], "no format 'fancy' of annotated products"),
        (["annotated", "plain.jsonl"], "plain.jsonl:1: neither 'attributes' nor 'spans'"),
        (["jsonl", "cycle.jsonl"], "cycle.jsonl:"),
        (["jsonl", "theirs.jsonl", "--scheme", "theirs"], "concept 'shop' belongs to scheme 'sample' already"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_import_names_what_is_wrong_and_imports_nothing(
    shop: str, tmp_path: Path, args: list[str], expected: str
) -> None:
    good = '{"id": "new", "kind": "category", "pref_label": {"en": "New"}}\n'
    (tmp_path / "torn.jsonl").write_text(good + '{"id": "half", "ki\n')
    (tmp_path / "latin1.jsonl").write_bytes(good.replace("New", "Café").encode("latin-1"))
    (tmp_path / "names.json").write_text(json.dumps(SHOPIFY))
    for lang in ("en", "de"):
        _shopify(tmp_path, lang, ("aa", "Apparel", None))
    (tmp_path / "broken.ttl").write_text("this is no Turtle")
    (tmp_path / "plain.jsonl").write_text('{"id": "1", "title": "red shoe"}\n')
    pair = [("a", "b"), ("b", "a")]
    rows = [{"id": id, "kind": "category", "pref_label": {"en": id}, "broader": [up]} for id, up in pair]
    (tmp_path / "cycle.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "theirs.jsonl").write_text(good + good.replace("new", "shop"))
    before = load_taxonomy(open_store(shop)).revision

    ran = run("import", *args, "--store", shop, "--json", cwd=tmp_path)
    assert (ran.code, ran.stdout) == (2, "")
    assert expected in ran.stderr and "Traceback" not in ran.stderr
    assert load_taxonomy(open_store(shop)).revision == before


def test_attributes_and_values_from_annotated_titles(shop: str, tmp_path: Path) -> None:
    rows = [{"input": "OTO lure 5g", "category": "Lure", "target_scores": {"Brand": {"OTO": 1}, "Depth": {"n/a": 1}}}]
    (tmp_path / "ae.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run(
        "import", "annotated", "ae.jsonl", "--rows", "extractgpt", "--scheme", "ae", "--store", shop, cwd=tmp_path
    )
    assert done.code == 0, done.stderr
    taxonomy = load_taxonomy(open_store(shop))
    assert "ae" in taxonomy.schemes
    assert [taxonomy[id].kind for id in taxonomy.lookup("OTO")] == ["value"]


def test_an_export_tells_what_it_left_out(shop: str, tmp_path: Path) -> None:
    rows = {"id": "smile", "scheme": "sample", "kind": "category", "pref_label": {"en": ":-)"}}
    (tmp_path / "more.jsonl").write_text(json.dumps(rows) + "\n")
    assert run("import", "jsonl", tmp_path / "more.jsonl", "--store", shop).code == 0
    done = run("export", "synonyms", tmp_path / "s.txt", "--lang", "en", "--narrower", "1", "--store", shop)
    assert done.code == 0, done.stderr
    assert "1 labels without a letter or digit were left out" in done.stderr
    assert " => " in (tmp_path / "s.txt").read_text()
    named = run("export", "n10s", tmp_path / "n10s.cypher", "--store", shop)
    assert named.code == 0 and '["smile", "urn:kgtag:concept:smile"]' in (tmp_path / "n10s.cypher").read_text()
    assert run("export", "skos", tmp_path / "xl.ttl", "--xl", "--store", shop).code == 0
    assert "skosxl:literalForm" in (tmp_path / "xl.ttl").read_text()
    assert run("diff", shop, tmp_path / "xl.ttl").code == 0


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["gexf", "x.gexf"], "no export format 'gexf'; there is shopify, skos, "),
        (["synonyms", "x.txt", "--narrower", "1", "--expand", "oneway"], "take one of the two"),
        (["synonyms", "no/such/x.txt"], "can't write 'no/such/x.txt'"),
        (["graphml", "no/such/x.graphml"], "can't write 'no/such/x.graphml'"),
        (["skos", "x.doc"], "the suffix '.doc' names no RDF syntax"),
        (["jsonl", "no/such/x.jsonl"], "can't write 'no/such/x.jsonl'"),
        (["jsonl", "x.jsonl", "--scheme", "smple"], "no scheme 'smple' in this taxonomy; there is sample"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_export(shop: str, tmp_path: Path, args: list[str], expected: str) -> None:
    ran = run("export", *args, "--store", shop, cwd=tmp_path)
    assert ran.code == 2 and expected in ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if "shop.db" not in path.name) == []


def test_audit(shop: str, tmp_path: Path) -> None:
    report = run("audit", "--store", shop, "--json")
    assert report.code == 0
    assert {"revision", "checks", "findings"} <= set(report.json)
    assert report.json["revision"] == load_taxonomy(open_store(shop)).revision
    found = report.json["findings"][0]
    assert {"check", "severity", "concepts", "message", "evidence"} <= set(found)

    assert run("audit", "--store", shop, "--fail-on", "info").code == 1
    one = run("audit", "--store", shop, "--check", "single_child", "--check", "orphan", "--json")
    assert {check["name"] for check in one.json["checks"]} == {"single_child", "orphan"}
    table = run("audit", "--store", shop)
    assert table.code == 0 and "single_child" in table.stdout


def test_audit_learns_from_the_tags_of_items(shop: str) -> None:
    store, kinds = open_store(shop), ("hiking-boots", "running-shoes")
    items = [
        TaggedItem(f"i{n}", f"Norda {kinds[n % 2]} no {n}", "en", "m", "r", (ItemTag(kinds[n % 2], 0.9, "exact"),))
        for n in range(200)
    ]
    items[7] = replace(items[7], tags=(ItemTag(kinds[0], 0.9, "exact"),))
    store.put_items(items)
    ran = run("audit", "--store", shop, "--check", "implausible_tag", "--budget", "0.005", "--json")
    assert [check["name"] for check in ran.json["checks"]] == ["implausible_tag"]
    (found,) = ran.json["findings"]
    assert (found["item"], found["concepts"], found["evidence"]["better"]) == ("i7", [kinds[0]], [kinds[1]])
    assert "implausible_tag" not in run("audit", "--store", shop).stdout


def test_audit_as_files_for_people_and_for_ci(shop: str, tmp_path: Path) -> None:
    names = ("audit.html", "audit.sarif", "audit.xml")
    options = ["--html", names[0], "--sarif", names[1], "--junit", names[2]]
    ran = run("audit", *options, "--fail-on", "info", "--store", shop, cwd=tmp_path)
    assert ran.code == 1 and all(f"written to {name}" in ran.stderr for name in names)
    page, log, junit = ((tmp_path / name).read_text(encoding="utf-8") for name in names)
    assert page.startswith("<!doctype html>") and "single_child" in page
    assert json.loads(log)["runs"][0]["results"]
    assert junit.startswith("<?xml") and "<failure" in junit
    refused = run("audit", "--html", "no/audit.html", "--store", shop, cwd=tmp_path)
    assert refused.code == 2 and "can't write 'no/audit.html'" in refused.stderr


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--check", "orphn"], "no check 'orphn'; did you mean orphan?"),
        (["--check", "implausible_broader"], "give --embeddings DIR"),
        (["--fail-on", "fatal"], "no severity 'fatal'; there is error, warning, info"),
        (["--skos", "none.ttl"], "none.ttl: there is no such file"),
        (["--embeddings", "none"], "no embeddings directory 'none'"),
        (["--fix", "--since", "1"], "it goes with neither --skos nor --fix"),
        (["--fix", "--against", "old.json"], "it goes without --skos, --fix and --since"),
        (["--dry-run"], "--dry-run and --changes are for --fix"),
        (["--fix", "--skos", "t.ttl"], "import the file first"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_audit_is_no_finding(shop: str, tmp_path: Path, args: list[str], expected: str) -> None:
    """2, so that a script can tell it from findings, which are 1."""
    ran = run("audit", *args, "--store", shop, cwd=tmp_path)
    assert (ran.code, ran.stdout) == (2, "") and expected in ran.stderr


def test_audit_since_a_version(shop: str, tmp_path: Path) -> None:
    checks = ("--check", "untidy_label", "--check", "single_child", "--store", shop)
    full = run("audit", *checks, "--json").json
    assert full["findings"] and run("audit", "--since", "1", *checks, "--json").json["findings"] == []
    opened = open_store(shop)
    (_, below) = full["findings"][0]["concepts"]
    concept = load_taxonomy(opened)[below]
    made = replace(concept, id="made", pref_label={"en": "Made  up"})
    apply(opened, ChangeSet((PutConcept(made), PutRelation(Relation("broader", "made", below))), "bob"))
    row = run("audit", "--since", "1", "--sarif", "a.sarif", *checks, "--json", cwd=tmp_path).json
    assert (row["since"], row["touched"], row["gone"]) == ("1", 2, [])
    found = {(finding["check"], "made" in finding["concepts"], finding["new"]) for finding in row["findings"]}
    assert found == {("untidy_label", True, True), ("single_child", True, True), ("single_child", False, False)}
    states = [one["baselineState"] for one in json.loads((tmp_path / "a.sarif").read_bytes())["runs"][0]["results"]]
    assert states == ["new" if finding["new"] else "unchanged" for finding in row["findings"]]
    assert "new: " in run("audit", "--since", "1", *checks).stdout
    assert run("undo", "2", "--store", shop).code == 0
    assert len(run("audit", "--since", "2", *checks, "--json").json["gone"]) == 2


def test_audit_against_an_earlier_report(shop: str, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(run("audit", "--json", "--store", shop).stdout)
    opened = open_store(shop)
    concept = next(one for one in load_taxonomy(opened) if one.kind == "category")
    made = replace(concept, id="made", pref_label={"en": "Made  up"})
    apply(opened, ChangeSet((PutConcept(made), PutRelation(Relation("broader", "made", concept.id))), "bob"))

    def findings(*args: str) -> list[dict[str, object]]:
        row = run("audit", *args, "--json", "--store", shop, cwd=tmp_path).json
        assert row["checks"] and all(check.pop("seconds") is not None for check in row["checks"])
        return [*row["checks"], *row["findings"]]

    assert findings("--against", "old.json") == findings()
    other = json.loads((tmp_path / "old.json").read_bytes())
    for changed, why in (({"kgtag": "0.0"}, "another release"), ({"revision": "none"}, "no version of the store")):
        (tmp_path / "odd.json").write_text(json.dumps(other | changed))
        ran = run("audit", "--against", "odd.json", "--json", "--store", shop, cwd=tmp_path)
        assert ran.json["findings"] and why in ran.stderr
    for content, why in (
        ('{"a": 1}', "not a report of"),
        (json.dumps(other | {"since": "1"}), "a part of the findings"),
    ):
        (tmp_path / "odd.json").write_text(content)
        refused = run("audit", "--against", "odd.json", "--store", shop, cwd=tmp_path)
        assert refused.code == 2 and why in refused.stderr


def test_audit_repairs_what_is_safe(shop: str, tmp_path: Path) -> None:
    opened = open_store(shop)
    before = load_taxonomy(opened)
    concept = next(iter(before))
    untidy = replace(concept, pref_label={**concept.pref_label, "en": f" {concept.label('en')}"})
    opened.apply(ChangeSet((PutConcept(untidy),), "bob"))
    options = ("--check", "untidy_label", "--check", "single_child", "--store", shop)
    dry = run("audit", "--fix", "--dry-run", "--changes", "fix.json", "--json", *options, cwd=tmp_path).json
    assert (dry["dry_run"], len(dry["fixed"]), dry["version"]) == (True, 1, 2)
    assert dry["changes"] == json.loads((tmp_path / "fix.json").read_bytes())["changes"]
    assert [row["concept"] for row in dry["diff"]["changed"]] == [concept.id]
    assert {finding["check"] for finding in dry["left"]["findings"]} == {"single_child"}
    shown = run("audit", "--fix", "--dry-run", *options)
    assert "Nothing is written" in shown.stdout and "pref_label" in shown.stdout
    assert load_taxonomy(opened).version == 2

    assert run("proposals", "add", "fix.json", "--author", "bob", "--store", shop, cwd=tmp_path).code == 0
    fixed = run("audit", "--fix", "--author", "ann", *options, "--json").json
    assert {**fixed, "dry_run": True, "version": 2} == {**dry, "left": fixed["left"]}
    assert opened.versions(limit=1)[0].author == "ann" and load_taxonomy(opened).revision == before.revision
    again = run("audit", "--fix", *options)
    assert again.code == 0 and "Findings repaired: 0" in again.stdout and load_taxonomy(opened).version == 3
    assert run("undo", "3", "--store", shop).code == 0


def test_audit_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "t.ttl").write_text(
        "@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix x: <http://x/> .\n"
        'x:a a skos:Concept ; skos:prefLabel "A"@en ; skos:broader x:b ; skos:related x:b .\n'
        'x:b a skos:Concept ; skos:prefLabel "B"@en .\n'
    )
    ran = run("audit", "--skos", "t.ttl", "--json", cwd=tmp_path)
    assert ran.code == 1
    assert "error" in {finding["severity"] for finding in ran.json["findings"]}
    assert not list(tmp_path.glob("*.db"))


def test_keys(shop: str) -> None:
    made = run("keys", "create", "--scope", "read,tag", "--name", "front", "--store", shop)
    secret = made.stdout.strip()
    assert made.code == 0 and made.stdout == secret + "\n" and secret not in made.stderr
    listed = run("keys", "list", "--store", shop, "--json")
    assert [(k["name"], k["scopes"]) for k in listed.json] == [("front", ["read", "tag"])]
    assert secret[-20:] not in listed.stdout
    id = listed.json[0]["id"]
    assert run("keys", "revoke", id, "--store", shop).code == 0
    assert run("keys", "list", "--store", shop, "--json").json == []
    gone = run("keys", "revoke", id, "--store", shop)
    assert gone.code == 2 and f"no key {id!r}" in gone.stderr
    wrong = run("keys", "create", "--scope", "fly", "--store", shop)
    assert wrong.code == 2 and "no scope 'fly'; there is read, tag, propose, edit, approve, admin" in wrong.stderr


def test_a_table_with_other_headers_then_its_next_release(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'new.db'}"
    run("init", "--store", store)
    table = tmp_path / "shop.csv"
    given = ("import", "csv", table, "--column", "label=Bezeichnung", "--column", "parent=Gruppe", "--lang", "de")
    table.write_text("ID;Bezeichnung;Gruppe;synonyms\n1;Schuhe;;\n2;Stiefel;1;Boots\n3;Hüte;;\n")
    assert run(*given, "--store", store).code == 0
    table.write_text("ID;Bezeichnung;Gruppe;synonyms\n1;Schuhe;;\n2;Stiefel;1;\n4;Taschen;4;\n")
    refused = run(*given, "--replace", "--strict", "--store", store)
    assert refused.code == 2 and "their own parent" in refused.stderr and "shop.csv:4" in refused.stderr
    planned = run(*given, "--replace", "--keep-local", "--dry-run", "--store", store)
    assert "1 concept new, 1 changed, 1 deprecated, 1 unchanged; 1 label removed" in planned.stdout
    assert "3 (Hüte): active → deprecated" in planned.stderr
    assert "is for --replace" in run(*given, "--keep-local", "--store", store).stderr
    assert "ROLE=HEADER was expected" in run(*given, "--column", "label", "--store", store).stderr


def test_a_new_release_is_planned_then_replaces_the_old_one(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'new.db'}"
    run("init", "--store", store)
    version = "# Google_Product_Taxonomy_Version: {}\n7 - Toys\n8 - Games\n"
    old, new = tmp_path / "old.en.txt", tmp_path / "new.en.txt"
    old.write_text(version.format("2015-02-19") + "70 - Toys > Kites\n79 - Toys > Tops\n")
    new.write_text(version.format("2019-07-10") + "70 - Games > Kites\n71 - Games > Dice\n")
    assert run("import", "google", old, "--store", store).code == 0

    shown = run("diff", "--format", "google", old, new)
    assert shown.code == 1
    for line in ("71 (Dice) under 8 (Games)", "79 (Tops) under 7 (Toys)", "70 (Kites): 7 (Toys) → 8 (Games)"):
        assert line in shown.stderr

    planned = run("import", "google", new, "--store", store, "--replace", "--dry-run", "--json").json
    assert (planned["created"], planned["moved"], planned["deprecated"]) == (1, 1, 1)
    assert load_taxonomy(open_store(store)).path("70") == ["7", "70"]
    assert "nothing was written" in run("import", "google", new, "--store", store, "--replace", "--dry-run").stdout
    done = run("import", "google", new, "--store", store, "--replace", "--json").json
    found = planned.pop("diff")
    assert (found["added"], [one["concept"] for one in found["changed"]]) == (["71"], ["79"])
    assert done == planned and done["words"].startswith("1 concept new, 1 deprecated, 1 moved, ")
    taxonomy = load_taxonomy(open_store(store))
    assert taxonomy.path("70") == ["8", "70"] and taxonomy["79"].status == "deprecated"


def test_shopify_there_and_back(tmp_path: Path) -> None:
    stores = [f"sqlite:///{tmp_path / name}" for name in ("a.db", "b.db")]
    files = [_shopify(tmp_path, "en", ("aa", "Apparel", None)), _shopify(tmp_path, "de", ("aa", "Mode", None))]
    for store in stores:
        run("init", "--store", store)
    run("import", "shopify", *files, "--store", stores[0])
    assert run("export", "shopify", tmp_path / "out", "--store", stores[0]).code == 0
    assert run("import", "shopify", *sorted((tmp_path / "out").iterdir()), "--store", stores[1]).code == 0
    assert run("diff", *stores).code == 0
    extra = tmp_path / "extra.csv"
    extra.write_text("id,label,scheme\naa,Clothes,shopify\n")
    run("import", "csv", extra, "--lang", "en", "--store", stores[0])
    refused = run("export", "shopify", tmp_path / "en.json", "--store", stores[0])
    assert refused.code == 2 and "1 alternative labels would be lost" in refused.stderr
    assert run("export", "shopify", tmp_path / "x" / "en.json", "--store", stores[0], "--lossy").code == 2
    assert run("export", "shopify", tmp_path / "lossy.json", "--lang", "en", "--store", stores[0], "--lossy").code == 0


def test_the_help_names_every_format() -> None:
    from graph.formats.registry import writable
    from kgtag.data.importing import import_formats

    imports, exports = run("import", "--help").stdout, run("export", "--help").stdout
    assert [format for format in import_formats() if f"kgtag import {format}" not in " ".join(imports.split())] == []
    assert [format for format in writable() if format not in exports] == []


def test_every_format_is_documented() -> None:
    from graph.formats.registry import writable
    from kgtag.data.importing import import_formats

    page = (Path(__file__).parents[3] / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    assert [format for format in {*import_formats(), *writable()} if f"`{format}`" not in page] == []
