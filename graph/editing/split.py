"""Splitting of a concept into several."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from graph.editing.concepts import Signature
from graph.editing.redirects import redirects
from graph.errors import ConflictError, InputError, UnknownConcept
from graph.labels import normalise
from graph.model import Change, ChangeSet, Concept, DeleteRelation, PutConcept, PutRelation, Relation, Retag
from graph.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Part:
    """A part that a concept is split into: a new concept or, without labels, an existing one.

    Args:
        id: Its id.
        pref_label: The preferred label by language; empty for an existing concept.
        alt_label: Alternative labels by language.
        hidden_label: Hidden labels by language.
        definition: Definitions by language.
        takes: Concepts whose relations with the split concept move to this part.
    """

    id: str
    pref_label: Mapping[str, str] = field(default_factory=dict)
    alt_label: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden_label: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    definition: Mapping[str, str] = field(default_factory=dict)
    takes: tuple[str, ...] = ()


def split(taxonomy: Taxonomy, id: str, parts: Sequence[Part], by: Signature) -> ChangeSet:
    """Split a concept: it is deprecated and redirected to each part.

    Every part gets its place (broader, attribute, applicability), or only the parts that take it. Narrower concepts and
    values move to the part that takes them, and one must. Other relations (related, excludes, matches) move where they
    are taken, else they stay. Tags of items move to the only part with a label equal to their surface; other tags stay
    on the concept, for review.

    Args:
        taxonomy: The present snapshot.
        id: The concept to split.
        parts: Two parts or more.
        by: Author and reason.

    Raises:
        UnknownConcept: No such concept, or a part takes a concept that does not exist.
        InputError: A narrower concept or value is taken by no part, or the parts are invalid in another way.
        ConflictError: A new part has the id of an existing concept.
    """
    concept = taxonomy[id]
    if concept.status == "deprecated":
        raise InputError(f"{id!r} is deprecated already; split what replaces it")
    _check(id, parts)
    made = [_made(taxonomy, concept, part) for part in parts]
    takers = _takers(taxonomy, id, parts)
    changes: list[Change] = [PutConcept(one) for one in made if one.id not in taxonomy]
    changes.append(PutConcept(replace(concept, status="deprecated")))
    ids = {part.id for part in parts}
    for edge in taxonomy.relations:
        if id in (edge.source, edge.target) and edge.type != "replaced_by":
            targets = _targets(edge, id, parts, takers)
            with_part = not targets and bool(ids & {edge.source, edge.target})
            changes += [DeleteRelation(edge)] if with_part else _moved(taxonomy, edge, id, targets)
    changes += redirects(taxonomy, id, [part.id for part in parts])
    changes += [Retag(id, part, surfaces) for part, surfaces in _distinguishing_labels(made).items() if surfaces]
    return by.sign(changes)


def _check(id: str, parts: Sequence[Part]) -> None:
    ids = [part.id for part in parts]
    if len(ids) < 2:
        raise InputError(
            f"a split needs two parts or more, not {len(ids)}; to rename {id!r} or merge it is another edit"
        )
    if id in ids:
        raise InputError(f"{id!r} can't be a part of itself: it becomes a redirect; give the part another id")
    twice = next((one for one, count in Counter(ids).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"two parts have the id {twice!r}")


def _made(taxonomy: Taxonomy, concept: Concept, part: Part) -> Concept:
    there = taxonomy.get(part.id)
    if there is None:
        if not part.pref_label:
            raise UnknownConcept(part.id, near=taxonomy.near(part.id))
        return Concept(
            id=part.id,
            scheme=concept.scheme,
            kind=concept.kind,
            pref_label=part.pref_label,
            alt_label=part.alt_label,
            hidden_label=part.hidden_label,
            definition=part.definition,
            choice=concept.choice,
        )
    if part.pref_label or part.alt_label or part.hidden_label or part.definition:
        raise ConflictError(f"there is a concept {part.id!r} already; leave its labels out to split into it as it is")
    if there.kind != concept.kind or there.status == "deprecated":
        what = f"of kind {there.kind}" if there.kind != concept.kind else "deprecated"
        raise InputError(f"{concept.id!r}, of kind {concept.kind}, can't be split into {part.id!r}, which is {what}")
    return there


def _takers(taxonomy: Taxonomy, id: str, parts: Sequence[Part]) -> dict[str, list[str]]:
    """Concept → the parts that take it. Raises InputError for concepts that can't be taken, or must be and are not."""
    near = {
        end for edge in taxonomy.relations if id in (edge.source, edge.target) for end in (edge.source, edge.target)
    }
    takers: dict[str, list[str]] = defaultdict(list)
    for part in parts:
        for other in dict.fromkeys(part.takes):
            if other not in taxonomy:
                raise UnknownConcept(other, near=taxonomy.near(other))
            if other not in near - {id}:
                raise InputError(f"part {part.id!r} takes {other!r}, which has no relation with {id!r}")
            takers[other].append(part.id)
    below = sorted({*taxonomy.into(id, "broader"), *taxonomy.values_of(id)} - {part.id for part in parts})
    missing = [other for other in below if other not in takers]
    if missing:
        shown = ", ".join(missing[:20]) + (" …" if len(missing) > 20 else "")
        raise InputError(
            f"{len(missing)} concepts below {id!r} would be left without a place; "
            f"name each in `takes` of a part: {shown}"
        )
    several = next((other for other in taxonomy.values_of(id) if len(takers[other]) > 1), None)
    if several is not None:
        raise InputError(f"value {several!r} is taken by {' and '.join(takers[several])}, but has one attribute only")
    return takers


def _targets(edge: Relation, id: str, parts: Sequence[Part], takers: Mapping[str, list[str]]) -> list[str]:
    """Ids of the parts that the relation moves to."""
    taken = takers.get(edge.target if edge.source == id else edge.source)
    if taken:
        return taken
    place = edge.type == "applies_to" or (edge.source == id and edge.type in ("broader", "value_of"))
    return [part.id for part in parts] if place else []


def _moved(taxonomy: Taxonomy, edge: Relation, id: str, targets: Sequence[str]) -> list[Change]:
    """Move the relation to each target; a value keeps its attribute, and existing parts keep their place."""
    keeps = edge.source == id and edge.type == "value_of"
    changes: list[Change] = [DeleteRelation(edge)] if targets and not keeps else []
    for at, part in enumerate(targets):
        source, target = (part, edge.target) if edge.source == id else (edge.source, part)
        placed = part in taxonomy and bool(set(taxonomy.out(part, edge.type)) - {id})
        keeps_place = placed and edge.source == id and edge.type in ("broader", "value_of")
        if source != target and not keeps_place:
            primary = edge.primary and (edge.source == id or at == 0)
            changes.append(PutRelation(Relation(edge.type, source, target, primary).canonical()))
    return changes


def _distinguishing_labels(made: Sequence[Concept]) -> dict[str, tuple[str, ...]]:
    """Part → its normalised labels that no other part has, in order."""
    labels = {one.id: {normalise(text) for text, _, _ in one.labels()} for one in made}
    count = Counter(label for own in labels.values() for label in own)
    return {id: tuple(sorted(label for label in own if count[label] == 1)) for id, own in labels.items()}
