"""Misplaced product types in a made-up shop, found by a model trained on that very shop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph.audit import audit
from graph.columns.assemble import TaxonomyData
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.embed import audit as embed_audit
from kgtag.embed.audit import implausible_broader
from kgtag.embed.export import Export
from kgtag.embed.families import misplaced as misplaced_by_labels
from kgtag.embed.scorer import Scorer
from kgtag.embed.vectors import Vectors
from kgtag.train.embeddings.run import train_graph
from tests.kgtag.embed.shop import misplaced, shop_data, shop_items


def test_misplaced_concepts_are_found_with_their_right_place(tmp_path: Path) -> None:
    taxonomy, moved = misplaced(shop_data(), 15)
    train_graph(taxonomy, together=shop_items(), encoder=None, out=tmp_path / "model", audit_folds=3)
    check = implausible_broader(Scorer.load(tmp_path / "model"))
    findings = audit(taxonomy, checks=[check.name], extra=[check]).findings
    right = [finding for finding in findings if finding.concepts[0] in moved]
    # By chance one finding in thirteen would be right: 15 planted among 192 edges.
    assert len(right) / len(findings) >= 0.6
    assert len(right) >= 9
    homes = [finding for finding in right if finding.evidence["better"] == [finding.concepts[0].split("t")[0]]]
    assert len(homes) / len(right) >= 0.7
    assert "type-matched alternatives score higher; better parent: " in findings[0].message
    repair = right[0].repair
    assert repair is not None and repair["op"] == "move" and [repair["to"]] == right[0].evidence["better"]


def test_concepts_nothing_is_known_of_are_passed_over(tmp_path: Path) -> None:
    taxonomy, _ = misplaced(shop_data(), 15)
    train_graph(taxonomy, encoder=None, out=tmp_path / "model", settings={"epochs": 2, "dim": 8})
    check = implausible_broader(Scorer.load(tmp_path / "model"))
    assert audit(taxonomy, checks=[check.name], extra=[check]).findings == ()


AISLES = 24


def aisles() -> tuple[Taxonomy, np.ndarray]:
    """Aisles of five goods whose vectors point the aisle's way; one of the lamps stands among the shoes."""
    rng = np.random.default_rng(0)
    concepts, relations, rows = [], [], []
    for aisle in range(AISLES):
        ids = [f"a{aisle}", *(f"a{aisle}g{n}" for n in range(5))]
        concepts += [Concept(id, "shop", "category", {"en": id.upper()}) for id in ids]
        relations += [Relation("broader", id, ids[0]) for id in ids[1:] if id != "a1g0"]
        rows += [np.eye(AISLES)[aisle] + 0.05 * rng.normal(size=AISLES) for _ in ids]
    relations.append(Relation("broader", "a1g0", "a4"))
    texts = np.array(rows)
    texts = (texts / np.linalg.norm(texts, axis=1, keepdims=True)).astype(np.float32)
    order = np.argsort([concept.id for concept in concepts])
    concepts = [concepts[i] for i in order]
    return Taxonomy.of(TaxonomyData.of(1, tuple(concepts), tuple(relations))), texts[order]


def scorer_of(taxonomy: Taxonomy, texts: np.ndarray) -> Scorer:
    rng = np.random.default_rng(1)
    width = np.zeros((len(taxonomy), 4), dtype=np.float32) + rng.normal(size=(len(taxonomy), 4)).astype(np.float32)
    vectors = Vectors("DistMult", width, np.ones((1, 4), dtype=np.float32))
    return Scorer(Export(tuple(taxonomy.ids), ("broader",), vectors, texts=texts))


@pytest.fixture
def any_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up vectors are nearer to each other than those of labels."""
    monkeypatch.setattr(embed_audit, "_MIN_MARGIN", 0.0)


@pytest.mark.usefixtures("any_margin")
def test_labels_show_what_is_misplaced_and_where_it_belongs() -> None:
    taxonomy, texts = aisles()
    check = implausible_broader(scorer_of(taxonomy, texts))
    (finding,) = audit(taxonomy, checks=[check.name], extra=[check]).findings
    assert finding.concepts == ("a1g0", "a4")
    assert finding.evidence["by"] == "labels" and finding.evidence["better"][0] == "a1"
    assert "its siblings are 'A4G0', 'A4G1', 'A4G2', 'A4G3' and 1 more; " in finding.message
    assert f"of {AISLES - 1} other parents fit better: 'A1'" in finding.message
    assert finding.repair is not None and (finding.repair["from"], finding.repair["to"]) == ("a4", "a1")


def test_a_small_margin_is_chance() -> None:
    taxonomy, texts = aisles()
    assert misplaced_by_labels(taxonomy, dict(zip(taxonomy.ids, texts, strict=True)))[0].margin < 0.12
    check = implausible_broader(scorer_of(taxonomy, texts))
    assert audit(taxonomy, checks=[check.name], extra=[check]).findings == ()


def test_what_has_no_vector_is_not_asked_about() -> None:
    taxonomy, texts = aisles()
    texts[list(taxonomy.ids).index("a1g0")] = np.nan
    check = implausible_broader(scorer_of(taxonomy, texts))
    assert audit(taxonomy, checks=[check.name], extra=[check]).findings == ()


@pytest.mark.usefixtures("any_margin")
def test_the_budget_keeps_the_worst() -> None:
    taxonomy, texts = aisles()
    for one, other in (("a2g0", "a3g0"), ("a5g1", "a6g1")):
        i, j = (list(taxonomy.ids).index(id) for id in (one, other))
        texts[[i, j]] = texts[[j, i]]
    vectors = dict(zip(taxonomy.ids, texts, strict=True))
    found = misplaced_by_labels(taxonomy, vectors)
    assert len(found) == 5 and [one.margin for one in found] == sorted((one.margin for one in found), reverse=True)
    check = implausible_broader(scorer_of(taxonomy, texts), budget=0.015)
    findings = audit(taxonomy, checks=[check.name], extra=[check]).findings
    assert [finding.concepts for finding in findings] == [(one.narrower, one.broader) for one in found[:2]]


def test_values_of_another_attribute_are_no_alternatives() -> None:
    """Families of values, each of an attribute of its own: nothing to compare."""
    taxonomy, texts = aisles()
    changed = [replace(concept, kind="value") for concept in taxonomy]
    attributes = [Concept(f"k{n}", "shop", "attribute", {"en": f"k{n}"}) for n in range(AISLES)]
    owned = [Relation("value_of", id, f"k{id.split('g')[0][1:]}" if id != "a1g0" else "k4") for id in taxonomy.ids]
    relations = (*taxonomy.relations, *owned)
    values = Taxonomy.of(TaxonomyData.of(1, tuple(sorted((*changed, *attributes), key=lambda c: c.id)), relations))
    assert values.attribute_of("a1g0") == "k4"
    assert misplaced_by_labels(taxonomy, dict(zip(taxonomy.ids, texts, strict=True)))
    assert misplaced_by_labels(values, dict(zip(taxonomy.ids, texts, strict=True))) == []
