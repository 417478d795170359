"""Repairs of findings that need no decision, as one change set.

A check marks such a repair as `safe`. Checks run one after the other on the taxonomy as the repairs so far leave it,
until none has a safe repair any more; a repair that would break an invariant is left.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graph.audit.report import Check, Finding
from graph.changes import net
from graph.columns.assemble import TaxonomyData
from graph.columns.columns import owners
from graph.editing.concepts import Signature
from graph.editing.edit import after, checked
from graph.editing.retag import retagged
from graph.errors import InvariantError
from graph.model import (
    Change,
    ChangeSet,
    Concept,
    DeleteRelation,
    LabelKind,
    PutConcept,
    PutRelation,
    Relation,
    Retag,
    TaggedItem,
)
from graph.model.changes import change_from_json
from graph.taxonomy import Taxonomy

_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Fixes:
    """Safe repairs of a taxonomy.

    Args:
        changes: What they change, each row once; moves of tags last.
        fixed: The findings that they repair.
        before: The taxonomy that they were planned on.
        after: The taxonomy that they lead to.
    """

    changes: ChangeSet
    fixed: tuple[Finding, ...]
    before: Taxonomy
    after: Taxonomy

    def items(self, items: Iterable[TaggedItem]) -> Iterable[TaggedItem]:
        """The items with their tags as the repairs leave them."""
        moves = [change for change in self.changes.changes if isinstance(change, Retag)]
        for item in items:
            tags = list(item.tags)
            for move in moves:
                tags = retagged(tags, move, version=0)
            yield replace(item, tags=tuple(tags))


def plan_fixes(data: TaxonomyData, checks: Sequence[Check], of_tags: Set[str], by: Signature) -> Fixes:
    """Plan the safe repairs of what checks find; those named `of_tags` look at items, and their repairs move tags."""
    fixing = [check for check in checks if check.fixes]
    work = _Work(data)
    before = work.taxonomy
    fixed: list[Finding] = []
    for _ in range(_ROUNDS):
        found = [finding for check in fixing if check.name not in of_tags for finding in work.fix(check)]
        if not found:
            break
        fixed += found
    moved = [finding for check in fixing if check.name in of_tags for finding in _safe(check, work.taxonomy)]
    moves = [Retag(f.repair["concept"], f.repair["to"]) for f in moved if f.repair]
    changes = by.sign([*_ordered(work.changes), *moves])
    return Fixes(changes, (*fixed, *moved), before, work.taxonomy)


def _safe(check: Check, taxonomy: Taxonomy) -> list[Finding]:
    """The check's findings with a safe repair."""
    return [
        Finding(check.name, check.severity, one.concepts, one.message, one.evidence, one.repair)
        for one in check.find(taxonomy)
        if one.repair and one.repair.get("safe")
    ]


def _ordered(changes: Sequence[Change]) -> list[Change]:
    """Changes with the same effect, each row once: concepts, then relations that go, then those that come."""
    work = net(ChangeSet(tuple(changes), ""))
    return [
        *map(PutConcept, sorted(work.put, key=lambda concept: concept.id)),
        *map(DeleteRelation, sorted(work.unrelate)),
        *map(PutRelation, sorted(work.relate)),
    ]


class _Work:
    """The taxonomy as the repairs so far leave it."""

    def __init__(self, data: TaxonomyData) -> None:
        self.taxonomy = Taxonomy.of(data)
        self.changes: list[Change] = []
        self._data = data

    def fix(self, check: Check) -> list[Finding]:
        """Carry out the check's safe repairs; those of concepts in whose place an invariant would break are left."""
        found = _safe(check, self.taxonomy)
        while found:
            batch = _Batch(self.taxonomy)
            found = [finding for finding in found if batch.add(finding.repair or {})]
            changes = batch.changes()
            if not changes:
                break
            data = after(self._data, ChangeSet(tuple(changes), ""))
            try:
                self.taxonomy = checked(self.taxonomy, data)
            except InvariantError as error:
                broken = {id for problem in error.problems for id in problem.concepts}
                kept = [finding for finding in found if broken.isdisjoint(finding.concepts)]
                found = kept if len(kept) < len(found) else []
                continue
            self._data = data
            self.changes += changes
            return found
        return []


class _Batch:
    """Concepts as repairs make them, and changes of relations."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self.concepts: dict[str, Concept] = {}
        self.relations: list[Change] = []
        self._left: dict[str, set[str]] = {}

    def changes(self) -> list[Change]:
        """The changes of all repairs; none when everything is as they want it."""
        put = [PutConcept(now) for id, now in self.concepts.items() if now != self._taxonomy.get(id)]
        return [*put, *self.relations, *self._primaries()]

    def add(self, repair: Mapping[str, Any]) -> bool:
        """Carry out a safe repair; False when it must wait for another one of the same concept."""
        match repair["op"]:
            case "relabel":
                concept = self._concept(repair["concept"])
                self.concepts[concept.id] = relabelled(
                    concept, repair["lang"], repair["kind"], before=repair["from"], to=repair["to"]
                )
            case "prefer":
                concept = self._concept(repair["concept"])
                for lang, text in repair["labels"].items():
                    concept = relabelled(concept, lang, "alt", before=text, to=None)
                    concept = replace(concept, pref_label={**concept.pref_label, lang: text})
                self.concepts[concept.id] = concept
            case "rename_language":
                for id in self._with_language(repair["from"]):
                    self.concepts[id] = in_language(self._concept(id), repair["from"], repair["to"])
            case "delete_relation":
                edge = Relation(repair["type"], repair["source"], repair["target"])
                self.relations.append(DeleteRelation(edge))
                if edge.type == "broader":
                    self._left.setdefault(edge.source, set()).add(edge.target)
            case "put_relation":
                source, type = repair["source"], repair["type"]
                self.relations.append(DeleteRelation(Relation(type, source, repair["instead_of"])))
                self.relations.append(PutRelation(Relation(type, source, repair["target"])))
            case "move":
                for edge in self._taxonomy.relations_from(repair["concept"]):
                    if edge.type in ("broader", "value_of") and edge.target == repair["from"]:
                        self.relations.append(DeleteRelation(edge))
                        self.relations.append(PutRelation(replace(edge, target=repair["to"])))
            case "run":
                for change in map(change_from_json, repair["changes"]):
                    if not isinstance(change, PutConcept):
                        self.relations.append(change)
                    elif self.concepts.setdefault(change.concept.id, change.concept) != change.concept:
                        return False
        return True

    def _concept(self, id: str) -> Concept:
        return self.concepts.get(id) or self._taxonomy[id]

    def _primaries(self) -> list[Change]:
        """A primary broader relation of each concept that has lost its own: to a concept in use, the first by id."""
        found: list[Change] = []
        for id, gone in sorted(self._left.items()):
            stay = [e for e in self._taxonomy.relations_from(id) if e.type == "broader" and e.target not in gone]
            if stay and not any(edge.primary for edge in stay):
                first = min(stay, key=lambda e: (self._taxonomy[e.target].status == "deprecated", e.target))
                found.append(PutRelation(replace(first, primary=True)))
        return found

    def _with_language(self, lang: str) -> list[str]:
        """Ids of concepts with a text in the language."""
        texts = self._taxonomy.columns.texts
        code = texts.lang.values.index(lang)
        return self._taxonomy.ids_of(np.unique(owners(texts)[texts.lang.codes == code]).tolist())


def relabelled(concept: Concept, lang: str, kind: LabelKind, *, before: str, to: str | None) -> Concept:
    """The concept with another label in place of one, the last of that text; without it for None.

    No text becomes two labels of one language: the preferred one stays, else the first.
    """
    pref, alt, hidden = dict(concept.pref_label), _lists(concept.alt_label), _lists(concept.hidden_label)
    if kind == "pref":
        if to is None:
            return concept
        pref[lang] = to
        for lists in (alt, hidden):
            lists[lang] = [text for text in lists.get(lang, ()) if text != to]
    else:
        texts = (alt if kind == "alt" else hidden)[lang]
        at = len(texts) - 1 - texts[::-1].index(before)
        known = (pref.get(lang), *alt.get(lang, ()), *hidden.get(lang, ()))
        texts[at : at + 1] = [to] if to is not None and to not in known else []
    return replace(concept, pref_label=pref, alt_label=_texts(alt), hidden_label=_texts(hidden))


def in_language(concept: Concept, old: str, new: str) -> Concept:
    """The concept with the texts of a language in another one, whose preferred label stays, as does its definition.

    Unchanged if it has different definitions in the two.
    """
    definition = dict(concept.definition)
    if old in definition and definition.setdefault(new, definition[old]) != definition.pop(old):
        return concept
    pref, alt, hidden = dict(concept.pref_label), _lists(concept.alt_label), _lists(concept.hidden_label)
    moved = [(text, kind) for text, tag, kind in concept.labels() if tag == old]
    for lists in (pref, alt, hidden):
        lists.pop(old, None)
    for text, kind in moved:
        if kind == "pref" and new not in pref:
            pref[new] = text
        elif text not in (pref.get(new), *alt.get(new, ()), *hidden.get(new, ())):
            (hidden if kind == "hidden" else alt).setdefault(new, []).append(text)
    return replace(concept, pref_label=pref, alt_label=_texts(alt), hidden_label=_texts(hidden), definition=definition)


def _lists(labels: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {tag: list(texts) for tag, texts in labels.items()}


def _texts(labels: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {tag: tuple(texts) for tag, texts in labels.items() if texts}
