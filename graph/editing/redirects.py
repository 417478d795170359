"""Deprecation and merging of concepts, with redirects to their successors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graph.editing.concepts import Signature
from graph.errors import InputError
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
        changes += _succeeded(taxonomy, id, successor)
        changes.append(Retag(id, successor))
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
    redirect = _succeeded(taxonomy, id, into)
    changes: list[Change] = [PutConcept(_with_labels(target, source))]
    changes.append(PutConcept(replace(source, status="deprecated")))
    changes += redirect
    for edge in taxonomy.relations:
        if id in (edge.source, edge.target):
            changes += _moved(taxonomy, edge, id, into)
    changes.append(Retag(id, into))
    return by.sign(changes)


def redirects(taxonomy: Taxonomy, id: str, successors: Sequence[str]) -> list[Change]:
    """Redirect the concept, and every concept redirected to it, straight to the successors: no chains remain."""
    changes: list[Change] = [
        DeleteRelation(Relation("replaced_by", id, other)) for other in taxonomy.out(id, "replaced_by")
    ]
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
    """Move the relation to `into`.

    A deprecated value keeps its attribute, which every value needs. `into` takes broader concepts over only when it has
    no others, so that a merge does not put it in two places.
    """
    if edge.type == "replaced_by" or (edge.source == id and edge.type == "value_of"):
        return []
    deleted: Change = DeleteRelation(edge)
    source = into if edge.source == id else edge.source
    target = into if edge.target == id else edge.target
    placed = bool(set(taxonomy.out(into, "broader")) - {id})
    if source == target or (edge.type == "broader" and edge.source == id and placed):
        return [deleted]
    moved = Relation(edge.type, source, target).canonical()
    existing = next((r for r in taxonomy.relations_from(moved.source) if r.key == moved.key), None)
    primary = edge.primary or (existing is not None and existing.primary)
    return [deleted, PutRelation(replace(moved, primary=primary))]


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
