"""The reference page of problem types: the API's codes, and the invariants of a taxonomy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import get_args

from api.errors import STATUS
from graph.model import ProblemCode

PAGE = """# Problem types

## HTTP

Every error is `application/problem+json` (RFC 9457). Programs match on `type`, which does not change with the wording;
`detail` names the wrong value and the way out.

```json
{{"type": "urn:kgtag:problem:unknown-concept", "title": "Unknown Concept", "status": 404,
 "detail": "no concept 'sandal'; did you mean 'sandals'?"}}
```

| `type`: `urn:kgtag:problem:…` | status | |
|---|---|---|
{http}

A 503 has `Retry-After`. A job that failed has an `error` of type `job-failed`, which is never the answer to a request.

## Broken invariants

A taxonomy is *sound* when these hold. An edit that breaks one is refused (`broken-invariant`, with its `problems`); an
external edit that breaks one is quarantined: left out of the snapshot, named by `/readyz`, `kgtag status` and the
audit, with a statement that repairs it.

| code | what is wrong |
|---|---|
{invariants}
"""
CODES: Mapping[str, str] = {
    "malformed-body": "the body is not the JSON that was announced",
    "unauthorized": "no key, or an unknown or revoked one",
    "forbidden": "the key lacks the scope, or the edit is reserved for somebody else (accepting one's own proposal)",
    "not-found": "no such path, or no such item",
    "unknown-concept": "an id or label that the taxonomy lacks; `detail` names the nearest",
    "unknown-version": "a version or release that the history lacks",
    "unknown-proposal": "a number that no proposal has",
    "unknown-job": "no job has the id; it may have been removed",
    "method-not-allowed": "the path exists, without this method",
    "request-timeout": "the head or the body of the request, or the next line of a batch, took too long to arrive",
    "conflict": "the proposal is outdated, the job is in another state, or the store changed in a way that matters",
    "duplicate-proposal": "an open proposal makes the same changes; its number is in `proposal`",
    "release-taken": "the release name or the version has been released before",
    "precondition-failed": "`If-Match` or `expected_revision` names something that is no longer current",
    "body-too-large": "the body, a batch or one of its lines exceeds the limit",
    "unsupported-media-type": "the body has another media type than the call takes",
    "bad-input": "a value is wrong in itself",
    "invalid-request": "parameters or fields are missing, unknown or of another type; `errors` lists them",
    "broken-invariant": "the edit would break the taxonomy; `problems` lists the invariants",
    "untaggable-text": "the product's text is empty, too long or not text",
    "unreadable-file": "a file does not parse; `detail` names line and column",
    "precondition-required": "the call needs `If-Match`",
    "too-many-requests": "the key has used up its rate, its quota of the day or its share of places: `Retry-After`",
    "headers-too-large": "the head of the request exceeds the limit",
    "internal-error": "a fault of the service; its log has the trace",
    "store-error": "the store answered with an error",
    "behind": "`X-Taxonomy-Version` asks for a version that this process has not read; `version` is the one it has",
    "jobs-off": "the service has no directory for jobs, or cannot write to it: `kgtag serve --jobs DIR`",
    "queue-full": "as many jobs, taggings or batches are running or waiting as may; see `Retry-After`",
    "model-mismatch": "the model and the taxonomy do not fit each other",
    "no-model": "the service was started without a model that tags",
    "not-ready": "there is no snapshot yet",
    "stopping": "the service ends: the rows before are whole, send the rest again",
    "too-many-connections": "as many connections are open as may be, and none of them is idle",
    "store-unavailable": "the store does not answer; reads continue from the last snapshot",
    "migration-needed": "the store's schema is missing or of another version: `kgtag migrate`",
}
INVARIANTS: Mapping[str, str] = {
    "bad_id": "the id is empty or has characters that ids may not have",
    "bad_kind": "the kind is not `category`, `attribute` or `value`",
    "bad_status": "the status is not `active`, `candidate` or `deprecated`",
    "bad_choice": "the choice is not `single` or `multiple`",
    "no_label": "the concept has no preferred label",
    "bad_language": "a label's language is not a language tag",
    "empty_label": "a label is empty",
    "dangling": "a relation names a concept that is missing or quarantined",
    "self_relation": "a concept is related to itself",
    "wrong_kinds": "a relation connects kinds that it may not connect",
    "cross_scheme_broader": "`broader` leads into another scheme",
    "cycle": "concepts are broader than themselves",
    "value_without_attribute": "a value has no `value_of`",
    "value_of_several": "a value belongs to several attributes",
    "excludes_ancestor": "a concept excludes one of its own ancestors or descendants",
    "excludes_common_narrower": "two concepts exclude each other and have a narrower concept in common",
    "broader_across_attributes": "a value is narrower than a value of another attribute",
    "double_id": "two rows of the store have the same id",
    "unknown_relation": "a relationship type is a misspelling of one of kgtag's",
}


def render() -> str:
    """Both tables. Raises LookupError for a code that has no explanation, or an explanation without a code."""
    _same("api.errors.STATUS", STATUS, CODES)
    _same("graph.model.ProblemCode", get_args(ProblemCode), INVARIANTS)
    http = [f"| `{code}` | {status} | {CODES[code]} |" for code, status in STATUS.items()]
    invariants = [f"| `{code}` | {INVARIANTS[code]} |" for code in get_args(ProblemCode)]
    return PAGE.format(http="\n".join(http), invariants="\n".join(invariants))


def _same(name: str, codes: Collection[str], explained: Collection[str]) -> None:
    different = set(codes) ^ set(explained)
    if different:
        raise LookupError(f"{name} and the explanations in .ci/docs/problem_types.py differ: {sorted(different)}")
