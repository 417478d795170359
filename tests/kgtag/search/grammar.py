"""Whether a body is a search request of Elasticsearch and OpenSearch, by the query classes of their own clients.

`elasticsearch.dsl` is generated from Elastic's API specification, `opensearch.protobufs` from OpenSearch's: they know
every query and its parameters. Neither looks at values, so those of our clauses are checked here.
"""

from __future__ import annotations

import inspect
from typing import Any

import opensearchpy
from elasticsearch.dsl import Range, Search, query, types
from opensearch.protobufs.schemas import common_pb2

_MULTI_MATCH = {"best_fields", "most_fields", "cross_fields", "phrase", "phrase_prefix", "bool_prefix"}


def check_body(body: dict[str, Any]) -> None:
    """Raises AssertionError, or the client's own error, for a body that a server would refuse."""
    assert body.keys() <= {"query", "aggs"}
    for parsed in (Search.from_dict(body), opensearchpy.Search.from_dict(body)):
        assert parsed.to_dict() == body, "the client reads it otherwise"
    _query(body["query"])
    for name, aggregation in body.get("aggs", {}).items():
        assert name and not set("[]>") & set(name)
        terms = aggregation["terms"]
        assert terms.keys() == {"field", "include", "size"} and terms["size"] > 0
        assert all(isinstance(value, str) for value in terms["include"])


def _query(clause: dict[str, Any]) -> None:
    ((name, inner),) = clause.items()
    known = _parameters(type(query.Q(clause)))
    opensearch(name, inner)
    if name == "bool":
        assert inner.keys() <= known
        for place in ("must", "filter", "must_not", "should"):
            for part in inner.get(place, []):
                _query(part)
        assert inner.get("minimum_should_match", 1) in range(len(inner.get("should", [1])) + 1)
    elif name == "range":
        ((field, given),) = inner.items()
        assert field and given and all(isinstance(bound, int | float) for bound in Range(given).to_dict().values())
    elif name == "term":
        ((field, given),) = inner.items()
        assert field and given.keys() <= _parameters(types.TermQuery) and isinstance(given["value"], str)
    elif name == "terms":
        ((_, values),) = inner.items()
        assert values and all(isinstance(value, str) for value in values)
    elif name == "multi_match":
        assert inner.keys() <= known and inner["type"] in _MULTI_MATCH and inner["query"].strip()
        assert inner.get("operator", "or") in ("and", "or") and inner.get("boost", 1) > 0
    else:
        assert clause == {"match_all": {}}


def opensearch(name: str, inner: dict[str, Any]) -> None:
    """Whether OpenSearch has the query, with these parameters."""
    kind = common_pb2.QueryContainer.DESCRIPTOR.fields_by_name[name].message_type
    if name == "range":
        kind = common_pb2.NumberRangeQuery.DESCRIPTOR
    of_field = name in ("term", "range")
    given = next(iter(inner.values())).keys() if of_field else () if name == "terms" else inner.keys()
    assert set(given) <= {field.name for field in kind.fields}, (name, given)


def _parameters(made: Any) -> set[str]:
    return set(inspect.signature(made.__init__).parameters) - {"self", "kwargs", "args"}
