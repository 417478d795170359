"""The commands that need models, on what `kgtag demo` leaves behind. All in one file: the demo runs once a worker."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.editing.edit import apply
from graph.model import ChangeSet, DeleteConcept
from graph.stores import load_taxonomy, open_store
from kgtag.data import read_annotated, sample
from kgtag.enforce import violations
from kgtag.types import AnnotatedProduct, Proposal
from tests.api.shop import until
from tests.kgtag.conftest import Trained
from tests.kgtag.running import Ran, main, run

GOLD = list(read_annotated(sample.TEST))


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's test products, without their annotations."""
    file = tmp_path_factory.mktemp("products") / "products.jsonl"
    rows = [{"id": one.product.id, "title": one.product.title, "lang": one.product.lang} for one in GOLD]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def tagged(trained: Trained, products: Path) -> list[dict[str, Any]]:
    args = ["--model", trained.model, "--embeddings", trained.embeddings, "--store", trained.store]
    ran = main("tag", products, *args)
    assert ran.code == 0, ran.stderr
    return ran.rows


def test_the_demo_shows_tags_what_they_buy_and_what_to_do_next(trained: Trained) -> None:
    out = trained.ran.stdout
    assert "Gain from consistency" in out and "Neighbours" in out and "Findings by check" in out
    (full,) = (line for line in out.splitlines() if "full" in line.split())
    assert "0.0%" in full
    assert f"kgtag serve --store {trained.store} --model {trained.model}" in out.replace("\n", " ").replace("  ", " ")
    for step in range(1, 7):
        assert f"{step}/6" in trained.ran.stderr
    assert "Traceback" not in trained.ran.stderr and "it/s" not in trained.ran.stderr


def test_the_demo_kept_its_tags(trained: Trained) -> None:
    items = list(open_store(trained.store).items())
    assert len(items) == len(GOLD)
    assert {item.lang for item in items if item.tags} >= {"en", "zh"}


def test_every_tag_says_where_it_came_from(tagged: list[dict[str, Any]]) -> None:
    assert [row["id"] for row in tagged] == [one.product.id for one in GOLD]
    seen = 0
    for row, one in zip(tagged, GOLD, strict=True):
        for tag in [*row["tags"], *row["dropped"], *row["nil"]]:
            if "span" in tag:
                seen += 1
                assert one.product.title[slice(*tag["span"])] == tag["surface"]
        for tag in row["tags"]:
            assert 0 <= tag["probability"] <= 1 and tag["method"] and tag["label"]
            assert (tag["kind"] == "value") == ("attribute" in tag)
        assert all(drop["rule"] for drop in row["dropped"])
    assert seen > len(GOLD)


def test_tags_never_contradict_each_other(trained: Trained, tagged: list[dict[str, Any]]) -> None:
    taxonomy = load_taxonomy(open_store(trained.store))
    for row in tagged:
        proposals = [Proposal(**proposal) for proposal in row.get("proposals", [])]
        assert violations([tag["concept"] for tag in row["tags"]], taxonomy, proposals=proposals) == []
        assert row["revision"] == taxonomy.revision


def test_both_languages_are_tagged_and_the_unknown_is_nil(tagged: list[dict[str, Any]]) -> None:
    for lang in ("en", "zh"):
        rows = [row for row, one in zip(tagged, GOLD, strict=True) if one.product.lang == lang]
        assert sum(any(tag["kind"] == "value" for tag in row["tags"]) for row in rows) > len(rows) / 2
    assert sum(len(row["nil"]) for row in tagged) > 0


def test_tags_are_better_than_chance_after_an_epoch(tagged: list[dict[str, Any]]) -> None:
    """A floor, far below what a full training gives: it catches a line that is broken somewhere."""
    right = found = wanted = 0
    for row, one in zip(tagged, GOLD, strict=True):
        gold = _values(one)
        got = {tag["concept"] for tag in row["tags"] if tag["kind"] == "value" and tag["method"] != "implied"}
        right, found, wanted = right + len(gold & got), found + len(got), wanted + len(gold)
    assert right / found > 0.5 and right / wanted > 0.4


def _values(one: AnnotatedProduct) -> set[str]:
    return {concept for concept in one.concepts.values() if concept is not None}


def test_tagging_twice_gives_the_same_bytes_and_records(trained: Trained, products: Path, tmp_path: Path) -> None:
    store = trained.copy(tmp_path)
    args = ["--model", trained.model, "--store", store]
    first = main("tag", products, "--out", tmp_path / "a.jsonl", *args)
    second = main("tag", products, "--out", tmp_path / "b.jsonl", "--record", *args)
    assert (first.code, second.code) == (0, 0) and first.stdout == ""
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert f"{len(GOLD)} products tagged, 0 failed" in first.stderr
    again = main("tag", products, "--out", tmp_path / "a.jsonl", *args)
    assert again.code == 2 and "--resume" in again.stderr
    with (tmp_path / "a.jsonl").open("r+b") as file:
        file.truncate(5000)
    resumed = main("tag", products, "--out", tmp_path / "a.jsonl", "--resume", *args)
    assert resumed.code == 0 and "done before" in resumed.stderr
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_products_from_stdin_and_a_given_category(trained: Trained) -> None:
    lines = [
        {"id": "1", "title": "Nordvik merino crew socks, charcoal", "category": "Socks"},
        {"id": "2", "title": "Nordvik merino crew socks, charcoal", "category": "Scoks"},
        {"id": "3"},
    ]
    stdin = "".join(json.dumps(line) + "\n" for line in lines)
    ran = main("tag", "--model", trained.model, "--store", trained.store, stdin=stdin)
    assert ran.code == 1 and "1 products tagged, 2 failed" in ran.stderr
    good, unknown, empty = ran.rows
    assert [tag["concept"] for tag in good["tags"] if tag["method"] == "given"] == ["socks"]
    assert "'Scoks'" in unknown["error"]["detail"] and "socks" in unknown["error"]["detail"]
    assert "title" in empty["error"]["detail"]


def test_links(trained: Trained) -> None:
    stdin = (
        '{"id": "1", "text": "navy blue", "attribute": "color"}\n{"id": "2", "text": "xqzzt", "attribute": "color"}\n'
    )
    ran = main("link", "--store", trained.store, "--model", trained.model, "--json", stdin=stdin)
    assert ran.code == 0
    first, second = ran.rows
    assert first["links"][0]["concept"] == "color.navy" and not first["nil"]
    assert second["nil"]
    wrong = main("link", "--store", trained.store, "--scheme", "smple", stdin=stdin)
    assert wrong.code == 2 and "no scheme 'smple'" in wrong.stderr and "sample" in wrong.stderr


def test_evaluations(trained: Trained) -> None:
    extractor = main("evaluate", "extractor", "--model", trained.model, "--data", sample.TEST, "--json")
    assert extractor.code == 0
    assert {"n", "micro", "macro", "per_label", "protocol"} <= set(extractor.json)
    assert extractor.json["n"] == len(GOLD) and extractor.json["micro"]["f1"] > 0.5
    args = ["evaluate", "linker", "--model", trained.model, "--store", trained.store, "--data", sample.TEST]
    linker = main(*args, "--json")
    assert linker.code == 0 and linker.json
    assert main(*args).stdout.count("\n") > 5


def test_the_audit_learns_from_embeddings(trained: Trained) -> None:
    args = ["audit", "--store", trained.store, "--check", "implausible_broader"]
    ran = main(*args, "--embeddings", trained.embeddings, "--json")
    assert ran.code == 0
    assert [check["name"] for check in ran.json["checks"]] == ["implausible_broader"]
    assert all("fit better" in finding["message"] for finding in ran.json["findings"])


def test_a_model_on_somebody_elses_taxonomy(trained: Trained, products: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'other.db'}"
    main("init", "--store", store)
    (tmp_path / "o.jsonl").write_text('{"id": "x", "kind": "category", "pref_label": {"en": "X"}}\n')
    main("import", "jsonl", tmp_path / "o.jsonl", "--store", store)
    _refused(main("tag", products, "--model", trained.model, "--store", store))


def test_a_concept_that_vanished_without_a_redirect(trained: Trained, products: Path, tmp_path: Path) -> None:
    store = open_store(trained.copy(tmp_path))
    taxonomy = load_taxonomy(store)
    gone = [DeleteConcept(id) for id in ("closure", *taxonomy.values_of("closure"))]
    apply(store, ChangeSet(tuple(gone), "test"))
    ran = main("tag", products, "--model", trained.model, "--store", store.url)
    _refused(ran)
    assert "closure" in ran.stderr


def _refused(ran: Ran) -> None:
    assert (ran.code, ran.stdout) == (2, "")
    assert "the model was trained on concepts that this taxonomy lacks" in ran.stderr
    assert "replaced_by" in ran.stderr and "kgtag train extractor --store" in ran.stderr


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["tag", "--model", "none"], "no model directory 'none'; train one with: kgtag train extractor"),
        (["evaluate", "extractor", "--model", "none", "--data", str(sample.TEST)], "no model directory 'none'"),
        (["evaluate", "embeddings", "--model", "none", "--triples", "none"], "no embeddings directory 'none'"),
        (["train", "extractor", "--data", "none.jsonl", "--out", "m"], "none.jsonl: there is no such file"),
        (["train", "extractor", "--data", str(sample.DEV), "--out", "m", "--format", "xml"], "no format 'xml'"),
        (["train", "embeddings", "--triples", "none", "--out", "m"], "none"),
        (["train", "embeddings", "--device", "tpu", "--out", "m"], "'tpu'"),
        (["evaluate", "linker", "--data", str(sample.TAXONOMY)], "taxonomy.jsonl:1: "),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_wrong_use_of_models(shop: str, tmp_path: Path, args: list[str], expected: str) -> None:
    ran = main(*args, cwd=tmp_path, env={"KGTAG_STORE": shop})
    assert (ran.code, ran.stdout) == (2, "")
    assert expected in ran.stderr
    assert not (tmp_path / "m").exists()


def test_the_demo_refuses_a_directory_that_holds_other_things(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    ran = main("demo", "--out", tmp_path)
    assert ran.code == 2 and "give the demo a directory of its own: --out DIR" in ran.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_the_demo_is_served_as_it_is_with_a_key_in_the_link(trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    shutil.copytree(trained.out, out, copy_function=os.link)
    (out / "shop.db").unlink()
    shutil.copy(trained.out / "shop.db", out)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "api", "demo", "--serve", "--out", str(out), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = next(filter(None, (re.search(r"(http\S+)#key=(\S+)", line) for line in process.stderr)))
            with httpx.Client(base_url=found[1], headers={"X-API-Key": found[2]}, timeout=30) as client:
                until(lambda: _answers(client))
                tagged = client.post("/v1/tag", json={"title": "Nordvik merino crew socks"}).json()
                assert tagged["tags"] and client.get("/").text.startswith("<!doctype html>")
        finally:
            process.terminate()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/v1/taxonomy").status_code == 200
    except httpx.TransportError:
        return False


def test_the_demo_below_the_service_cannot_serve(tmp_path: Path) -> None:
    ran = run("demo", "--serve", "--out", tmp_path / "demo")
    assert ran.code == 2 and "run `kgtag demo --serve`" in ran.stderr
