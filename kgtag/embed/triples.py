"""Triples for training embeddings: from files, the taxonomy, and tags that occur together on items.

Relation names are those of `graph.model.RelationType`, and two inferred ones:

    occurs_in     value → category     items of the category carry the value more often than chance
    occurs_with   value ↔ value        the two occur on the same items more often than chance

Symmetric relations are written both ways, and a split keeps both ways together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from graph.model import SYMMETRIC, RelationType, TaggedItem
from graph.taxonomy import Taxonomy

Ids = NDArray[np.int64]
LabelledTriple = tuple[str, str, str]

ASSERTED: tuple[RelationType, ...] = ("broader", "value_of", "applies_to", "related", "excludes")
SYMMETRIC_RELATIONS = frozenset({*SYMMETRIC, "occurs_with"})
_MIN_LIFT, _MOST = 1.2, 30
_SUFFIXES = (".txt", ".tsv", ".txt.gz", ".tsv.gz")


@dataclass(frozen=True, slots=True)
class Triples:
    """Integer triples over one vocabulary; `train`, `valid`, `test` are (n, 3) int64 of (head, relation, tail).
    Entities 0 … `trained` - 1 occur in train, later ones in valid or test only; both parts are sorted. `groups` names
    what an entity may be exchanged for (kind and attribute)."""

    entities: tuple[str, ...]
    relations: tuple[str, ...]
    train: Ids
    valid: Ids
    test: Ids
    trained: int
    groups: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        train: Iterable[LabelledTriple],
        valid: Iterable[LabelledTriple] = (),
        test: Iterable[LabelledTriple] = (),
        *,
        groups: Mapping[str, str] | None = None,
    ) -> Triples:
        """Build from labelled triples; repeats within a part are dropped. Raises InputError when train is empty."""
        parts = [list(dict.fromkeys(part)) for part in (train, valid, test)]
        if not parts[0]:
            raise InputError("there are no triples to train on")
        known = sorted({end for h, _, t in parts[0] for end in (h, t)})
        later = sorted({end for part in parts[1:] for h, _, t in part for end in (h, t)} - set(known))
        entities = (*known, *later)
        relations = tuple(sorted({r for part in parts for _, r, _ in part}))
        entity = {name: i for i, name in enumerate(entities)}
        relation = {name: i for i, name in enumerate(relations)}

        def numbered(part: list[LabelledTriple]) -> Ids:
            rows = [(entity[h], relation[r], entity[t]) for h, r, t in part]
            return np.array(rows, dtype=np.int64).reshape(-1, 3)

        first, second, third = map(numbered, parts)
        of_entity = tuple(groups.get(name, "") for name in entities) if groups is not None else None
        return cls(entities, relations, first, second, third, len(known), of_entity)

    @property
    def known(self) -> Ids:
        """(n, 3): every triple of the three parts, for filtering."""
        return np.concatenate([self.train, self.valid, self.test])

    def knowable(self, part: Ids) -> Ids:
        """Those of the triples (n, 3) whose entities occur in train."""
        return part[(part[:, [0, 2]] < self.trained).all(axis=1)]

    def labelled(self, part: Ids) -> list[LabelledTriple]:
        return [(self.entities[h], self.relations[r], self.entities[t]) for h, r, t in part.tolist()]


def read_triples(directory: Path | str) -> Triples:
    """Read `train`, and `valid` and `test` if present, as `.txt`, `.tsv` or either with `.gz`. Raises InputError
    without a train file and FileFormatError on a line that isn't head TAB relation TAB tail in UTF-8."""
    directory = Path(directory)
    found = [_part_file(directory, part) for part in ("train", "valid", "test")]
    if found[0] is None:
        wanted = ", ".join(f"train{suffix}" for suffix in _SUFFIXES)
        raise InputError(f"no triples in {str(directory)!r}: one of {wanted} was expected")
    return Triples.of(*([] if file is None else list(_read(file)) for file in found))


def read_texts(file: Path) -> dict[str, str]:
    """Read a text for each entity, `entity TAB text`; raise FileFormatError on other lines."""
    found: dict[str, str] = {}
    for number, line in reading.lines(file):
        entity, tab, text = line.rstrip("\r\n").partition("\t")
        if tab and entity.strip() and text.strip():
            found[entity.strip()] = text.strip()
        elif line.strip():
            raise FileFormatError(str(file), f"entity TAB text expected, not {line.rstrip()[:80]!r}", line=number)
    return found


def _part_file(directory: Path, part: str) -> Path | None:
    found = [directory / f"{part}{suffix}" for suffix in _SUFFIXES if (directory / f"{part}{suffix}").is_file()]
    if len(found) > 1:
        raise InputError(f"{str(directory)!r} has both {found[0].name} and {found[1].name}; keep one")
    return found[0] if found else None


def _read(file: Path) -> Iterator[LabelledTriple]:
    for number, line in reading.lines(file):
        parts = [part.strip() for part in line.split("\t")]
        if len(parts) == 3 and all(parts):
            yield (parts[0], parts[1], parts[2])
        elif line.strip():
            expected = f"head TAB relation TAB tail expected, not {line.rstrip()[:80]!r}"
            raise FileFormatError(str(file), expected, line=number)


def taxonomy_triples(taxonomy: Taxonomy) -> list[LabelledTriple]:
    """The asserted relations between active concepts, in order; symmetric ones both ways."""
    live = {concept.id for concept in taxonomy if concept.status != "deprecated"}
    found: list[LabelledTriple] = []
    for edge in taxonomy.relations:
        if edge.type in ASSERTED and edge.source in live and edge.target in live:
            found.append((edge.source, edge.type, edge.target))
            if edge.type in SYMMETRIC:
                found.append((edge.target, edge.type, edge.source))
    return found


def concept_groups(taxonomy: Taxonomy) -> dict[str, str]:
    """By concept id, its group in type-matched corruption: kind, and a value's attribute."""
    return {concept.id: f"{concept.kind}:{taxonomy.attribute_of(concept.id) or ''}" for concept in taxonomy}


def concepts_of(items: Iterable[TaggedItem]) -> Iterator[frozenset[str]]:
    """The accepted concepts of each item."""
    for item in items:
        yield frozenset(tag.concept for tag in item.tags if tag.status == "accepted")


def cooccurrence_triples(taxonomy: Taxonomy, sets: Iterable[Iterable[str]], min_count: int = 3) -> list[LabelledTriple]:
    """`occurs_in` and `occurs_with` from the concepts of each item, by (relation, head, tail). Kept are pairs on
    `min_count` items with a lift P(a, b) / (P(a) P(b)) of 1.2, and of each head the 30 of highest
    normalised pointwise mutual information, redirects followed. Two values of one attribute are alternatives."""
    single: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    n = 0
    for concepts in sets:
        present = sorted({taxonomy.resolve(id) for id in concepts if id in taxonomy})
        n += 1
        single.update(present)
        pairs.update(combinations(present, 2))
    ranked: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for (a, b), count in pairs.items():
        lift = count * n / (single[a] * single[b])
        if count < min_count or lift < _MIN_LIFT:
            continue
        npmi = math.log(lift) / max(-math.log(count / n), 1e-9)
        for relation, head, tail in _directed(taxonomy, a, b):
            ranked.setdefault((relation, head), []).append((-npmi, tail))
    kept: set[LabelledTriple] = set()
    for (relation, head), tails in ranked.items():
        for _, tail in sorted(tails)[:_MOST]:
            kept.add((head, relation, tail))
            if relation in SYMMETRIC_RELATIONS:
                kept.add((tail, relation, head))
    return sorted(kept, key=lambda triple: (triple[1], triple[0], triple[2]))


def _directed(taxonomy: Taxonomy, a: str, b: str) -> list[LabelledTriple]:
    kinds = (taxonomy[a].kind, taxonomy[b].kind)
    if kinds == ("value", "category"):
        return [("occurs_in", a, b)]
    if kinds == ("category", "value"):
        return [("occurs_in", b, a)]
    if kinds == ("value", "value") and taxonomy.attribute_of(a) != taxonomy.attribute_of(b):
        return [("occurs_with", a, b), ("occurs_with", b, a)]
    return []


def hold_out(triples: Triples, fraction: float, *, seed: int = 0) -> Triples:
    """Move about `fraction` of train to valid, such that every entity and relation stays in train. Both ways of a
    symmetric relation move together. Deterministic in `seed`."""
    rng = np.random.default_rng(seed)
    train = triples.train
    uses = np.bincount(train[:, [0, 2]].ravel(), minlength=len(triples.entities))
    of_relation = np.bincount(train[:, 1], minlength=len(triples.relations))
    symmetric = {i for i, name in enumerate(triples.relations) if name in SYMMETRIC_RELATIONS}
    at = {tuple(row): i for i, row in enumerate(train.tolist())}
    wanted = round(fraction * len(train))
    moved: set[int] = set()
    for i in rng.permutation(len(train)).tolist():
        if len(moved) >= wanted:
            break
        h, r, t = train[i].tolist()
        back = at.get((t, r, h)) if r in symmetric else None
        unit = {i} if back is None else {i, back}
        if i in moved or min(uses[h], uses[t]) <= len(unit) or of_relation[r] <= len(unit):
            continue
        moved |= unit
        uses[[h, t]] -= len(unit)
        of_relation[r] -= len(unit)
    mask = np.zeros(len(train), dtype=bool)
    mask[sorted(moved)] = True
    return replace(triples, train=train[~mask], valid=np.concatenate([triples.valid, train[mask]]))
