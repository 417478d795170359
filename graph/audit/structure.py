"""Checks of the hierarchy, of redirects, of attributes and their values, and of items' tags."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from graph.audit.report import Check, Defect, Shape, suggest
from graph.columns.columns import PREF
from graph.model import Concept, TaggedItem
from graph.repairs.repairs import Dialect, repairs
from graph.taxonomy import Taxonomy

_CROWD = 300
"""Narrower concepts of one concept that people can oversee."""
_MOST = 0.8
_FEWEST_SIBLINGS = 4
_EXAMPLES = 5


def named(concept: Concept) -> str:
    """The label and id of a concept, for messages."""
    return f"{concept.label()!r} ({concept.id})"


def active(concept: Concept) -> bool:
    """Whether the concept is in use; most checks skip deprecated ones."""
    return concept.status != "deprecated"


def children(taxonomy: Taxonomy) -> Iterator[tuple[Concept, list[Concept]]]:
    """Every concept with narrower ones, and the active ones of those, by id."""
    for i, parent in enumerate(taxonomy.concepts):
        if len(row := taxonomy.narrower[i]):
            yield parent, [child for j in row if active(child := taxonomy.concepts[j])]


def families(taxonomy: Taxonomy) -> Iterator[tuple[Concept | None, list[Concept]]]:
    """Siblings: concepts below one concept, or top concepts of one scheme and kind (and, of values, attribute)."""
    yield from children(taxonomy)
    tops: dict[tuple[str, str, str | None], list[Concept]] = {}
    for i, concept in enumerate(taxonomy.concepts):
        if active(concept) and not len(taxonomy.broader[i]):
            attribute = taxonomy.attribute_of(concept.id) if concept.kind == "value" else None
            tops.setdefault((concept.scheme, concept.kind, attribute), []).append(concept)
    for _, members in sorted(tops.items(), key=lambda item: tuple(map(str, item[0]))):
        yield None, members


def shape(taxonomy: Taxonomy) -> Shape:
    """Depths, fan-out and languages of the concepts, attributes left out of the first two."""
    columns = taxonomy.columns
    texts, placed = columns.texts, ~columns.kind.where("attribute")
    labelled = np.bincount(texts.lang.codes[texts.kind == PREF], minlength=len(texts.lang.values)).tolist()
    languages = {tag: count for tag, count in zip(texts.lang.values, labelled, strict=True) if count}
    found = Shape.of(taxonomy.depths[placed], np.diff(taxonomy.narrower.starts)[placed], languages)
    return replace(found, concepts=len(taxonomy))


def orphan(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A category without broader or narrower ones in a scheme where most have some."""
    placed: Counter[str] = Counter()
    loose: dict[str, list[str]] = {}
    for i, concept in enumerate(taxonomy.concepts):
        if concept.kind != "category" or not active(concept):
            continue
        if len(taxonomy.broader[i]) or len(taxonomy.narrower[i]):
            placed[concept.scheme] += 1
        else:
            loose.setdefault(concept.scheme, []).append(concept.id)
    for scheme, ids in sorted(loose.items()):
        if placed[scheme] > len(ids):
            for id in ids:
                message = f"{named(taxonomy[id])} stands alone: nothing is broader or narrower"
                repair = suggest("move", "put it below a category", concept=id)
                yield Defect((id,), message, {"placed_in_scheme": placed[scheme]}, repair)


def single_child(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A concept with a single narrower concept: one of the two may be redundant."""
    for parent, below in children(taxonomy):
        if len(below) == 1 and active(parent) and below[0].kind == "category":
            message = f"{named(parent)} has a single narrower concept, {named(below[0])}"
            yield Defect((parent.id, below[0].id), message)


def crowded(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A category with too many narrower ones to choose from."""
    for parent, below in children(taxonomy):
        if len(below) > _CROWD:
            message = f"{named(parent)} has {len(below)} narrower concepts; a level between would help"
            yield Defect((parent.id,), message, {"narrower": len(below), "limit": _CROWD})


def quarantined(taxonomy: Taxonomy, dialect: Dialect = "cypher") -> Iterator[Defect]:
    """Rows that the snapshot left out, each with its repair in the language of the store."""
    for problem, repair in repairs(taxonomy, dialect):
        yield Defect(problem.concepts, problem.message, {"invariant": problem.code}, {"op": "run", **repair.to_json()})


def related_is_ancestor(taxonomy: Taxonomy) -> Iterator[Defect]:
    """SKOS S27: related concepts must not be ancestors of each other."""
    for edge in taxonomy.relations:
        if edge.type != "related":
            continue
        for low, high in ((edge.source, edge.target), (edge.target, edge.source)):
            if taxonomy.is_ancestor(high, low):
                message = f"{named(taxonomy[low])} is related to {named(taxonomy[high])}, which is broader than it"
                words = "delete the related relation; the hierarchy implies it"
                repair = suggest("delete_relation", words, type="related", source=edge.source, target=edge.target)
                yield Defect((low, high), message, {"path": taxonomy.path(low)}, repair)


def redundant_broader(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A direct edge to a concept that another broader concept leads to."""
    for i, concept in enumerate(taxonomy.concepts):
        parents = taxonomy.broader[i]
        if len(parents) < 2:
            continue
        for parent in map(int, parents):
            via = [int(j) for j in parents if j != parent and parent in taxonomy.ancestor_indices(int(j))]
            if via:
                target, middle = taxonomy.concepts[parent], taxonomy.concepts[via[0]]
                message = f"{named(concept)} is directly below {named(target)}, and again through {named(middle)}"
                words = "delete the direct relation"
                repair = suggest("delete_relation", words, type="broader", source=concept.id, target=target.id)
                yield Defect((concept.id, target.id), message, {"via": middle.id}, repair)


def deprecated_without_successor(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A deprecated concept whose tags can't be moved."""
    for concept in taxonomy:
        if not active(concept) and not taxonomy.out(concept.id, "replaced_by"):
            yield Defect((concept.id,), f"{named(concept)} is deprecated, and nothing replaces it")


def redirect_to_deprecated(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A successor that is deprecated itself: a chain, or a dead end."""
    for edge in taxonomy.relations:
        if edge.type != "replaced_by" or active(taxonomy[edge.target]):
            continue
        final, repair = taxonomy.resolve(edge.source), None
        if active(taxonomy[final]):
            words = f"redirect straight to {final!r}"
            repair = suggest("put_relation", words, type="replaced_by", source=edge.source, target=final)
        old, new = named(taxonomy[edge.source]), named(taxonomy[edge.target])
        message = f"{old} is replaced by {new}, which is deprecated too"
        yield Defect((edge.source, edge.target), message, {"leads_to": final}, repair)


def redirect_unclear(taxonomy: Taxonomy) -> Iterator[Defect]:
    """Several successors, here or further on, a cycle of them, or a successor of an active concept."""
    for concept in taxonomy:
        if not (successors := taxonomy.out(concept.id, "replaced_by")):
            continue
        if len(successors) > 1:
            message = f"{named(concept)} is replaced by {len(successors)} concepts; a tag can move to one only"
            yield Defect((concept.id, *successors), message, {"successors": successors})
        elif len(fork := taxonomy.out(end := taxonomy.resolve(concept.id), "replaced_by")) > 1:
            message = f"{named(concept)} leads to {named(taxonomy[end])}, which is replaced by {len(fork)} concepts"
            yield Defect((concept.id, end, *fork), message, {"successors": fork})
        elif fork:
            message = f"the successors of {named(concept)} form a cycle"
            yield Defect((concept.id, *successors), message, {"successors": successors})
        elif active(concept):
            message = f"{named(concept)} is replaced by {named(taxonomy[successors[0]])} but not deprecated"
            repair = suggest("deprecate", "deprecate it, or delete the redirect", concept=concept.id)
            yield Defect((concept.id, *successors), message, {"status": concept.status}, repair)


def active_under_deprecated(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An active concept below a deprecated one, or an active value of a deprecated attribute."""
    for edge in taxonomy.relations:
        if not (edge.type == "value_of" or (edge.type == "broader" and edge.primary)):
            continue
        low, high = taxonomy[edge.source], taxonomy[edge.target]
        if active(low) and not active(high):
            successor = taxonomy.resolve(high.id)
            repair = None
            if active(taxonomy[successor]) and taxonomy[successor].kind == high.kind:
                repair = suggest("move", f"move it below {successor!r}", concept=low.id, to=successor)
            message = f"{named(low)} is in use below {named(high)}, which is deprecated"
            yield Defect((low.id, high.id), message, {}, repair)


def attribute_without_values(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An attribute without values."""
    for concept in taxonomy:
        if concept.kind == "attribute" and active(concept) and not taxonomy.values_of(concept.id):
            yield Defect((concept.id,), f"attribute {named(concept)} has no values")


def attribute_applies_nowhere(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An attribute that applies to no category."""
    for concept in taxonomy:
        if concept.kind == "attribute" and active(concept) and not taxonomy.out(concept.id, "applies_to"):
            yield Defect((concept.id,), f"attribute {named(concept)} applies to no category")


def attribute_applied_twice(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An attribute asserted on a category that inherits it."""
    for edge in taxonomy.relations:
        if edge.type != "applies_to":
            continue
        inherited = sorted(set(taxonomy.ancestors(edge.target)) & set(taxonomy.out(edge.source, "applies_to")))
        if inherited:
            a, c, top = taxonomy[edge.source], taxonomy[edge.target], taxonomy[inherited[0]]
            message = f"attribute {named(a)} applies to {named(c)}, which inherits it from {named(top)}"
            words = "delete the lower of the two"
            repair = suggest("delete_relation", words, type="applies_to", source=a.id, target=c.id)
            yield Defect((a.id, c.id), message, {"inherited_from": inherited}, repair)


def attribute_gap_among_siblings(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An attribute asserted on at least 80 % of four or more siblings, but missing on this one."""
    if not any(edge.type == "applies_to" for edge in taxonomy.relations):
        return
    for parent, below in children(taxonomy):
        if len(below) < _FEWEST_SIBLINGS or below[0].kind != "category":
            continue
        asserted: Counter[str] = Counter(a for child in below for a in taxonomy.into(child.id, "applies_to"))
        common = sorted(a for a, count in asserted.items() if _MOST * len(below) <= count < len(below))
        if not common:
            continue
        for child in below:
            for attribute in sorted(set(common) - set(taxonomy.attributes_for(child.id))):
                have = asserted[attribute]
                message = (
                    f"attribute {named(taxonomy[attribute])} applies to {have} of the {len(below)} categories below "
                    f"{named(parent)}, but not to {named(child)}"
                )
                words = "let the attribute apply here too"
                repair = suggest("put_relation", words, type="applies_to", source=attribute, target=child.id)
                yield Defect((child.id, attribute), message, {"siblings": len(below), "with_attribute": have}, repair)


def tag_checks(items: Iterable[TaggedItem]) -> tuple[Check, ...]:
    """Checks of the accepted tags of these items, which are read once."""
    used: dict[str, list[str]] = defaultdict(list)
    for item in items:
        for concept in {tag.concept for tag in item.tags if tag.status == "accepted"}:
            used[concept].append(item.id)

    def tag_on_unknown_concept(taxonomy: Taxonomy) -> Iterator[Defect]:
        """A tag of items that is not in the taxonomy."""
        for id in sorted(used):
            if id not in taxonomy:
                message = f"{len(used[id])} items have the tag {id!r}, which is not in the taxonomy"
                repair = suggest("retag", "tag the items again", concept=id)
                yield Defect((id,), message, _evidence(used[id]), repair)

    def tag_on_deprecated_concept(taxonomy: Taxonomy) -> Iterator[Defect]:
        """A tag of items that is deprecated."""
        for id in sorted(used):
            concept = taxonomy.get(id)
            if concept is None or active(concept):
                continue
            successor = taxonomy.resolve(id)
            repair = suggest("retag", "tag the items again", concept=id)
            if active(taxonomy[successor]):
                repair = suggest("retag", f"move the tags to {successor!r}", concept=id, to=successor)
            message = f"{len(used[id])} items have the tag {named(concept)}, which is deprecated"
            yield Defect((id,), message, _evidence(used[id]), repair)

    return (
        Check("tag_on_unknown_concept", "error", tag_on_unknown_concept),
        Check("tag_on_deprecated_concept", "warning", tag_on_deprecated_concept),
    )


def _evidence(items: list[str]) -> dict[str, object]:
    return {"items": len(items), "examples": sorted(items)[:_EXAMPLES]}
