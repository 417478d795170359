"""Import of parsed files: new concepts are added, known ones merged, and nothing is deleted.

With `replacing`, concepts and parents that the file contradicts are deprecated and deleted: see `outdated`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

from graph.editing.edit import apply_with, preview
from graph.errors import InputError
from graph.formats.parsed import Parsed, note
from graph.model import Change, ChangeSet, Concept, DeleteRelation, PutConcept, PutRelation, Relation, RelationType
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Outdated:
    """Primary `broader` relations that the file contradicts and concepts that it no longer has, in order."""

    broader: tuple[Relation, ...] = ()
    concepts: tuple[Concept, ...] = ()
    notes: tuple[str, ...] = ()

    def changes(self) -> list[Change]:
        """Delete the relations; deprecate the concepts, since items are tagged with them."""
        deleted = (DeleteRelation(relation) for relation in self.broader)
        return [*deleted, *(PutConcept(replace(concept, status="deprecated")) for concept in self.concepts)]


def outdated(content: Parsed, taxonomy: Taxonomy) -> Outdated:
    """Find contradictions by scheme and kind: a file of categories does not cover the attributes of its scheme.

    Nothing has moved in a file without any hierarchy, nor a concept whose parents in the file are all unknown. Further
    parents, which editors added, stay.
    """
    in_file = {concept.id: concept for concept in content.concepts}
    covered = {(concept.scheme, concept.kind) for concept in content.concepts}
    parents: dict[str, set[str]] = defaultdict(set)
    hierarchies = set()
    for relation in content.relations:
        if relation.type == "broader":
            parents[relation.source].add(relation.target)
            if (concept := in_file.get(relation.source)) is not None:
                hierarchies.add((concept.scheme, concept.kind))
    stale = []
    for concept in content.concepts:
        if (concept.scheme, concept.kind) not in hierarchies or concept.id not in taxonomy:
            continue
        stated = parents[concept.id]
        if stated and not any(id in in_file or id in taxonomy for id in stated):
            continue
        stale += [
            edge
            for edge in taxonomy.relations_from(concept.id)
            if edge.type == "broader" and edge.primary and edge.target not in stated
        ]
    missing = tuple(
        concept
        for concept in taxonomy
        if concept.id not in in_file and (concept.scheme, concept.kind) in covered and concept.status != "deprecated"
    )

    def named(id: str) -> str:
        return f"{id!r} ({taxonomy[id].label()})"

    moved = [f"{named(edge.source)} from {edge.target!r}" for edge in stale if parents[edge.source]]
    topped = [f"{named(edge.source)} from {edge.target!r}" for edge in stale if not parents[edge.source]]
    deprecated = [
        named(concept.id)
        for concept in content.concepts
        if concept.status == "active" and (old := taxonomy.get(concept.id)) is not None and old.status == "deprecated"
    ]
    notes = (
        *note("concepts moved to another primary parent", moved),
        *note("concepts became top concepts", topped),
        *note("concepts are not in the file any more and are deprecated", (named(c.id) for c in missing)),
        *note("concepts of the file are deprecated in the store and stay so", deprecated),
    )
    return Outdated(tuple(stale), missing, notes)


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """Counts and notes of an import.

    Args:
        created: Concepts that are new.
        updated: Concepts that changed.
        unchanged: Concepts that the store had as they are.
        relations: Relations written.
        notes: What was left out or may surprise, with examples.
        moved: With `replacing`: concepts whose primary parent changed.
        deprecated: With `replacing`: concepts that the file no longer has.
        faults: Those notes that say what is wrong with the file.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    relations: int = 0
    notes: tuple[str, ...] = ()
    moved: int = 0
    deprecated: int = 0
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport(ImportCounts):
    """The counts of an import and the snapshot afterwards."""

    taxonomy: Taxonomy


def import_parsed(
    store: TaxonomyStore,
    content: Parsed,
    *,
    author: str,
    reason: str,
    replacing: bool = False,
    strict: bool = False,
    dry_run: bool = False,
) -> ImportReport:
    """Merge the content of a file into a store, in one transaction.

    A second import of the same file changes nothing and makes no new version.

    Args:
        store: Where to write.
        content: What a reader made of the file.
        author: Who imports it, for the history.
        reason: Why, for the history.
        replacing: The file has the whole scheme: move what moved, deprecate what is missing.
        strict: Refuse a file with something wrong in it, which is a note otherwise.
        dry_run: Plan, check and count, and write nothing.

    Raises:
        InputError: An id belongs to a concept of another scheme or kind.
        InvariantError: The result would be unsound.

    Example:
        >>> import_parsed(store, jsonl.read([Path("tents.jsonl")]), author="ann", reason="new range").created
        2
    """
    counts = ImportCounts()

    def planned(snapshot: Taxonomy) -> ChangeSet:
        nonlocal counts
        changes, counts = merge(content, snapshot, replacing=replacing)
        if strict and counts.faults:
            more = f" (and {len(counts.faults) - 1} more)" if len(counts.faults) > 1 else ""
            raise InputError(f"{counts.faults[0]}{more}; without --strict, these are notes")
        return ChangeSet(changes, author, reason)

    taxonomy = preview(store, planned)[2] if dry_run else apply_with(store, planned)
    return ImportReport(**asdict(counts), taxonomy=taxonomy)


def prefixed(content: Parsed, prefix: str) -> Parsed:
    """The content with a prefix before its concept ids: two schemes may both number from 1."""
    own = {concept.id for concept in content.concepts}

    def renamed(id: str) -> str:
        return prefix + id if id in own else id

    concepts = (replace(concept, id=prefix + concept.id) for concept in content.concepts)
    relations = (replace(r, source=renamed(r.source), target=renamed(r.target)).canonical() for r in content.relations)
    return replace(
        content,
        concepts=tuple(sorted(concepts, key=lambda c: c.id)),
        relations=tuple(sorted(relations)),
        places={prefix + id: place for id, place in content.places.items()},
    )


def merge(content: Parsed, taxonomy: Taxonomy, *, replacing: bool = False) -> tuple[tuple[Change, ...], ImportCounts]:
    """The changes that merge a file into a snapshot, and their counts; see `import_parsed`.

    Relations to unknown concepts are left out, with a note.
    """
    stale = outdated(content, taxonomy) if replacing else Outdated()
    puts: list[Change] = []
    created = unchanged = 0
    known = taxonomy.among([concept.id for concept in content.concepts])
    for concept in content.concepts:
        old = known.get(concept.id)
        if old is None:
            created += 1
            puts.append(PutConcept(concept))
        elif old != concept and (new := merged(old, concept)) != old:
            puts.append(PutConcept(new))
        else:
            unchanged += 1
    relations, notes, dangling = _relations(content, taxonomy, stale)
    changes = (*stale.changes(), *puts, *(PutRelation(relation) for relation in relations))
    return changes, ImportCounts(
        created=created,
        updated=len(content.concepts) - created - unchanged,
        unchanged=unchanged,
        relations=len(relations),
        notes=(*content.notes, *stale.notes, *dangling, *notes),
        faults=(*content.faults, *dangling),
        moved=len(stale.broader),
        deprecated=len(stale.concepts),
    )


def merged(old: Concept, new: Concept) -> Concept:
    """The old concept with the additions of the new one.

    A different preferred label replaces the old one, which becomes an alternative label. A status or choice at its
    default is ignored, so that a plain file does not revive a deprecated concept. Raises InputError when scheme or kind
    differ.
    """
    if old.scheme != new.scheme:
        owner = f"concept {new.id!r} belongs to scheme {old.scheme!r} already"
        raise InputError(f"{owner}; it can't be imported into {new.scheme!r}; --id-prefix keeps the two apart")
    if old.kind != new.kind:
        raise InputError(f"concept {new.id!r} is of kind {old.kind!r} already; the file makes it a {new.kind!r}")
    pref = {**old.pref_label, **new.pref_label}
    former = {tag: (text,) for tag, text in old.pref_label.items() if text != pref[tag]}
    return replace(
        old,
        pref_label=pref,
        alt_label=_tidied(_united(old.alt_label, new.alt_label, former), pref, (old.alt_label, new.alt_label)),
        hidden_label=_united(old.hidden_label, new.hidden_label),
        definition={**old.definition, **new.definition},
        notation=old.notation if new.notation is None else new.notation,
        status=old.status if new.status == "active" else new.status,
        choice=old.choice if new.choice == "multiple" else new.choice,
    )


_ByLanguage = Mapping[str, tuple[str, ...]]


def _united(*sources: _ByLanguage) -> dict[str, tuple[str, ...]]:
    tags = dict.fromkeys(tag for labels in sources for tag in labels)
    return {tag: tuple(dict.fromkeys(chain.from_iterable(one.get(tag, ()) for one in sources))) for tag in tags}


def _tidied(alt: _ByLanguage, pref: Mapping[str, str], sides: Sequence[_ByLanguage]) -> dict[str, tuple[str, ...]]:
    """Alternative labels except those that have become the preferred one, unless both sides have them."""

    def kept(tag: str, text: str) -> bool:
        return text != pref.get(tag) or all(text in side.get(tag, ()) for side in sides)

    tidy = {tag: tuple(text for text in texts if kept(tag, text)) for tag, texts in alt.items()}
    return {tag: texts for tag, texts in tidy.items() if texts or not alt[tag]}


def _relations(content: Parsed, taxonomy: Taxonomy, stale: Outdated) -> tuple[list[Relation], list[str], list[str]]:
    """Relations to put, notes on surprising ones, and notes on those that lead to no concept."""
    in_file = {concept.id for concept in content.concepts}
    old = {relation.key: relation for relation in taxonomy.relations}
    dangling: dict[str, list[str]] = defaultdict(list)
    wanted: list[Relation] = []
    for relation in map(Relation.canonical, content.relations):
        if all(end in in_file or end in taxonomy for end in (relation.source, relation.target)):
            wanted.append(relation)
        else:
            place = content.places.get(relation.source)
            where = f" ({Path(place.file).name}:{place.line})" if place is not None and place.line else ""
            dangling[relation.type].append(f"{relation.source!r} → {relation.target!r}{where}")
    gone = {relation.key for relation in stale.broader}
    puts = [edge for edge in _with_one_primary(wanted, old.values(), gone) if old.get(edge.key) != edge]
    adopted = [
        f"{relation.source!r}"
        for relation in puts
        if relation.type == "broader" and relation.key not in old and relation.source in taxonomy
        if any(("broader", relation.source, parent) not in gone for parent in taxonomy.out(relation.source, "broader"))
    ]
    lost = []
    for type, pairs in sorted(dangling.items()):
        lost += note(f"{type} relations lead to no concept and were left out", pairs)
    return puts, note("concepts keep their broader concepts beside those of the file", adopted), lost


def _with_one_primary(
    wanted: list[Relation], present: Iterable[Relation], gone: Set[tuple[RelationType, str, str]]
) -> list[Relation]:
    """One primary `broader` a concept: that of the file if it has the store's one too, else the store's."""
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
