"""The OpenAPI description: whole, valid, and its names are for good."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import validator_for

from api.app import create_app
from api.errors import STATUS, Problem, from_error
from graph import errors
from kgtag.rows.tagging import TaggingRow
from kgtag.serve.settings import Settings
from kgtag.types import Tagging
from tests.api import shop

OPERATIONS = {
    "tag", "tag_batch",
    "concepts", "concept", "broader", "narrower", "related", "turtle",
    "create", "patch", "merge", "move", "split", "deprecate",
    "neighbours", "neighbours_batch", "recommend_concepts", "recommend_items", "suggest", "query", "ask",
    "item", "put_item", "delete_item", "items_of", "give_feedback", "take_back", "feedback", "place", "own_key",
    "add_events", "profile", "delete_profile", "changes", "add_webhook", "list_webhooks", "remove_webhook",
    "trends", "quality", "coverage",
    "list_segments", "count_query", "one_segment", "put_segment", "segment_items", "remove_segment",
    "challenger",
    "audit", "fixes", "taxonomy", "tree", "path", "versions", "version", "impact", "undo", "releases",
    "create_job", "jobs", "job", "job_events", "job_result", "resume_job", "delete_job",
    "proposals", "proposal", "propose", "comment", "accept", "reject", "withdraw", "rebase",
    "health", "ready", "metrics",
}  # fmt: skip
CODES = {
    "malformed-body": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not-found": 404,
    "unknown-concept": 404,
    "unknown-version": 404,
    "unknown-proposal": 404,
    "unknown-job": 404,
    "method-not-allowed": 405,
    "request-timeout": 408,
    "conflict": 409,
    "release-taken": 409,
    "duplicate-proposal": 409,
    "precondition-failed": 412,
    "body-too-large": 413,
    "unsupported-media-type": 415,
    "bad-input": 422,
    "invalid-request": 422,
    "broken-invariant": 422,
    "untaggable-text": 422,
    "unreadable-file": 422,
    "precondition-required": 428,
    "too-many-requests": 429,
    "headers-too-large": 431,
    "internal-error": 500,
    "store-error": 500,
    "behind": 503,
    "jobs-off": 503,
    "queue-full": 503,
    "model-mismatch": 503,
    "no-model": 503,
    "not-ready": 503,
    "stopping": 503,
    "store-unavailable": 503,
    "too-many-connections": 503,
    "migration-needed": 503,
}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    document: dict[str, Any] = create_app(Settings(store="sqlite:///none.db"), models=shop.models()).openapi()
    return document


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in described["paths"].values():
        yield from path.items()


def test_names_of_operations_and_codes_are_for_good(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in _operations(described)]
    assert len(names) == len(set(names)) and set(names) == OPERATIONS
    assert dict(STATUS) == CODES


def test_every_error_of_the_tree_has_a_status_and_a_type_of_its_own() -> None:
    tree = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.KgtagError)]
    codes = [one.code for one in tree]
    assert len(set(codes)) == len(codes) and set(codes) <= set(STATUS)
    lost = from_error(errors.LostRace("it has changed"))
    assert lost.to_dict() == {
        "type": "urn:kgtag:problem:precondition-failed",
        "title": "Precondition Failed",
        "status": 412,
        "detail": "it has changed",
    }
    unavailable = from_error(errors.StoreUnavailable("gone"))
    assert (unavailable.to_dict()["title"], unavailable.headers) == ("Store Unavailable", {"Retry-After": "5"})

    class OfAPlugIn(errors.InputError):
        pass

    assert from_error(OfAPlugIn("x")).status == 422 and Problem("forbidden", "no").status == 403


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    text = json.dumps(described)
    named = re.findall(r'"\$ref": "([^"]*)"', text)
    assert named and all(one.startswith("#/components/schemas/") for one in named)
    assert {one.rpartition("/")[2] for one in named} <= set(described["components"]["schemas"])
    assert "$defs" not in text and "Example:" not in text


def test_every_operation_names_success_errors_keys_and_bodies(described: dict[str, Any]) -> None:
    open_ones = {"health", "ready"}
    for method, operation in _operations(described):
        name = operation["operationId"]
        assert (operation.get("security") is None) == (name in open_ones), name
        for scheme in operation.get("security", ()):
            assert set(scheme) <= {"bearer", "apiKey"} and all(len(scopes) == 1 for scopes in scheme.values())
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                assert ("content" in answer) == (status != "204"), name
            else:
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
        assert name in open_ones or {"401", "403", "503"} <= set(operation["responses"]), name
        assert (method in ("post", "patch", "put") and name != "resume_job") == ("requestBody" in operation), name
        if "requestBody" in operation and name != "tag_batch":
            assert {"400", "413", "415", "422"} <= set(operation["responses"]), name
    guarded = {
        o["operationId"] for _, o in _operations(described) for p in o.get("parameters", ()) if p["in"] == "header"
    }
    assert guarded == {
        "patch", "merge", "move", "split", "deprecate",
        "comment", "accept", "reject", "withdraw", "rebase",
        "create_job", "job_events", "changes",
    }  # fmt: skip


def test_every_success_and_body_has_an_example_that_fits_its_schema(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    no_row = ("text/plain", "text/turtle; charset=utf-8", "multipart/form-data", "application/x-tar")
    for _, operation in _operations(described):
        success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        for media, content in (
            success.get("content", {}) | operation.get("requestBody", {}).get("content", {})
        ).items():
            refs = content["schema"].get("anyOf", [content["schema"]])
            for ref in refs if media not in no_row else ():
                name = ref["$ref"].rpartition("/")[2]
                schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
                validator_for(schema).validate(schemas[name]["example"])


def test_the_row_of_tags_out_is_the_one_described(described: dict[str, Any]) -> None:
    assert Tagging.to_dict.__annotations__["return"] == TaggingRow.__name__
    assert set(described["components"]["schemas"]["TaggingRow"]["properties"]) == set(TaggingRow.__annotations__)
