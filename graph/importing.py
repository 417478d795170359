"""Import of parsed files: new concepts are added, known ones merged, and nothing is deleted.

With `replacing`, the file is the whole truth about its scheme: see `graph.replacing`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from graph.editing.edit import apply_with, preview
from graph.errors import InputError
from graph.formats.parsed import Parsed, note
from graph.labels import CONTROL
from graph.model import Change, ChangeSet, Concept, PutConcept, PutRelation, Relation, RelationType
from graph.replacing import Fact, Local, Replacement, local_facts, nameless, replacement, require_same
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """Counts and notes of an import.

    Args:
        created: Concepts that are new.
        updated: Concepts that changed.
        unchanged: Concepts that the store had as they are.
        relations: Relations written.
        notes: What was left out or may surprise, with examples.
        faults: Those notes that say what is wrong with the file.
        moved: With `replacing`: concepts whose primary parent changed.
        back: With `replacing`: deprecated concepts that are active again; they are not among the `updated`.
        deprecated: With `replacing`: concepts that the file no longer has.
        labels_removed: With `replacing`, as the next three: labels that the file no longer has.
        definitions_removed: Definitions.
        notations_removed: Notations.
        relations_removed: Relations.
        kept_local: Statements of editors that the file does not have and that stay.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    relations: int = 0
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    moved: int = 0
    back: int = 0
    deprecated: int = 0
    labels_removed: int = 0
    definitions_removed: int = 0
    notations_removed: int = 0
    relations_removed: int = 0
    kept_local: int = 0

    def words(self) -> str:
        """The counts in words.

        Example:
            >>> ImportCounts(created=12, updated=3, deprecated=1, labels_removed=4).words()
            '12 concepts new, 3 changed, 1 deprecated; 4 labels removed'
        """
        concepts = {
            "new": self.created,
            "changed": self.updated,
            "back": self.back,
            "deprecated": self.deprecated,
            "moved": self.moved,
            "unchanged": self.unchanged,
        }
        first = next((name for name, count in concepts.items() if count), "")
        parts = [
            f"{_counted(count, 'concept') if name == first else f'{count:,}'} {name}"
            for name, count in concepts.items()
            if count
        ]
        gone = {
            "label": self.labels_removed,
            "definition": self.definitions_removed,
            "notation": self.notations_removed,
            "relation": self.relations_removed,
        }
        groups = [
            ", ".join(parts) or "nothing in the file",
            f"{_counted(self.relations, 'relation')} added" if self.relations else "",
            ", ".join(_counted(count, noun) for noun, count in gone.items() if count) + " removed"
            if any(gone.values())
            else "",
            f"{_counted(self.kept_local, 'local addition')} kept" if self.kept_local else "",
        ]
        return "; ".join(filter(None, groups))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport(ImportCounts):
    """The counts of an import and the snapshots before and afterwards."""

    before: Taxonomy
    taxonomy: Taxonomy


def import_parsed(
    store: TaxonomyStore,
    content: Parsed,
    *,
    author: str,
    reason: str,
    replacing: bool = False,
    keep_local: bool = False,
    strict: bool = False,
    dry_run: bool = False,
) -> ImportReport:
    """Merge the content of a file into a store, in one transaction.

    A second import of the same file changes nothing and makes no new version.

    Args:
        store: Where to write.
        content: What a reader made of the file.
        author: Who imports it, for the history.
        reason: Why, for the history; `graph.replacing.IMPORTED` begins it, so that editors' work can be told apart.
        replacing: The file is the whole truth about its scheme: what the store has beyond it goes.
        keep_local: With `replacing`: what editors added stays.
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
    before: Taxonomy | None = None
    content = _without_controls(content)

    def local(asked: Set[Fact]) -> Set[Fact]:
        return local_facts(store.history(), asked)

    def planned(snapshot: Taxonomy) -> ChangeSet:
        nonlocal counts, before
        before = snapshot
        changes, counts = merge(content, snapshot, replacing=replacing, local=local if keep_local else None)
        if strict and counts.faults:
            more = f" (and {len(counts.faults) - 1} more)" if len(counts.faults) > 1 else ""
            raise InputError(f"{counts.faults[0]}{more}; without --strict, these are notes")
        return ChangeSet(changes, author, reason)

    taxonomy = preview(store, planned)[2] if dry_run else apply_with(store, planned)
    fields = {name: getattr(counts, name) for name in ImportCounts.__slots__}
    return ImportReport(**fields, before=before if before is not None else taxonomy, taxonomy=taxonomy)


def _without_controls(content: Parsed) -> Parsed:
    """The content with blanks for control characters in labels, and a note of them."""
    found = [concept.id for concept in content.concepts if any(CONTROL.search(text) for text, _, _ in concept.labels())]
    if not found:
        return content
    wrong = set(found)

    def plain(text: str) -> str:
        return " ".join(CONTROL.sub(" ", text).split())

    def cleaned(one: Concept) -> Concept:
        lists = (
            {tag: tuple(filter(None, map(plain, texts))) for tag, texts in kind.items()}
            for kind in (one.alt_label, one.hidden_label)
        )
        alt, hidden = ({tag: texts for tag, texts in kind.items() if texts} for kind in lists)
        pref = {tag: plain(text) or one.id for tag, text in one.pref_label.items()}
        return replace(one, pref_label=pref, alt_label=alt, hidden_label=hidden)

    concepts = tuple(cleaned(one) if one.id in wrong else one for one in content.concepts)
    notes = note("concepts have control characters in labels, which became blanks", map(repr, found))
    return replace(content, concepts=concepts, notes=(*content.notes, *notes), faults=(*content.faults, *notes))


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
        unread=frozenset(prefix + id for id in content.unread),
        unplaced=frozenset(prefix + id for id in content.unplaced),
    )


def merge(
    content: Parsed, taxonomy: Taxonomy, *, replacing: bool = False, local: Local | None = None
) -> tuple[tuple[Change, ...], ImportCounts]:
    """The changes that merge a file into a snapshot, and their counts; see `import_parsed`.

    Relations to unknown concepts are left out, with a note, and so are values without an attribute.
    """
    content = _with_attributes(content, taxonomy)
    stale = replacement(content, taxonomy, local) if replacing else Replacement()
    puts: list[Change] = []
    created = unchanged = 0
    known = taxonomy.among([concept.id for concept in content.concepts])
    for concept in content.concepts:
        old = known.get(concept.id)
        if old is None:
            created += 1
            puts.append(PutConcept(concept))
        elif old != concept and (new := stale.concepts[old.id] if replacing else merged(old, concept)) != old:
            puts.append(PutConcept(new))
        else:
            unchanged += 1
    relations, notes, dangling = _relations(content, taxonomy, stale)
    changes = (*stale.changes(), *puts, *(PutRelation(relation) for relation in relations))
    return changes, ImportCounts(
        created=created,
        updated=len(content.concepts) - created - unchanged - len(stale.back),
        unchanged=unchanged,
        relations=len(relations),
        notes=(*content.notes, *stale.notes, *dangling, *notes),
        faults=(*content.faults, *dangling),
        moved=stale.moved,
        back=len(stale.back),
        deprecated=len(stale.missing),
        labels_removed=stale.removed.get("labels", 0),
        definitions_removed=stale.removed.get("definitions", 0),
        notations_removed=stale.removed.get("notations", 0),
        relations_removed=len(stale.relations),
        kept_local=stale.kept,
    )


def _with_attributes(content: Parsed, taxonomy: Taxonomy) -> Parsed:
    """The content without values whose attribute is neither in the file nor in the store."""
    values = {concept.id for concept in content.concepts if concept.kind == "value"}
    if not values:
        return content
    in_file = {concept.id for concept in content.concepts}
    owned = {
        edge.source
        for edge in content.relations
        if edge.type == "value_of" and (edge.target in in_file or edge.target in taxonomy)
    }
    lost = {id for id in values - owned if id not in taxonomy or not taxonomy.out(id, "value_of")}
    if not lost:
        return content
    found = note("values belong to no attribute of the file or the store and were left out", map(repr, lost))
    return replace(
        content,
        concepts=tuple(concept for concept in content.concepts if concept.id not in lost),
        relations=tuple(edge for edge in content.relations if lost.isdisjoint((edge.source, edge.target))),
        notes=(*content.notes, *found),
        faults=(*content.faults, *found),
    )


def merged(old: Concept, new: Concept) -> Concept:
    """The old concept with the additions of the new one.

    A different preferred label replaces the old one, which becomes an alternative label. A status or choice at its
    default is ignored, so that a plain file does not revive a deprecated concept. Raises InputError when scheme or kind
    differ.
    """
    require_same(old, new)
    pref = dict(old.pref_label) if nameless(new) else {**old.pref_label, **new.pref_label}
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


def _relations(content: Parsed, taxonomy: Taxonomy, stale: Replacement) -> tuple[list[Relation], list[str], list[str]]:
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
    gone = {relation.key for relation in stale.relations}
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
