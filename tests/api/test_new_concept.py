"""A concept that is added to a running service has a vector at once, from its label."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from api.app import create_app
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from kgtag.train.embeddings.run import train_graph
from tests.api import shop


@pytest.fixture
def editor(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> httpx.Client:
    train_graph(Taxonomy.of(shop_store.read()), out=tmp_path / "graph", settings={"dim": 4, "epochs": 2})
    with (
        shop.serving(create_app(shop.settings(shop_store.url, embeddings=tmp_path / "graph"))) as base,
        shop.client(base, keys["edit"]) as client,
    ):
        yield client


def test_a_concept_added_to_a_running_service_has_embedding_evidence(editor: httpx.Client) -> None:
    made = editor.post("/v1/concepts", json={"id": "trail", "kind": "category", "pref_label": {"en": "Trail shoes"}})
    assert made.status_code == 201, made.text
    found = editor.get("/v1/concepts/trail/neighbours?evidence=embedding").json()["neighbours"]
    assert found and all(row["evidence"][0]["type"] == "embedding" for row in found)
    assert {row["concept"] for row in found[:2]} <= {"running", "shoes", "sneakers"}
    back = editor.get("/v1/concepts/running/neighbours?evidence=embedding").json()["neighbours"]
    assert "trail" in {row["concept"] for row in back}, "and is a neighbour of the others"
