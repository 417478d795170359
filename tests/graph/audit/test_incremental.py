"""The audit after an edit finds what a whole audit finds, whatever the edit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from graph.audit import CHECKS, Earlier, Report, audit, incremental
from graph.columns.assemble import TaxonomyData
from graph.editing import edit
from graph.model import (
    RELATION_TYPES,
    Change,
    ChangeSet,
    Concept,
    DeleteConcept,
    DeleteRelation,
    Kind,
    PutConcept,
    PutRelation,
    Relation,
    RelationType,
)
from graph.taxonomy import Taxonomy

NAMES = ("Red", "red", "Shoes", "Shoe", "Red shoes", "Boots", "Boot", "Café", "cafe", " untidy", "鞋", "Other", "other")
KINDS: tuple[Kind, ...] = ("category", "category", "category", "category", "value", "value", "attribute")


class Editor:
    """Random taxonomies with most defects in them, and random edits of one to five changes."""

    def __init__(self, seed: int, concepts: int) -> None:
        self._random = random.Random(seed)
        self._of: dict[Kind, list[str]] = {kind: [] for kind in KINDS}
        for n in range(concepts):
            self._of[KINDS[n % len(KINDS)]].append(f"c{n:03}")
        self._ids = sorted(id for ids in self._of.values() for id in ids)

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _labels(self) -> dict[str, str]:
        tags = self._random.sample(("en", "de", "zh", "xx"), self._random.choice((1, 2, 2, 3)))
        found = {tag: self._random.choice(NAMES) + self._random.choice(("", "", " 2", " 3")) for tag in tags}
        found["fr"] = ("chose" if self._chance(0.08) else "Chose") + str(self._random.randrange(30))
        return found

    def concept(self, id: str) -> Concept:
        kind: Kind = next(kind for kind, ids in self._of.items() if id in ids)
        alt = {"en": (self._random.choice(NAMES), self._random.choice(NAMES))} if self._chance(0.3) else {}
        status = self._random.choice(("active", "active", "active", "active", "candidate", "deprecated"))
        return Concept(id, "t" if self._chance(0.04) else "s", kind, self._labels(), alt, status=cast(Any, status))

    def relation(self) -> Relation:
        one = self._random.choice
        type: RelationType = one(
            ("broader",) * 8 + ("value_of",) + ("applies_to",) * 3 + ("replaced_by",) * 2 + RELATION_TYPES
        )
        if type == "value_of":
            return Relation(type, one(self._of["value"]), one(self._of["attribute"]))
        if type == "applies_to":
            return Relation(type, one(self._of["attribute"]), one(self._of["category"]))
        ids = self._of[one(("category", "category", "value"))]
        source, target = self._random.sample(ids, 2)
        if type == "broader" and self._chance(0.95):
            source, target = max(source, target), min(source, target)
        return Relation(type, source, target, primary=type == "broader" and self._chance(0.7))

    def first(self) -> TaxonomyData:
        """Besides random relations, a family in which one lacks what the others have."""
        edges = [self.relation() for _ in range(2 * len(self._ids))]
        edges += [
            Relation("value_of", value, self._random.choice(self._of["attribute"])) for value in self._of["value"]
        ]
        family = self._of["category"][1:8]
        edges += [Relation("broader", id, self._of["category"][0], primary=True) for id in family]
        edges += [Relation("applies_to", self._of["attribute"][0], id) for id in family[1:]]
        concepts = [self.concept(id) for id in self._ids if self._chance(0.95) or self._of["attribute"][0] == id]
        there = {concept.id for concept in concepts}
        by_key = {edge.canonical().key: edge.canonical() for edge in edges if {edge.source, edge.target} <= there}
        return TaxonomyData.of(1, concepts, by_key.values())

    def changes(self, data: TaxonomyData) -> ChangeSet:
        found: list[Change] = []
        there = {concept.id: concept for concept in data.concepts}
        for _ in range(self._random.randint(1, 5)):
            what, id = self._random.random(), self._random.choice(self._ids)
            if what < 0.25:
                there[id] = self.concept(id)
                found.append(PutConcept(there[id]))
                if there[id].kind == "value":
                    found.append(PutRelation(Relation("value_of", id, self._of["attribute"][0])))
            elif what < 0.5 and id in there:
                changed = {"pref_label": self._labels()} if what < 0.4 else {"status": self.concept(id).status}
                found.append(PutConcept(replace(there[id], **cast(Any, changed))))
            elif what < 0.55:
                found.append(DeleteConcept(id))
                there.pop(id, None)
            elif what < 0.7 and data.relations:
                found.append(DeleteRelation(self._random.choice(data.relations)))
            else:
                edge = self.relation()
                if {edge.source, edge.target} <= there.keys():
                    found.append(PutRelation(edge))
        return ChangeSet(tuple(found), "ann")


def outcome(report: Report) -> list[Any]:
    return [report.revision, report.shape, [(check.name, check.count) for check in report.checks], *report.findings]


def steps(seed: int, concepts: int, edits: int) -> Iterator[tuple[Taxonomy, Taxonomy]]:
    """Snapshots before and after an edit; what an edit broke is left out of the next one's."""
    editor = Editor(seed, concepts)
    before = Taxonomy.of(editor.first())
    for version in range(2, edits + 2):
        data = TaxonomyData(version, before.columns)
        after = Taxonomy.of(edit.after(data, editor.changes(data)))
        yield before, after
        before = after


@pytest.mark.parametrize(("concepts", "seeds"), [(12, 4), (60, 6)])
def test_it_finds_what_a_whole_audit_finds(concepts: int, seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incremental, "_LARGE", 2.0)  # a part is made of whatever an edit reaches
    fired: set[str] = set()
    for seed in range(seeds):
        report: Report | None = None
        for before, after in steps(seed, concepts, 12):
            earlier = report if report is not None else audit(before)
            report = audit(after, earlier=Earlier(before, earlier))
            assert outcome(report) == outcome(audit(after)), f"seed {seed}, version {after.version}"
            fired |= {finding.check for finding in report.findings}
    reaching = {check.name for check in CHECKS if check.reach is not None} - {"crowded"}
    assert concepts < 50 or reaching <= fired, reaching - fired
