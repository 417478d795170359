"""Bringing a parsed file into a store: what is new is added, what is known is merged, nothing is taken away.

Unless the file is to replace its scheme: then what it contradicts goes (see `graph.editing.replacing`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace

from graph.editing.edit import apply_with, preview
from graph.editing.replacing import Outdated, outdated
from graph.errors import InputError
from graph.formats.parsed import Parsed, note
from graph.model import Change, ChangeSet, Concept, PutConcept, PutRelation, Relation, RelationType
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Concepts created, updated and found unchanged; relations put; what to know; the result.

    Of a replaced scheme also how many concepts lost their primary parent to another, and how many were deprecated.
    """

    created: int
    updated: int
    unchanged: int
    relations: int
    notes: tuple[str, ...]
    taxonomy: Taxonomy
    moved: int = 0
    deprecated: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The change set that merges a file into a snapshot, and its size."""

    changes: tuple[Change, ...]
    created: int
    updated: int
    unchanged: int
    relations: int
    notes: tuple[str, ...]
    moved: int = 0
    deprecated: int = 0


def import_parsed(
    store: TaxonomyStore,
    content: Parsed,
    *,
    author: str,
    reason: str,
    replacing: bool = False,
    dry_run: bool = False,
) -> ImportReport:
    """Merge in one transaction. A second import of the same file changes nothing and makes no new version.

    `replacing` takes the file as its scheme's new truth; `dry_run` works everything out, checks it and writes nothing.
    Raises InputError for an id that another scheme or kind holds, InvariantError when the result would be unsound.
    """
    plan = Plan((), 0, 0, 0, 0, ())

    def work_out(snapshot: Taxonomy) -> ChangeSet:
        nonlocal plan
        plan = merge(content, snapshot, replacing=replacing)
        return ChangeSet(plan.changes, author, reason)

    now = preview(store, work_out)[2] if dry_run else apply_with(store, work_out)
    return ImportReport(
        plan.created, plan.updated, plan.unchanged, plan.relations, plan.notes, now, plan.moved, plan.deprecated
    )


def prefixed(content: Parsed, prefix: str) -> Parsed:
    """The same content with `prefix` before the ids of its concepts: two schemes may both number from 1."""
    own = {concept.id for concept in content.concepts}

    def renamed(id: str) -> str:
        return prefix + id if id in own else id

    concepts = (replace(concept, id=prefix + concept.id) for concept in content.concepts)
    relations = (replace(r, source=renamed(r.source), target=renamed(r.target)).canonical() for r in content.relations)
    return Parsed(tuple(sorted(concepts, key=lambda c: c.id)), tuple(sorted(relations)), content.notes)


def merge(content: Parsed, taxonomy: Taxonomy, *, replacing: bool = False) -> Plan:
    """Work out what the file changes. Relations to concepts that nobody knows are left out, with a note."""
    stale = outdated(content, taxonomy) if replacing else Outdated()
    puts: list[Change] = []
    created = unchanged = 0
    there = taxonomy.among([concept.id for concept in content.concepts])
    for concept in content.concepts:
        old = there.get(concept.id)
        if old is None:
            created += 1
            puts.append(PutConcept(concept))
        elif old != concept and (new := merged(old, concept)) != old:
            puts.append(PutConcept(new))
        else:
            unchanged += 1
    relations, notes = _relations(content, taxonomy, stale)
    updated = len(content.concepts) - created - unchanged
    changes = (*stale.changes(), *puts, *(PutRelation(relation) for relation in relations))
    return Plan(
        changes,
        created,
        updated,
        unchanged,
        len(relations),
        (*content.notes, *stale.notes, *notes),
        moved=len(stale.broader),
        deprecated=len(stale.concepts),
    )


def merged(old: Concept, new: Concept) -> Concept:
    """The old concept with what the new one adds.

    A different preferred label replaces the old one, which stays as an alternative. A status or choice that is the
    default says nothing, so that a plain file doesn't revive what an editor deprecated.
    """
    if old.scheme != new.scheme:
        owner = f"concept {new.id!r} belongs to scheme {old.scheme!r} already"
        raise InputError(f"{owner}; it can't be imported into {new.scheme!r}; --id-prefix keeps the two apart")
    if old.kind != new.kind:
        raise InputError(f"concept {new.id!r} is of kind {old.kind!r} already; the file makes it a {new.kind!r}")
    pref = {**old.pref_label, **new.pref_label}
    former = {tag: (text,) for tag, text in old.pref_label.items() if text != pref[tag]}
    hidden = _united(old.hidden_label, new.hidden_label)
    alt = _united(old.alt_label, new.alt_label, former)
    return replace(
        old,
        pref_label=pref,
        alt_label=_without(alt, pref, kept=_both(old.alt_label, new.alt_label)),
        hidden_label=hidden,
        definition={**old.definition, **new.definition},
        notation=old.notation if new.notation is None else new.notation,
        status=old.status if new.status == "active" else new.status,
        choice=old.choice if new.choice == "multiple" else new.choice,
    )


_ByLanguage = Mapping[str, tuple[str, ...]]


def _united(*sources: _ByLanguage) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for labels in sources:
        for tag, texts in labels.items():
            found[tag].update(dict.fromkeys(texts))
    return {tag: tuple(texts) for tag, texts in found.items()}


def _both(a: _ByLanguage, b: _ByLanguage) -> set[tuple[str, str]]:
    """Labels that both sides have: what stands in record and file alike isn't tidied here."""
    sides = [{(tag, text) for tag, texts in side.items() for text in texts} for side in (a, b)]
    return sides[0] & sides[1]


def _without(alt: _ByLanguage, pref: Mapping[str, str], *, kept: set[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Alternative labels less those that have become the preferred one."""
    tidy = {
        tag: tuple(text for text in texts if text != pref.get(tag) or (tag, text) in kept) for tag, texts in alt.items()
    }
    return {tag: texts for tag, texts in tidy.items() if texts or not alt[tag]}


def _relations(content: Parsed, taxonomy: Taxonomy, stale: Outdated) -> tuple[list[Relation], list[str]]:
    """Relations to put, and notes on those left out or surprising."""
    known = {concept.id for concept in content.concepts}
    old = {relation.key: relation for relation in taxonomy.relations}
    lost: dict[str, list[str]] = defaultdict(list)
    wanted: list[Relation] = []
    for relation in map(Relation.canonical, content.relations):
        missing = [end for end in (relation.source, relation.target) if end not in known and end not in taxonomy]
        if missing:
            lost[relation.type].append(f"{relation.source!r} → {relation.target!r}")
        else:
            wanted.append(relation)
    gone = {relation.key for relation in stale.broader}
    settled = _with_settled_primaries(wanted, old.values(), gone)
    puts = [relation for relation in settled if old.get(relation.key) != relation]
    adopted = [
        f"{relation.source!r}"
        for relation in puts
        if relation.type == "broader" and relation.key not in old and relation.source in taxonomy
        if any(("broader", relation.source, parent) not in gone for parent in taxonomy.out(relation.source, "broader"))
    ]
    notes = []
    for type, pairs in sorted(lost.items()):
        notes += note(f"{type} relations lead nowhere and were left out", pairs)
    return puts, notes + note("concepts keep their broader concepts beside those of the file", adopted)


def _with_settled_primaries(
    wanted: list[Relation], present: Iterable[Relation], gone: Set[tuple[RelationType, str, str]]
) -> list[Relation]:
    """One primary `broader` a concept: the file decides when it names the present one, else the record's stays."""
    in_file: dict[str, set[str]] = defaultdict(set)
    for relation in wanted:
        if relation.type == "broader":
            in_file[relation.source].add(relation.target)
    kept = {
        relation.source
        for relation in present
        if relation.type == "broader" and relation.primary and relation.source in in_file
        if relation.target not in in_file[relation.source] and relation.key not in gone
    }
    return [
        replace(relation, primary=False) if relation.type == "broader" and relation.source in kept else relation
        for relation in wanted
    ]
