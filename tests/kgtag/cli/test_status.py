"""`kgtag status` on a real file and a real server: well, behind, out of reach, and with edits in quarantine."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import neo4j

from graph.neo4j.store import Neo4jStore
from tests.api import shop as small
from tests.kgtag.running import main as run


def test_a_record_that_is_well(shop: str) -> None:
    ran = run("status", "--store", shop, "--json")
    assert ran.code == 0, ran.stderr
    row = ran.json
    assert (row["reachable"], row["due"], row["version"], row["quarantined"]) == (True, [], 1, 0)
    assert row["concepts"].keys() == {"category", "attribute", "value"} and sum(row["concepts"].values()) > 600
    assert row["last_change"]["author"] == "test" and len(row["revision"]) == 16
    shown = run("status", "--store", shop)
    assert shown.code == 0 and "up to date" in shown.stdout


def test_what_is_due(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'new.db'}"
    ran = run("status", "--store", store, "--json")
    assert ran.code == 1 and ran.json["due"] and "revision" not in ran.json
    assert "kgtag migrate" in run("status", "--store", store).stdout


def test_what_is_quarantined_and_its_mend(shop: str) -> None:
    file = shop.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as db, db:
        (id,) = db.execute("SELECT source FROM relation WHERE type = 'value_of' LIMIT 1").fetchone()
        db.execute("UPDATE relation SET type = 'valueof' WHERE type = 'value_of' AND source = ?", (id,))
    ran = run("status", "--store", shop, "--json")
    assert ran.code == 1
    problems = {problem["code"]: problem for problem in ran.json["problems"]}
    assert ran.json["quarantined"] == len(ran.json["problems"]) >= 2
    assert "did you mean VALUE_OF?" in problems["unknown_relation"]["message"]
    statement = problems["unknown_relation"]["repair"]["statement"]
    shown = run("status", "--store", shop)
    assert shown.code == 1 and statement in shown.stdout and "To repair it, draw it as VALUE_OF" in shown.stderr
    audited = run("audit", "--check", "quarantined", "--store", shop, "--json")
    assert audited.code == 1
    repairs = [finding["repair"] for finding in audited.json["findings"]]
    assert {"op": "run", **problems["unknown_relation"]["repair"]} in repairs
    with closing(sqlite3.connect(file)) as db:
        db.executescript(statement)
    assert run("status", "--store", shop).code == 0


def test_a_server_that_is_away_and_one_that_speaks_cypher(clean_neo4j: str, neo4j_driver: neo4j.Driver) -> None:
    away = run("status", "--store", "bolt://127.0.0.1:1", "--json")
    assert away.code == 1 and away.json["reachable"] is False and "no Neo4j answers" in away.json["error"]
    assert run("status", "--store", "mysql://x").code == 2
    store = Neo4jStore.open(clean_neo4j)
    small.fill(store)
    store.close()
    neo4j_driver.execute_query("MATCH (c {id: 'sandals'}) SET c.status = 'Deprecatd'")
    ran = run("status", "--store", clean_neo4j, "--json")
    (problem,) = [one for one in ran.json["problems"] if one["code"] == "bad_status"]
    expected = "MATCH (c:Concept {id: 'sandals'})\nSET c.status = 'deprecated';"
    assert (ran.code, problem["repair"]["statement"]) == (1, expected)
    neo4j_driver.execute_query("MATCH (m:Meta) DELETE m")
    broken = run("status", "--store", clean_neo4j, "--json")
    assert broken.code == 1 and broken.json["reachable"] and "Meta node" in broken.json["error"]
