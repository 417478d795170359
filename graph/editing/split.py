"""Split: one concept that was several, made several."""

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
    """What a concept is split into: a new concept or, without a preferred label, one that is there.

    `takes`: the concepts whose relations with the one that is split are relations with this part from now on.
    """

    id: str
    pref_label: Mapping[str, str] = field(default_factory=dict)
    alt_label: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden_label: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    definition: Mapping[str, str] = field(default_factory=dict)
    takes: tuple[str, ...] = ()


def split(taxonomy: Taxonomy, id: str, parts: Sequence[Part], by: Signature) -> ChangeSet:
    """The concept is deprecated, and replaced by each part.

    Its place (broader, attribute, applicability) is every part's, or only theirs that take it. Narrower concepts and
    values go to the part that takes them, and one must. Other relations (related, excludes, matches) go where they are
    taken, else they stay. Tags of items move to the part that alone has a label equal to their surface; the others
    stay on the concept, for somebody to look at.
    Raises InputError for parts that leave something open, ConflictError for a new part whose id is taken.
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
            heirs = _heirs(edge, id, parts, takers)
            among_itself = not heirs and bool(ids & {edge.source, edge.target})
            changes += [DeleteRelation(edge)] if among_itself else _handed_over(taxonomy, edge, id, heirs)
    changes += redirects(taxonomy, id, [part.id for part in parts])
    changes += [Retag(id, part, surfaces) for part, surfaces in _telling(made).items() if surfaces]
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
    """Concept → the parts that take it. Raises InputError for what isn't there to take."""
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
    homeless = [other for other in below if other not in takers]
    if homeless:
        shown = ", ".join(homeless[:20]) + (" …" if len(homeless) > 20 else "")
        raise InputError(
            f"{len(homeless)} concepts below {id!r} would be left without a place; "
            f"name each in `takes` of a part: {shown}"
        )
    torn = [other for other in taxonomy.values_of(id) if len(takers[other]) > 1]
    if torn:
        raise InputError(f"value {torn[0]!r} is taken by {' and '.join(takers[torn[0]])}, but has one attribute only")
    return takers


def _heirs(edge: Relation, id: str, parts: Sequence[Part], takers: Mapping[str, list[str]]) -> list[str]:
    taken = takers.get(edge.target if edge.source == id else edge.source)
    if taken:
        return taken
    place = edge.type == "applies_to" or (edge.source == id and edge.type in ("broader", "value_of"))
    return [part.id for part in parts] if place else []


def _handed_over(taxonomy: Taxonomy, edge: Relation, id: str, heirs: Sequence[str]) -> list[Change]:
    """The relation, from or to each heir now.

    A value keeps its attribute, and parts that were there before keep their place.
    """
    keeps = edge.source == id and edge.type == "value_of"
    changes: list[Change] = [DeleteRelation(edge)] if heirs and not keeps else []
    for at, heir in enumerate(heirs):
        source, target = (heir, edge.target) if edge.source == id else (edge.source, heir)
        placed = heir in taxonomy and bool(set(taxonomy.out(heir, edge.type)) - {id})
        keeps_place = placed and edge.source == id and edge.type in ("broader", "value_of")
        if source != target and not keeps_place:
            primary = edge.primary and (edge.source == id or at == 0)
            changes.append(PutRelation(Relation(edge.type, source, target, primary).canonical()))
    return changes


def _telling(made: Sequence[Concept]) -> dict[str, tuple[str, ...]]:
    """Part → the labels, in their normal form, that no other part has; in order."""
    labels = {one.id: {normalise(text) for text, _, _ in one.labels()} for one in made}
    count = Counter(label for own in labels.values() for label in own)
    return {id: tuple(sorted(label for label in own if count[label] == 1)) for id, own in labels.items()}
