"""A file as its scheme's new truth: what the store has beyond it goes, within what the file can say.

A file of names says nothing about definitions, one in German nothing about English labels (`Coverage`). Concepts that
it no longer has are deprecated, since items are tagged with them; those that return are active again. What editors
added can stay: whatever the history does not show as the work of an import.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from graph.errors import InputError
from graph.formats.parsed import Coverage, Parsed, note
from graph.labels import normalise
from graph.model import SYMMETRIC, Change, Concept, DeleteRelation, HistoryEntry, PutConcept, PutRelation, Relation
from graph.taxonomy import Taxonomy

IMPORTED = "import "
"""How the reason of an import begins in the history."""

Fact = tuple[str, ...]
"""A statement about a concept: (field, id), and for texts language and text; or the key of a relation."""
Local = Callable[[Set[Fact]], Set[Fact]]
"""Those of the statements that are editors' work."""

_LISTS = ("alt_label", "hidden_label")
_SINGLE = ("pref_label", "definition")


def facts(concept: Concept) -> set[Fact]:
    """What a concept states, without its relations."""
    found: set[Fact] = {("concept", concept.id)}
    for name in _SINGLE:
        found |= {(name, concept.id, tag, text) for tag, text in getattr(concept, name).items()}
    for name in _LISTS:
        found |= {(name, concept.id, tag, text) for tag, texts in getattr(concept, name).items() for text in texts}
    if concept.notation is not None:
        found.add(("notation", concept.id, "", concept.notation))
    if concept.status != "active":
        found.add(("status", concept.id, "", concept.status))
    return found


def local_facts(history: Iterable[HistoryEntry], asked: Set[Fact]) -> set[Fact]:
    """Those of the facts whose latest addition was not an import's: an editor's, an external edit's, or from before
    the history."""
    ids = {fact[1] for fact in asked}
    imported: set[Fact] = set()
    for entry in history:
        before: dict[str, set[Fact]] = {}
        there: set[Fact] = set()
        for change in entry.undo:
            if isinstance(change, PutConcept) and change.concept.id in ids:
                before[change.concept.id] = facts(change.concept)
            elif isinstance(change, PutRelation):
                there.add(change.relation.key)
        added: set[Fact] = set()
        for change in entry.changes:
            if isinstance(change, PutConcept) and change.concept.id in ids:
                added |= facts(change.concept) - before.get(change.concept.id, set())
            elif isinstance(change, PutRelation) and change.relation.key not in there:
                added.add(change.relation.key)
        if entry.origin == "kgtag" and entry.reason.startswith(IMPORTED):
            imported |= added & asked
        else:
            imported -= added
    return set(asked) - imported


def coverage_of(content: Parsed) -> Coverage:
    """What the file can say: as its reader states, else what it says about any concept."""
    if content.coverage is not None:
        return content.coverage
    texts = {
        (name, tag) for one in content.concepts for name in (*_SINGLE, *_LISTS) for tag in getattr(one, name) if tag
    }
    fields = {str(relation.type) for relation in content.relations}
    if any(concept.notation is not None for concept in content.concepts):
        fields.add("notation")
    return Coverage(frozenset(texts), frozenset(fields))


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a file changes in the store besides what it adds.

    Args:
        concepts: The concepts of the file that the store has, as they become.
        relations: Relations that the file no longer has.
        missing: Concepts that the file no longer has.
        back: Ids of concepts that were deprecated and are active again.
        moved: The number of concepts with another primary parent, or none.
        removed: Numbers of labels, definitions and notations that go.
        kept: The number of editors' statements that stay.
        notes: The same with examples.
    """

    concepts: Mapping[str, Concept] = field(default_factory=dict)
    relations: tuple[Relation, ...] = ()
    missing: tuple[Concept, ...] = ()
    back: frozenset[str] = frozenset()
    moved: int = 0
    removed: Mapping[str, int] = field(default_factory=dict)
    kept: int = 0
    notes: tuple[str, ...] = ()

    def changes(self) -> list[Change]:
        """Delete the relations; deprecate the concepts."""
        deleted = (DeleteRelation(relation) for relation in self.relations)
        return [*deleted, *(PutConcept(replace(concept, status="deprecated")) for concept in self.missing)]


def replacement(content: Parsed, taxonomy: Taxonomy, local: Local | None = None) -> Replacement:
    """Work out what goes; `local` finds what editors added, which stays.

    Concepts are compared by scheme and kind: a file of categories does not cover the attributes of its scheme. Nothing
    has moved in a file without any hierarchy, nor a concept whose parents in the file are all unknown.
    """
    known = taxonomy.among([concept.id for concept in content.concepts])
    work = _Work(content, taxonomy, known)
    missing, stale = work.missing(), work.stale(frozenset())
    kept: frozenset[Fact] = frozenset()
    if local is not None:
        gone: set[Fact] = {("concept", concept.id) for concept in missing} | {edge.key for edge in stale}
        for id, old in known.items():
            gone |= facts(old) - facts(work.replaced(id, frozenset()))
        kept = frozenset(local(gone))
        missing = [concept for concept in missing if ("concept", concept.id) not in kept]
        stale = work.stale(kept)
    concepts = {id: work.replaced(id, kept) for id in known}
    removed: Counter[str] = Counter()
    for id, new in concepts.items():
        removed += Counter(_KINDS[fact[0]] for fact in facts(known[id]) - facts(new) if fact[0] in _KINDS)
    back = [id for id, new in concepts.items() if new.status == "active" and known[id].status == "deprecated"]
    return Replacement(
        concepts,
        tuple(stale),
        tuple(missing),
        frozenset(back),
        sum(edge.type == "broader" and edge.primary for edge in stale),
        removed,
        len(kept),
        tuple(work.notes(stale, missing, back)),
    )


_KINDS = {"pref_label": "labels", "alt_label": "labels", "hidden_label": "labels", "definition": "definitions"} | {
    "notation": "notations"
}


class _Work:
    def __init__(self, content: Parsed, taxonomy: Taxonomy, known: Mapping[str, Concept]) -> None:
        self.content = content
        self.taxonomy = taxonomy
        self.known = known
        self.coverage = coverage_of(content)
        self.in_file = {concept.id: concept for concept in content.concepts}
        self.covered = {(concept.scheme, concept.kind) for concept in content.concepts}
        self.schemes = {concept.scheme for concept in content.concepts}
        self.stated = {relation.canonical().key for relation in content.relations}
        self.parents: dict[str, set[str]] = defaultdict(set)
        for relation in content.relations:
            if relation.type == "broader":
                self.parents[relation.source].add(relation.target)
        self._moved = self._moved_labels()

    def missing(self) -> list[Concept]:
        """The concepts in use that the file no longer has."""
        there = self.in_file.keys() | self.content.unread
        return [
            concept
            for concept in self.taxonomy
            if concept.id not in there
            and (concept.scheme, concept.kind) in self.covered
            and concept.status != "deprecated"
        ]

    def _moved_labels(self) -> set[Fact]:
        """Alternative and hidden labels that the file gives to another concept, which did not have them."""
        gained: set[tuple[str, str, str, str]] = set()
        for id, new in self.in_file.items():
            old = self.known.get(id)
            before = {(tag, normalise(text)) for text, tag, _ in old.labels()} if old is not None else set()
            for text, tag, _ in new.labels():
                if (tag, normalise(text)) not in before:
                    gained.add((new.scheme, new.kind, tag, normalise(text)))
        if not gained:
            return set()
        return {
            (f"{kind}_label", id, tag, text)
            for id, old in self.known.items()
            if old.kind != "value"
            for text, tag, kind in old.labels()
            if kind != "pref" and (old.scheme, old.kind, tag, normalise(text)) in gained
        }

    def replaced(self, id: str, kept: Collection[Fact]) -> Concept:
        """The concept as it becomes."""
        old, new = self.known[id], self.in_file[id]
        require_same(old, new)
        named = not nameless(new)
        pref = self._single("pref_label", kept, old, new) if named else dict(old.pref_label)
        alt = self._list("alt_label", kept, old, new)
        for tag, text in old.pref_label.items():
            if ("pref_label", id, tag, text) in kept and pref.get(tag, text) != text:
                alt[tag] = tuple(dict.fromkeys((*alt.get(tag, ()), text)))
        alt = {
            tag: rest
            for tag, texts in alt.items()
            if (rest := tuple(t for t in texts if t != pref.get(tag) or t in new.alt_label.get(tag, ())))
        }
        status = old.status
        if new.status != "active" or "status" in self.coverage.fields or old.status == "deprecated":
            status = new.status
        if status != old.status and ("status", id, "", old.status) in kept:
            status = old.status
        notation = new.notation
        if notation is None and old.notation is not None:
            local = ("notation", id, "", old.notation) in kept
            notation = old.notation if local or "notation" not in self.coverage.fields else None
        covers = "choice" in self.coverage.fields
        return replace(
            old,
            pref_label=pref,
            alt_label=alt,
            hidden_label=self._list("hidden_label", kept, old, new),
            definition=self._single("definition", kept, old, new),
            notation=notation,
            status=status,
            choice=new.choice if covers or new.choice != "multiple" else old.choice,
        )

    def _single(self, name: str, kept: Collection[Fact], old: Concept, new: Concept) -> dict[str, str]:
        before, now = getattr(old, name), getattr(new, name)
        stays = {
            tag: text
            for tag, text in before.items()
            if not self.coverage.has(name, tag) or (name, old.id, tag, text) in kept
        }
        return _in_order(before, {**stays, **now})

    def _list(self, name: str, kept: Collection[Fact], old: Concept, new: Concept) -> dict[str, tuple[str, ...]]:
        before, now = getattr(old, name), getattr(new, name)
        found: dict[str, tuple[str, ...]] = {}
        for tag in dict.fromkeys((*before, *now)):
            covers = self.coverage.has(name, tag)
            stays = [
                text
                for text in before.get(tag, ())
                if (fact := (name, old.id, tag, text)) in kept or not (covers or fact in self._moved)
            ]
            if texts := tuple(dict.fromkeys((*now.get(tag, ()), *stays))):
                same = set(texts) == set(before.get(tag, ()))
                found[tag] = before[tag] if same else texts
        return found

    def stale(self, kept: Collection[Fact]) -> list[Relation]:
        """The relations of the file's concepts that it no longer has."""
        hierarchies = {
            (self.in_file[id].scheme, self.in_file[id].kind)
            for id, above in self.parents.items()
            if above and id in self.in_file
        }
        explicit = self.content.coverage is not None
        found = []
        for edge in self.taxonomy.relations:
            if edge.key in self.stated or edge.key in kept:
                continue
            if edge.type == "broader":
                concept = self.in_file.get(edge.source)
                if concept is None or "broader" not in self.coverage.fields or edge.source in self.content.unplaced:
                    continue
                if not explicit and (concept.scheme, concept.kind) not in hierarchies:
                    continue
                stated = self.parents.get(edge.source)
                if stated and not any(id in self.in_file or id in self.taxonomy for id in stated):
                    continue
                found.append(edge)
            elif edge.type in self.coverage.fields:
                if self._says(edge):
                    found.append(edge)
            elif edge.type == "replaced_by" and self._returns(edge.source, kept):
                found.append(edge)
        return found

    def _says(self, edge: Relation) -> bool:
        """Whether the relation is the file's to state: between concepts of its schemes, from one that it has."""
        other = self.taxonomy.get(edge.target)
        if edge.type not in SYMMETRIC:
            return edge.source in self.in_file and other is not None and other.scheme in self.schemes
        ends = [self.taxonomy.get(edge.source), other]
        ours = all(end is not None and (end.scheme, end.kind) in self.covered for end in ends)
        return ours and (edge.source in self.in_file or edge.target in self.in_file)

    def _returns(self, id: str, kept: Collection[Fact]) -> bool:
        return id in self.known and self.known[id].status == "deprecated" and self.replaced(id, kept).status == "active"

    def notes(self, stale: Iterable[Relation], missing: Iterable[Concept], back: Iterable[str]) -> list[str]:
        def named(id: str) -> str:
            return f"{id!r} ({self.taxonomy[id].label()})"

        primary = [edge for edge in stale if edge.type == "broader" and edge.primary]
        moved = [f"{named(edge.source)} from {edge.target!r}" for edge in primary if self.parents.get(edge.source)]
        topped = [f"{named(edge.source)} from {edge.target!r}" for edge in primary if not self.parents.get(edge.source)]
        return [
            *self._lost_languages(),
            *note("concepts moved to another primary parent", moved),
            *note("concepts became top concepts", topped),
            *note("concepts are not in the file any more and are deprecated", (named(one.id) for one in missing)),
            *note("concepts were deprecated and are active again", map(named, back)),
        ]

    def _lost_languages(self) -> list[str]:
        """A note on languages of preferred labels that the store has and a full file has not at all."""
        if self.coverage.texts is not None:
            return []
        there = {tag for one in self.content.concepts for tag in one.pref_label}
        lost = Counter(tag for one in self.known.values() for tag in one.pref_label if tag not in there)
        what = "languages are not in the file at all, and go; give the files of all languages at once to keep them"
        return note(what, (f"{tag} ({count:,} preferred labels)" for tag, count in lost.items()))


def require_same(old: Concept, new: Concept) -> None:
    """Raise InputError when scheme or kind differ."""
    if old.scheme != new.scheme:
        owner = f"concept {new.id!r} belongs to scheme {old.scheme!r} already"
        raise InputError(f"{owner}; it can't be imported into {new.scheme!r}; --id-prefix keeps the two apart")
    if old.kind != new.kind:
        raise InputError(f"concept {new.id!r} is of kind {old.kind!r} already; the file makes it a {new.kind!r}")


def nameless(concept: Concept) -> bool:
    """Whether the file had no name for the concept, so that it is called by its id."""
    return dict(concept.pref_label) == {"und": concept.id}


def _in_order(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with the keys that were there before first, in their order."""
    return {tag: now[tag] for tag in (*(tag for tag in before if tag in now), *(t for t in now if t not in before))}
