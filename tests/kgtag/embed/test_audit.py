"""Misplaced product types in a made-up shop, found by a model trained on that very shop."""

from __future__ import annotations

from pathlib import Path

from graph.audit import audit
from kgtag.embed.audit import implausible_broader
from kgtag.embed.scorer import Scorer
from kgtag.train.embeddings.run import train_graph
from tests.kgtag.embed.shop import misplaced, shop_data, shop_items


def test_misplaced_concepts_are_found_with_their_right_place(tmp_path: Path) -> None:
    taxonomy, moved = misplaced(shop_data(), 15)
    train_graph(taxonomy, together=shop_items(), encode=None, out=tmp_path / "model")
    check = implausible_broader(Scorer.load(tmp_path / "model"))
    findings = audit(taxonomy, checks=[check.name], extra=[check]).findings
    right = [finding for finding in findings if finding.concepts[0] in moved]
    # By chance one finding in thirteen would be right: 15 planted among 192 edges.
    assert len(right) / len(findings) >= 0.6
    assert len(right) >= 9
    homes = [finding for finding in right if finding.evidence["better"] == finding.concepts[0].split("t")[0]]
    assert len(homes) / len(right) >= 0.7
    assert "type-matched alternatives score higher; better parent: " in findings[0].message
    repair = right[0].repair
    assert repair is not None and repair["op"] == "move" and repair["to"] == right[0].evidence["better"]


def test_concepts_nothing_is_known_of_are_passed_over(tmp_path: Path) -> None:
    taxonomy, _ = misplaced(shop_data(), 15)
    train_graph(taxonomy, encode=None, out=tmp_path / "model", settings={"epochs": 2, "dim": 8})
    check = implausible_broader(Scorer.load(tmp_path / "model"))
    assert audit(taxonomy, checks=[check.name], extra=[check]).findings == ()
