"""`POST /v1/ask`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from graph.model import ItemTag, TaggedItem
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy


@pytest.fixture
def shop_store(shop_store: SqliteStore) -> SqliteStore:
    """With an item that is there before the service starts."""
    tags = (ItemTag("red", 0.9, "exact", 0, 3, "Red"), ItemTag("sneakers", 0.9, "exact"))
    revision = Taxonomy.of(shop_store.read()).revision
    shop_store.put_items([TaggedItem("sku-1", "Red trainers Loop", "en", "test", revision, tags)])
    return shop_store


def test_a_question_is_answered_with_citations_or_refused(reader: httpx.Client) -> None:
    found = _asked(reader, "What colour is sku-1?")
    assert (found["known"], found["answer"]) == (True, "Colour of “Red trainers Loop”: Red.")
    assert found["citations"][0] == {
        "item": "sku-1",
        "title": "Red trainers Loop",
        "concept": "red",
        "label": "Red",
        "attribute": "colour",
        "span": [0, 3],
        "surface": "Red",
    }
    assert found["revision"]
    assert _asked(reader, "Is sku-1 blue?")["holds"] is False
    refused = _asked(reader, "What is the material of sku-1?")
    assert not refused["known"] and "no tag says" in refused["reason"]


def _asked(reader: httpx.Client, question: str) -> Any:
    return reader.post("/v1/ask", json={"question": question}).raise_for_status().json()


def test_bad_questions_are_bad_input(reader: httpx.Client) -> None:
    for body in ({"question": ""}, {"question": "a" * 601}, {"question": "What?", "lang": "fr"}, {}):
        assert reader.post("/v1/ask", json=body).status_code == 422
