"""What the killed writer does: operation `k` of a seed, the same in every process, and what the record holds after it.

`Model` keeps its own plain books, without kgtag's merging and folding, so that it can testify against them.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from graph.columns.assemble import TaxonomyData
from graph.model import (
    Change,
    ChangeSet,
    Concept,
    DeleteConcept,
    DeleteRelation,
    ItemTag,
    PutConcept,
    PutRelation,
    Relation,
    TaggedItem,
)

SCHEME = "kill"
ROOTS = tuple(f"r{n}" for n in range(8))
BRANCHES = tuple(f"c{n:03}" for n in range(120))
ITEMS = tuple(f"i{n:03}" for n in range(150))

Kind = Literal["edit", "import", "items", "patch"]


@dataclass(frozen=True)
class Operation:
    """One call that is acknowledged when it returns. Number 0 puts the roots, which stay for good."""

    number: int
    kind: Kind
    put: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    relate: tuple[tuple[str, str], ...] = ()
    unrelate: tuple[tuple[str, str], ...] = ()
    items: tuple[str, ...] = ()


def operation(seed: int, number: int, *, through: Literal["functions", "http"] = "functions") -> Operation:
    """Operation `number` of the stream; over HTTP each one is a PATCH of a root and of all its relations to others."""
    rng = random.Random(f"{seed}:{number}:{through}")
    if number == 0:
        return Operation(0, "edit", put=ROOTS)
    if through == "http":
        root = rng.choice(ROOTS)
        others = rng.sample([other for other in ROOTS if other != root], rng.randint(0, 4))
        return Operation(number, "patch", put=(root,), relate=tuple(pair(root, other) for other in sorted(others)))
    kind: Kind = rng.choices(("edit", "import", "items"), (60, 25, 15))[0]
    if kind == "import":
        return Operation(number, "import", put=tuple(sorted(rng.sample(BRANCHES, rng.randint(1, 80)))))
    if kind == "items":
        return Operation(number, "items", items=tuple(sorted(rng.sample(ITEMS, rng.randint(1, 60)))))
    touched = rng.sample(BRANCHES, rng.randint(2, 40))
    cut = rng.randint(1, len(touched))
    pairs = [pair(*rng.sample(ROOTS, 2)) for _ in range(rng.randint(0, 4))]
    half = rng.randint(0, len(pairs))
    drawn, erased = tuple(sorted(set(pairs[:half]))), tuple(sorted(set(pairs[half:]) - set(pairs[:half])))
    return Operation(number, "edit", tuple(touched[:cut]), tuple(touched[cut:]), drawn, erased)


def pair(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)


def concept(id: str, number: int) -> Concept:
    """As operation `number` leaves it: every write shows in two fields."""
    labels = {"en": f"Concept {id}", "zh": f"概念 {id}"}
    definition = {"en": f"written by operation {number}"}
    return Concept(id, SCHEME, "category", labels, {"en": (f"also {id}",)}, {}, definition, str(number))


def parent(id: str) -> Relation:
    return Relation("broader", id, ROOTS[int(id[1:]) % len(ROOTS)], primary=True)


def item(id: str, number: int) -> TaggedItem:
    tags = tuple(
        ItemTag(ROOTS[(int(id[1:]) + step + number) % len(ROOTS)], 0.5, "exact", 0, 4, "item") for step in range(3)
    )
    return TaggedItem(id, f"item of operation {number}", "en", "kill-1", str(number), tags, "2026-01-31T12:00:00Z")


def change_set(work: Operation) -> ChangeSet:
    changes: list[Change] = [PutConcept(concept(id, work.number)) for id in work.put]
    changes += [PutRelation(parent(id)) for id in work.put if id not in ROOTS]
    changes += [DeleteConcept(id) for id in work.delete]
    changes += [PutRelation(Relation("related", *ends)) for ends in work.relate]
    changes += [DeleteRelation(Relation("related", *ends)) for ends in work.unrelate]
    return ChangeSet(tuple(changes), "kill", f"op-{work.number}")


def write_import(work: Operation, folder: Path) -> Path:
    """The file of an import; its name tells the number, and comes back as the reason in the history."""
    rows = []
    for id in work.put:
        made = concept(id, work.number)
        row = {"id": id, "scheme": SCHEME, "kind": made.kind, "pref_label": made.pref_label, "notation": made.notation}
        row |= {"alt_label": made.alt_label, "definition": made.definition, "broader": [parent(id).target]}
        rows.append(json.dumps(row, ensure_ascii=False) + "\n")
    file = folder / f"op-{work.number}.jsonl"
    file.write_text("".join(rows), encoding="utf-8")
    return file


def patch_body(work: Operation) -> dict[str, object]:
    made = concept(work.put[0], work.number)
    others = [b if a == made.id else a for a, b in work.relate]
    return {
        "definition": dict(made.definition),
        "notation": made.notation,
        "related": others,
        "reason": f"op-{work.number}",
    }


@dataclass
class Model:
    """What the record must hold: by id, the operation that wrote it last; relations; the operations in the history."""

    concepts: dict[str, int] = field(default_factory=dict)
    related: set[tuple[str, str]] = field(default_factory=set)
    items: dict[str, int] = field(default_factory=dict)
    history: list[int] = field(default_factory=list)

    def after(self, work: Operation) -> Model:
        concepts = {id: number for id, number in self.concepts.items() if id not in work.delete}
        concepts |= dict.fromkeys(work.put, work.number)
        related = self.related
        if work.kind == "patch":
            related = {ends for ends in related if work.put[0] not in ends}
        related = (related | set(work.relate)) - set(work.unrelate)
        history = self.history if work.kind == "items" else [*self.history, work.number]
        return Model(concepts, related, self.items | dict.fromkeys(work.items, work.number), history)

    def data(self) -> TaxonomyData:
        concepts = (concept(id, number) for id, number in self.concepts.items())
        edges = [parent(id) for id in self.concepts if id not in ROOTS]
        edges += [Relation("related", *ends) for ends in self.related]
        return TaxonomyData.of(len(self.history), concepts, edges)

    def tagged(self) -> list[TaggedItem]:
        return [item(id, self.items[id]) for id in sorted(self.items)]
