"""A query body for the search API of Elasticsearch (7.16 and later) and OpenSearch (1 and later).

The body is written for an index with the fields of `MAPPING`; see docs/how-to/search.md.
"""

import re
from collections.abc import Sequence
from typing import Any

from kgtag.search.parsed import Expansion, Facet, QuerySpan

MAPPING: dict[str, Any] = {
    "properties": {
        "title": {"type": "text"},
        "text": {"type": "text"},
        "concepts": {"type": "keyword"},
        "price": {"type": "double"},
        "size": {"type": "keyword"},
        "quantities": {"type": "object", "dynamic": True},
    }
}
"""`concepts` holds the ids of an item's tags, implied ones included; `quantities.<dimension>` a number in base units
(m, kg, l, W, …, months for `age`, `persons`, `count`)."""

_TEXT = ["title^2", "text"]
_SURE = 0.5
"""Least probability of a concept that is excluded beside the best one."""
_BOOST = 4.0
_NEAR = 0.02
"""How far an item's quantity may be from the one asked for, as a share of it."""
_DENIALS = ("{} free", "no {}", "without {}", "non {}", "无{}", "不含{}")
_VALUES = 100
_RESERVED = re.compile(r"[\[\]>]")
"""What the name of an aggregation may not contain."""

Clause = dict[str, Any]


def query_body(
    spans: Sequence[QuerySpan], remainder: str, expansions: Sequence[Expansion], facets: Sequence[Facet]
) -> Clause:
    """The body: what is wanted in `must`, bounds in `filter`, what is excluded in `must_not`, the rest in `should`:
    words that nothing is known about as well, where something else is wanted. Of several values of one attribute an
    item needs one, and ranks higher with more."""
    parts: dict[str, list[Clause]] = {"must": [], "filter": [], "must_not": [], "should": []}
    alternatives: dict[str, list[Clause]] = {}
    for span in spans:
        if span.negated and span.type == "attribute":
            # No item has an attribute as a tag; one that says "without sleeves" itself is what is meant.
            parts["should"].append(_any(_denied(span.surface)))
        elif span.negated:
            parts["must_not"].append(_excluded(span))
        elif span.amount is not None and not span.concepts:
            place, clause = _amount(span)
            parts[place].append(clause)
        elif span.rule is None and span.attribute is not None:
            alternatives.setdefault(span.attribute, []).append(_named(span, expansions))
        else:
            parts["must"].append(_named(span, expansions))
    parts["must"] += [clauses[0] if len(clauses) == 1 else _any(clauses) for clauses in alternatives.values()]
    if remainder:
        # Beside what is understood, unknown words only rank: one that is misspelt must not leave nothing.
        words: Clause = {"query": remainder, "fields": _TEXT, "type": "cross_fields"}
        if parts["must"]:
            parts["should"].append({"multi_match": words})
        else:
            parts["must"].append({"multi_match": {**words, "minimum_should_match": "2<67%"}})
    found = {name: clauses for name, clauses in parts.items() if clauses}
    body: Clause = {"query": {"bool": found} if found else {"match_all": {}}}
    if facets:
        body["aggs"] = {_RESERVED.sub("_", facet.attribute): _aggregation(facet) for facet in facets}
    return body


def _named(span: QuerySpan, expansions: Sequence[Expansion]) -> Clause:
    """By its tags, or by its words where an item has no tags; what is imitated by its words alone. Close values are not
    asked for: who wants red does not want pink."""
    clauses: list[Clause] = [
        {"term": {"concepts": {"value": one.concept, "boost": round(_BOOST * max(one.probability, 0.01), 4)}}}
        for one in span.concepts
        if span.rule != "imitated"
    ]
    clauses.append(_words(span.surface))
    ids = {one.concept for one in span.concepts[:1]} if span.rule is None else set()
    clauses += [_words(one.text, boost=one.weight) for one in expansions if one.concept in ids and one.why != "close"]
    return _any(clauses)


def _any(clauses: list[Clause]) -> Clause:
    return {"bool": {"should": clauses, "minimum_should_match": 1}}


def _words(text: str, *, boost: float | None = None) -> Clause:
    clause: Clause = {"query": text, "fields": _TEXT, "type": "phrase"}
    return {"multi_match": clause if boost is None else {**clause, "boost": round(boost, 4)}}


def _excluded(span: QuerySpan) -> Clause:
    """By its tags; words without a concept but where an item denies them itself: "gluten" in "gluten free"."""
    if span.concepts:
        sure = [one.concept for one in span.concepts if one.probability >= _SURE] or [span.concepts[0].concept]
        return {"terms": {"concepts": sure}}
    return {"bool": {"must": [_words(span.surface)], "must_not": _denied(span.surface)}}


def _denied(surface: str) -> list[Clause]:
    """Ways in which an item says that it does without."""
    return [_words(form.format(surface)) for form in _DENIALS]


def _amount(span: QuerySpan) -> tuple[str, Clause]:
    amount = span.amount
    assert amount is not None
    if amount.type == "size":
        return "should", {"bool": {"should": [{"term": {"size": {"value": amount.text}}}, _words(span.surface)]}}
    low, high = amount.low, amount.high
    field = "price" if amount.type == "price" else f"quantities.{amount.dimension}"
    if not amount.bounded and amount.type == "quantity" and low is not None and high is not None:
        low, high = round(low * (1 - _NEAR), 9), round(high * (1 + _NEAR), 9)
    bounds = {name: value for name, value in (("gte", low), ("lte", high)) if value is not None}
    clause = {"range": {field: bounds}}
    if amount.bounded:
        return "filter", clause
    return "should", clause if amount.type == "price" else {"bool": {"should": [clause, _words(span.surface)]}}


def _aggregation(facet: Facet) -> Clause:
    values = [id for id, _, _ in facet.values[:_VALUES]]
    return {"terms": {"field": "concepts", "include": values, "size": max(1, len(values))}}
