"""Neighbours of the sample catalogue against lists that a person rated: precision at ten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.columns.assemble import TaxonomyData
from graph.formats import jsonl
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated, sample
from kgtag.evaluation.calibration import reliability
from kgtag.evaluation.tagging import gold_concepts
from kgtag.recommend import CoOccurrence, Recommender

RATED = Path(__file__).with_name("rated.jsonl")
"""`right` and `wrong` concepts of each list, some below the tenth place; what is in neither counts as wrong there."""


@pytest.fixture(scope="module")
def recommender() -> Recommender:
    parsed = jsonl.read([sample.TAXONOMY], scheme=sample.SCHEME)
    taxonomy = Taxonomy.of(TaxonomyData.of(1, tuple(parsed.concepts), tuple(parsed.relations)))
    products = [one for file in (sample.TRAIN, sample.DEV, sample.TEST) for one in read_annotated(file)]
    return Recommender(
        taxonomy, cooccurrence=CoOccurrence.of(taxonomy, (gold_concepts(one, taxonomy) for one in products))
    )


@pytest.fixture(scope="module")
def rated() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RATED.read_text(encoding="utf-8").splitlines()]


def test_precision_at_ten(recommender: Recommender, rated: list[dict[str, Any]]) -> None:
    shares = []
    for one in rated:
        found = [row.concept for row in recommender.neighbours(one["concept"], limit=10)]
        shares.append(sum(id in one["right"] for id in found) / len(found))
    assert len(rated) >= 60
    assert sum(shares) / len(shares) >= 0.9
    assert min(shares) >= 0.5, "a list that embarrasses"


def test_a_score_is_about_the_share_that_is_right(recommender: Recommender, rated: list[dict[str, Any]]) -> None:
    scores, right = [], []
    for one in rated:
        for row in recommender.neighbours(one["concept"], limit=100):
            if row.concept in one["right"] or row.concept in one["wrong"]:
                scores.append(row.score)
                right.append(row.concept in one["right"])
    found = reliability(scores, right)
    assert found.n > 600 and found.ece < 0.05 and found.auc > 0.75


def test_values_of_a_mixed_attribute_are_neighbours_for_being_alike(recommender: Recommender) -> None:
    rows = recommender.neighbours("feature.hand-wash-only")
    assert [row.concept for row in rows] == ["feature.machine-washable"]


def test_no_list_is_all_attributes_or_repeats_a_concept(recommender: Recommender) -> None:
    for concept in list(recommender.taxonomy.ids)[::7]:
        rows = recommender.neighbours(concept)
        assert len({row.concept for row in rows}) == len(rows)
        if recommender.taxonomy[concept].kind != "attribute":
            assert all(recommender.taxonomy[row.concept].kind != "attribute" for row in rows)
