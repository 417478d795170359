"""Whatever fits the OpenAPI description, or nearly does, gets an answer that the description has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from graph.sqlite.store import SqliteStore
from tests.api import shop
from tests.api.test_description import OPERATIONS

CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]

ENDLESS = {"changes"}
"""A stream without an end; tests/api/test_changes.py reads it."""

NO_INPUT = {"health", "ready", "list_webhooks"}
"""Operations that take nothing, so that nothing about them can be invalid."""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    """The description of a running shop, and the headers of an admin."""
    store = SqliteStore.open(tmp_path_factory.mktemp("described") / "kgtag.db")
    store.migrate()
    shop.fill(store)
    headers = {"X-API-Key": shop.keys(store)["admin"]}
    with shop.shop_server(store.url) as url:
        yield schemathesis.openapi.from_url(f"{url}/openapi.json", headers=headers), headers
    store.close()


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: Any, value: Any) -> bytes:
    """The value as the only line."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, GenerationMode.POSITIVE) for name in sorted(OPERATIONS - ENDLESS)]
    + [(name, GenerationMode.NEGATIVE) for name in sorted(OPERATIONS - ENDLESS - NO_INPUT)],
    ids=str,
)
def test_answers_are_as_described(described: tuple[Any, dict[str, str]], name: str, mode: GenerationMode) -> None:
    schema, headers = described
    operation = schema.find_operation_by_id(name)

    @settings(
        max_examples=15,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def answered(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    answered()


@pytest.mark.parametrize("name", ["concept", "broader", "narrower", "related", "neighbours", "version", "proposal"])
def test_what_is_there_is_as_described(described: tuple[Any, dict[str, str]], name: str) -> None:
    schema, headers = described
    edit = {"operation": "merge", "concept": "crimson", "into": "red"}
    made = schema.find_operation_by_id("propose").Case(body=edit, media_type="application/json")
    made.call_and_validate(headers=headers, checks=CHECKS)
    found = {"version": {"version": 1}, "proposal": {"id": 1}}.get(name, {"id": "sneakers"})
    case = schema.find_operation_by_id(name).Case(path_parameters=found)
    assert case.call_and_validate(headers=headers, checks=CHECKS).status_code == 200
