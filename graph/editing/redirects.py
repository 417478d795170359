"""Deprecation, merging and splitting of concepts, with redirects to their successors."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from graph.editing.concepts import Signature
from graph.errors import ConflictError, InputError, UnknownConcept
from graph.labels import normalise
from graph.model import Change, ChangeSet, Concept, DeleteRelation, PutConcept, PutRelation, Relation, Retag
from graph.taxonomy import Taxonomy


def deprecate(taxonomy: Taxonomy, id: str, successor: str | None, by: Signature) -> ChangeSet:
    """Deprecate a concept.

    Args:
        taxonomy: The present snapshot.
        id: The concept to deprecate.
        successor: The concept that redirects and items' tags move to.
        by: Author and reason.

    Raises:
        UnknownConcept: No such concept.
        InputError: The successor is deprecated or leads back to the concept.
    """
    changes: list[Change] = [PutConcept(replace(taxonomy[id], status="deprecated"))]
    if successor is not None:
        changes += [*_succeeded(taxonomy, id, successor), Retag(id, successor)]
    return by.sign(changes)


def merge(taxonomy: Taxonomy, id: str, into: str, by: Signature) -> ChangeSet:
    """Merge a concept into another, which takes over its labels, relations, redirects and items.

    Args:
        taxonomy: The present snapshot.
        id: The concept that is deprecated and redirected.
        into: The concept that stays.
        by: Author and reason.

    Raises:
        UnknownConcept: No such concept.
        InputError: The kinds differ, or `into` is deprecated or leads back to the concept.
    """
    source, target = taxonomy[id], taxonomy[into]
    if source.kind != target.kind:
        raise InputError(f"{id!r} is of kind {source.kind}, {into!r} of kind {target.kind}; only equal kinds merge")
    deprecated = replace(source, status="deprecated")
    changes: list[Change] = [PutConcept(_with_labels(target, source)), PutConcept(deprecated)]
    changes += _succeeded(taxonomy, id, into)
    for edge in taxonomy.relations:
        if id in (edge.source, edge.target):
            changes += _moved(taxonomy, edge, id, into)
    changes.append(Retag(id, into))
    return by.sign(changes)


def redirects(taxonomy: Taxonomy, id: str, successors: Sequence[str]) -> list[Change]:
    """Redirect the concept, and every concept redirected to it, straight to the successors: no chains remain."""
    changes: list[Change] = [DeleteRelation(Relation("replaced_by", id, to)) for to in taxonomy.out(id, "replaced_by")]
    sources, todo = [id], [id]
    while todo:
        replaced = todo.pop()
        for other in taxonomy.into(replaced, "replaced_by"):
            if other in successors:
                continue
            changes.append(DeleteRelation(Relation("replaced_by", other, replaced)))
            if other not in sources:
                sources.append(other)
                todo.append(other)
    changes += [PutRelation(Relation("replaced_by", source, to)) for source in sources for to in successors]
    return changes


def _succeeded(taxonomy: Taxonomy, id: str, successor: str) -> list[Change]:
    target = taxonomy[successor]
    if taxonomy.resolve(successor) == id:
        raise InputError(f"{id!r} can't be replaced by {successor!r}, which leads back to it")
    if target.status == "deprecated":
        live = taxonomy.resolve(successor)
        hint = f"; name {live!r}, which replaces it" if live != successor else ""
        raise InputError(f"{successor!r} is deprecated itself and can't replace {id!r}{hint}")
    return redirects(taxonomy, id, [successor])


def _moved(taxonomy: Taxonomy, edge: Relation, id: str, into: str) -> list[Change]:
    """Move the relation to `into`; a deprecated value keeps its attribute, and an `into` with a place keeps that."""
    if edge.type == "replaced_by" or (edge.source == id and edge.type == "value_of"):
        return []
    source = into if edge.source == id else edge.source
    target = into if edge.target == id else edge.target
    placed = bool(set(taxonomy.out(into, "broader")) - {id})
    if source == target or (edge.type == "broader" and edge.source == id and placed):
        return [DeleteRelation(edge)]
    moved = Relation(edge.type, source, target).canonical()
    primary = edge.primary or any(r.key == moved.key and r.primary for r in taxonomy.relations_from(moved.source))
    return [DeleteRelation(edge), PutRelation(replace(moved, primary=primary))]


def _with_labels(target: Concept, source: Concept) -> Concept:
    """The target with the source's labels as alternative and hidden ones."""
    alt = {tag: list(texts) for tag, texts in target.alt_label.items()}
    hidden = {tag: list(texts) for tag, texts in target.hidden_label.items()}
    known = {(text, tag) for text, tag, _ in target.labels()}
    for text, tag, kind in source.labels():
        if (text, tag) not in known:
            known.add((text, tag))
            (hidden if kind == "hidden" else alt).setdefault(tag, []).append(text)
    return replace(
        target,
        alt_label={tag: tuple(texts) for tag, texts in alt.items()},
        hidden_label={tag: tuple(texts) for tag, texts in hidden.items()},
    )


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
    _check_ids(id, parts)
    made = [_made(taxonomy, concept, part) for part in parts]
    takers = _takers(taxonomy, id, parts)
    changes: list[Change] = [PutConcept(one) for one in made if one.id not in taxonomy]
    changes.append(PutConcept(replace(concept, status="deprecated")))
    ids = {part.id for part in parts}
    for edge in taxonomy.relations:
        if id in (edge.source, edge.target) and edge.type != "replaced_by":
            targets = _targets(edge, id, parts, takers)
            with_part = not targets and bool(ids & {edge.source, edge.target})
            changes += [DeleteRelation(edge)] if with_part else _moved_to_parts(taxonomy, edge, id, targets)
    changes += redirects(taxonomy, id, [part.id for part in parts])
    labels = {one.id: {normalise(text) for text, _, _ in one.labels()} for one in made}
    count = Counter(label for own in labels.values() for label in own)
    for part_id, own in labels.items():
        if surfaces := tuple(sorted(label for label in own if count[label] == 1)):
            changes.append(Retag(id, part_id, surfaces))
    return by.sign(changes)


def _check_ids(id: str, parts: Sequence[Part]) -> None:
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
    ends = ((edge.source, edge.target) for edge in taxonomy.relations)
    near = {end for pair in ends if id in pair for end in pair}
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


def _moved_to_parts(taxonomy: Taxonomy, edge: Relation, id: str, targets: Sequence[str]) -> list[Change]:
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
