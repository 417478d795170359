"""The result of every reader: concepts and relations without contradictions within the file."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from graph.columns.assemble import columns_of
from graph.columns.invariants import sound
from graph.errors import FileFormatError
from graph.model import RELATION_TYPES, Concept, ProblemCode, Relation, back_edges

_ELSEWHERE: frozenset[ProblemCode] = frozenset({"dangling", "value_without_attribute"})
"""Problems that may not exist in the store, which may have the other concept."""
_EXAMPLES = 3
CYCLES: tuple[ProblemCode, ...] = ("cycle", "self_relation")
CONTRADICTIONS: tuple[ProblemCode, ...] = (
    *CYCLES,
    "wrong_kinds",
    "cross_scheme_broader",
    "excludes_ancestor",
    "excludes_common_narrower",
    "broader_across_attributes",
)
"""Problems of single relations."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a file can say about its concepts: what it says nothing about, `--replace` leaves as it is.

    Args:
        texts: Fields of labels and definitions, each with a language; None for all in every language.
        fields: "notation", "status", "choice", and types of relations.
    """

    texts: frozenset[tuple[str, str]] | None = frozenset()
    fields: frozenset[str] = frozenset()

    def has(self, field: str, language: str) -> bool:
        return self.texts is None or (field, language) in self.texts


EVERYTHING = Coverage(None, frozenset({"notation", "status", "choice", *RELATION_TYPES}))


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of a file.

    Args:
        concepts: By id.
        relations: In order; they may lead to concepts of other files.
        notes: What was left out or may surprise, with a count and examples ("3 …, e.g. …").
        faults: Those notes that say what is wrong with the file; `--strict` refuses it for them.
        places: Where each concept stands, for further notes.
        coverage: What the file can say, as far as its content does not show it.
        unread: Ids of rows that were left out: the file has these concepts.
        unplaced: Ids of concepts whose parents were left out: the file does not say that they have none.
    """

    concepts: tuple[Concept, ...]
    relations: tuple[Relation, ...]
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    places: Mapping[str, "Place"] = field(default_factory=dict, compare=False, repr=False)
    coverage: Coverage | None = None
    unread: frozenset[str] = frozenset()
    unplaced: frozenset[str] = frozenset()


class Place(NamedTuple):
    """The place of a concept in its file."""

    file: str
    line: int | None = None
    column: int | None = None


class Lines(Mapping[str, Place]):
    """Places by id in one file or several, as one number each: a million of them as values have 150 MB."""

    def __init__(self, places: Iterable[tuple[str, str, int]] = ()) -> None:
        """From (id, file, line)."""
        self._files: dict[str, int] = {}
        self._at: dict[str, int] = {}
        for id, file, line in places:
            self.put(id, file, line)

    def put(self, id: str, file: str, line: int) -> None:
        self._at[id] = line << 16 | self._files.setdefault(file, len(self._files))

    def __getitem__(self, id: str) -> Place:
        at = self._at[id]
        return Place(list(self._files)[at & 0xFFFF], at >> 16)

    def __iter__(self) -> Iterator[str]:
        return iter(self._at)

    def __len__(self) -> int:
        return len(self._at)


def parsed(
    concepts: Iterable[Concept],
    relations: Iterable[Relation],
    *,
    notes: Iterable[str],
    places: Mapping[str, Place],
    file: str,
    tolerate: Collection[ProblemCode] = (),
    faults: Iterable[str] = (),
) -> Parsed:
    """Order concepts and relations, which may be repeated, and check them against each other.

    Raises FileFormatError for a broken invariant, with the place of the concept, else the file; relations with problems
    to `tolerate` are left out with a note instead.
    """
    rows = sorted(concepts, key=attrgetter("id"))
    edges = _ordered(relations)
    checked = sound(columns_of(rows, edges))
    broken = [p for p in checked.problems if p.code not in _ELSEWHERE and p.code not in tolerate]
    if broken:
        first = broken[0]
        place = places.get(first.concepts[0], Place(file))
        more = f" (and {len(broken) - 1} more problems)" if len(broken) > 1 else ""
        raise FileFormatError(place.file, shortened(first.message) + more, line=place.line, column=place.column)
    tolerated = [p for p in checked.problems if p.code in tolerate]
    if not tolerated:
        return Parsed(tuple(rows), tuple(edges), tuple(notes), tuple(faults), places)
    bad = {edge.key for problem in tolerated for edge in problem.edges if isinstance(edge, Relation)}
    sane = {edge.key: edge for edge in checked.columns.relations()}
    why = "; ".join(shortened(problem.message) for problem in tolerated[:2])
    left_out = [f"{e.source!r} {e.type} {e.target!r}" for e in edges if e.key in bad]
    found = note(f"relations contradict others ({why}) and were left out", left_out)
    kept = (sane.get(edge.key, edge) for edge in edges if edge.key not in bad)
    return Parsed(tuple(rows), tuple(sorted(kept)), (*notes, *found), (*faults, *found), places)


def _ordered(relations: Iterable[Relation]) -> list[Relation]:
    """The relations, canonical, in order, each once: sorted by one field after the other, without a key for each."""
    edges = [relation.canonical() for relation in relations]
    for name in reversed(Relation.__slots__):
        edges.sort(key=attrgetter(name))
    return [edge for at, edge in enumerate(edges) if not at or edge != edges[at - 1]]


def circles(relations: Iterable[Relation]) -> list[Relation]:
    """`broader` relations without which no concept is broader than itself: one of each circle, in a fixed order."""
    edges: dict[str, list[Relation]] = {}
    for edge in relations:
        if edge.type == "broader":
            edges.setdefault(edge.source, []).append(edge)
    return back_edges(edges, edges)


class Faults:
    """What is wrong with a file, by kind, with the number of cases and the first of them."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, list[str]]] = {}

    def add(self, what: str, example: str) -> None:
        count, examples = self._found.get(what, (0, []))
        if len(examples) < _EXAMPLES:
            examples.append(shortened(example))
        self._found[what] = (count + 1, examples)

    def notes(self) -> list[str]:
        """A note of each kind: "3 rows …, e.g. shop.csv:11 ('a')"."""
        return [f"{count:,} {what}, e.g. {'; '.join(found)}" for what, (count, found) in self._found.items()]


def under(parents: Mapping[str, str | None]) -> tuple[list[Relation], list[str]]:
    """Primary `broader` relations to the parents that are in the file, by child, and notes on what is wrong: unknown
    parents, and those that close a circle."""
    found = [(id, parent) for id, parent in parents.items() if parent is not None]
    dangling = [f"{id!r} under {parent!r}" for id, parent in found if parent not in parents]
    relations = [Relation("broader", id, parent, primary=True) for id, parent in found if parent in parents]
    closing = {edge.key for edge in circles(relations)}
    shown = [f"{id!r} under {parent!r}" for _, id, parent in closing]
    notes = note("parents are not in the file and were ignored", dangling)
    notes += note("parents close a circle and were left out", shown)
    return [edge for edge in relations if edge.key not in closing], notes


def shortened(text: str) -> str:
    """The text cut to 300 characters: labels in files may have megabytes."""
    return text if len(text) <= 300 else f"{text[:300]}…"


def note(what: str, examples: Iterable[str]) -> list[str]:
    """A note with a count and up to three distinct examples, none without examples."""
    found = sorted(set(examples))
    return [f"{len(found):,} {what}, e.g. {'; '.join(map(shortened, found[:3]))}"] if found else []


def counted(what: str, examples: Sequence[str]) -> list[str]:
    """As `note`, counting repeated examples."""
    shown = dict.fromkeys(sorted(examples)[:3])
    return [f"{len(examples):,} {what}, e.g. {'; '.join(map(shortened, shown))}"] if shown else []
