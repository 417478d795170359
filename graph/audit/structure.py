"""Checks of the hierarchy, of redirects, of attributes and their values, and of items' tags."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from graph.audit.groups import concepts_at, edges_of, in_use, is_above, narrower_in_use, of_kind
from graph.audit.report import Check, Defect, Shape, suggest
from graph.columns.columns import CODE, PREF, Flags, Ints
from graph.model import Concept, TaggedItem
from graph.model.changes import change_to_json
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


def children(taxonomy: Taxonomy, parents: Flags) -> Iterator[tuple[Concept, list[Concept]]]:
    """Those of the parents (n,) with narrower concepts, and the active ones of those, by id."""
    for i in np.flatnonzero(parents & (np.diff(taxonomy.narrower.starts) > 0)).tolist():
        yield taxonomy.concepts[i], [child for child in concepts_at(taxonomy, taxonomy.narrower[i]) if active(child)]


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
    categories = of_kind(taxonomy, "category")
    alone = categories & (np.diff(taxonomy.broader.starts) == 0) & (np.diff(taxonomy.narrower.starts) == 0)
    codes, schemes = taxonomy.columns.scheme.codes, taxonomy.schemes
    placed = dict(zip(schemes, np.bincount(codes[categories & ~alone], minlength=len(schemes)).tolist(), strict=True))
    loose: dict[str, list[str]] = {}
    for i in np.flatnonzero(alone).tolist():
        loose.setdefault(schemes[codes[i]], []).append(taxonomy.ids[i])
    for scheme, ids in sorted(loose.items()):
        if placed[scheme] > len(ids):
            for id in ids:
                message = f"{named(taxonomy[id])} stands alone: nothing is broader or narrower"
                repair = suggest("move", "put it below a category", concept=id)
                yield Defect((id,), message, {"placed_in_scheme": placed[scheme]}, repair)


def single_child(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A concept with a single narrower concept: one of the two may be redundant."""
    for parent, below in children(taxonomy, narrower_in_use(taxonomy) == 1):
        if active(parent) and below[0].kind == "category":
            message = f"{named(parent)} has a single narrower concept, {named(below[0])}"
            yield Defect((parent.id, below[0].id), message)


def crowded(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A category with too many narrower ones to choose from."""
    below = narrower_in_use(taxonomy)
    for i in np.flatnonzero(below > _CROWD).tolist():
        parent, count = taxonomy.concepts[i], int(below[i])
        message = f"{named(parent)} has {count} narrower concepts; a level between would help"
        yield Defect((parent.id,), message, {"narrower": count, "limit": _CROWD})


def quarantined(taxonomy: Taxonomy, dialect: Dialect = "cypher") -> Iterator[Defect]:
    """Rows that the snapshot left out, each with its repair in the language of the store."""
    for problem, repair in repairs(taxonomy, dialect):
        row = {"op": "run", **repair.to_json()}
        if repair.changes:
            row |= {"changes": [change_to_json(change) for change in repair.changes], "safe": True}
        yield Defect(problem.concepts, problem.message, {"invariant": problem.code}, row)


def related_is_ancestor(taxonomy: Taxonomy) -> Iterator[Defect]:
    """SKOS S27: related concepts must not be ancestors of each other."""
    source, target = taxonomy.columns.edges.source, taxonomy.columns.edges.target
    ours = np.flatnonzero(taxonomy.columns.edges.type == CODE["related"])
    above = is_above(taxonomy, source[ours], target[ours]) | is_above(taxonomy, target[ours], source[ours])
    for edge in taxonomy.columns.relations_at(ours[above]):
        for low, high in ((edge.source, edge.target), (edge.target, edge.source)):
            if taxonomy.is_ancestor(high, low):
                message = f"{named(taxonomy[low])} is related to {named(taxonomy[high])}, which is broader than it"
                words = "delete the related relation; the hierarchy implies it"
                ends = {"source": edge.source, "target": edge.target}
                repair = suggest("delete_relation", words, safe=True, type="related", **ends)
                yield Defect((low, high), message, {"path": taxonomy.path(low)}, repair)


def redundant_broader(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A direct edge to a concept that another broader concept leads to."""
    several = np.flatnonzero(np.diff(taxonomy.broader.starts) > 1).astype(np.int32)
    middle, place = taxonomy.broader.gather(several)
    for i in several[np.unique(place[_leads_to_another(taxonomy, several[place], middle)])].tolist():
        concept, parents = taxonomy.concepts[i], taxonomy.broader[i]
        for parent in map(int, parents):
            via = [int(j) for j in parents if j != parent and parent in taxonomy.ancestor_indices(int(j))]
            if via:
                target, between = taxonomy.concepts[parent], taxonomy.concepts[via[0]]
                message = f"{named(concept)} is directly below {named(target)}, and again through {named(between)}"
                safe = any(_leads_in_use(taxonomy, j, parent) for j in via)
                ends = {"source": concept.id, "target": target.id}
                repair = suggest("delete_relation", "delete the direct relation", safe=safe, type="broader", **ends)
                yield Defect((concept.id, target.id), message, {"via": between.id}, repair)


def _leads_in_use(taxonomy: Taxonomy, low: int, high: int) -> bool:
    """Whether concepts in use lead up from one row to the other."""
    todo, seen = [low], {low}
    while todo:
        row = todo.pop()
        if row == high:
            return True
        if active(taxonomy.concepts[row]):
            above = set(taxonomy.broader[row].tolist()) - seen
            seen |= above
            todo += above
    return False


def _leads_to_another(taxonomy: Taxonomy, child: Ints, middle: Ints) -> Flags:
    """(k,) whether an ancestor of `middle`, which is broader than `child`, is directly broader than `child` too."""
    rows, n = taxonomy.derived.hierarchy.ancestors, len(taxonomy)
    if rows is None:
        return np.ones(len(child), dtype=bool)
    above, place = rows.gather(middle)
    direct = taxonomy.broader.sources.astype(np.int64) * n + taxonomy.broader.targets
    again = np.isin(child[place].astype(np.int64) * n + above, direct)
    found: Flags = np.bincount(place[again], minlength=len(child)) > 0
    return found


def deprecated_without_successor(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A deprecated concept whose tags can't be moved."""
    for concept in concepts_at(taxonomy, ~in_use(taxonomy)):
        if not taxonomy.out(concept.id, "replaced_by"):
            yield Defect((concept.id,), f"{named(concept)} is deprecated, and nothing replaces it")


def redirect_to_deprecated(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A successor that is deprecated itself: a chain, or a dead end."""
    for edge in edges_of(taxonomy, "replaced_by"):
        if active(taxonomy[edge.target]):
            continue
        final, repair = taxonomy.resolve(edge.source), None
        if active(taxonomy[final]):
            words, ends = f"redirect straight to {final!r}", {"source": edge.source, "target": final}
            repair = suggest("put_relation", words, safe=True, type="replaced_by", **ends, instead_of=edge.target)
        old, new = named(taxonomy[edge.source]), named(taxonomy[edge.target])
        message = f"{old} is replaced by {new}, which is deprecated too"
        yield Defect((edge.source, edge.target), message, {"leads_to": final}, repair)


def redirect_unclear(taxonomy: Taxonomy) -> Iterator[Defect]:
    """Several successors, here or further on, a cycle of them, or a successor of an active concept."""
    replaced = np.diff(taxonomy.adjacency("replaced_by").starts) > 0
    for concept in concepts_at(taxonomy, replaced):
        successors = taxonomy.out(concept.id, "replaced_by")
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
    edges, used = taxonomy.columns.edges, in_use(taxonomy)
    stale = used[edges.source] & ~used[edges.target] & (edges.primary | (edges.type == CODE["value_of"]))
    for edge in edges_of(taxonomy, "value_of", "broader", where=stale):
        low, high = taxonomy[edge.source], taxonomy[edge.target]
        if active(low) and not active(high):
            successor = taxonomy.resolve(high.id)
            repair = None
            fits = active(taxonomy[successor]) and taxonomy[successor].kind == high.kind
            if fits and successor != low.id and not taxonomy.is_ancestor(low.id, successor):
                words, ends = f"move it below {successor!r}", {"from": high.id, "to": successor}
                repair = suggest("move", words, safe=True, concept=low.id, **ends)
            message = f"{named(low)} is in use below {named(high)}, which is deprecated"
            yield Defect((low.id, high.id), message, {}, repair)


def attribute_without_values(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An attribute without values."""
    valued = np.diff(taxonomy.adjacency("value_of", forward=False).starts) > 0
    for concept in concepts_at(taxonomy, of_kind(taxonomy, "attribute") & ~valued):
        yield Defect((concept.id,), f"attribute {named(concept)} has no values")


def attribute_applies_nowhere(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An attribute that applies to no category."""
    applied = np.diff(taxonomy.adjacency("applies_to").starts) > 0
    for concept in concepts_at(taxonomy, of_kind(taxonomy, "attribute") & ~applied):
        yield Defect((concept.id,), f"attribute {named(concept)} applies to no category")


def attribute_applied_twice(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An attribute asserted on a category that inherits it."""
    for edge in edges_of(taxonomy, "applies_to", where=_inherited(taxonomy)):
        inherited = sorted(set(taxonomy.ancestors(edge.target)) & set(taxonomy.out(edge.source, "applies_to")))
        if inherited:
            a, c, top = taxonomy[edge.source], taxonomy[edge.target], taxonomy[inherited[0]]
            message = f"attribute {named(a)} applies to {named(c)}, which inherits it from {named(top)}"
            words = "delete the lower of the two"
            repair = suggest("delete_relation", words, safe=True, type="applies_to", source=a.id, target=c.id)
            yield Defect((a.id, c.id), message, {"inherited_from": inherited}, repair)


def _inherited(taxonomy: Taxonomy) -> Flags:
    """(k,) edges of attributes to categories whose ancestors have them too."""
    rows, n, edges = taxonomy.derived.hierarchy.ancestors, len(taxonomy), taxonomy.columns.edges
    found: Flags = edges.type == CODE["applies_to"]
    if rows is None:
        return found
    ours = np.flatnonzero(found)
    asserted = edges.source[ours].astype(np.int64) * n + edges.target[ours]
    above, place = rows.gather(edges.target[ours])
    again = np.isin(edges.source[ours][place].astype(np.int64) * n + above, asserted)
    found[ours] = np.bincount(place[again], minlength=len(ours)) > 0
    return found


def _nearly_common(taxonomy: Taxonomy) -> Flags:
    """(n,) concepts with an attribute that most of their narrower ones have, but not all."""
    below, into, n = narrower_in_use(taxonomy), taxonomy.adjacency("applies_to", forward=False), len(taxonomy)
    used = in_use(taxonomy)[taxonomy.narrower.targets]
    attribute, place = into.gather(taxonomy.narrower.targets[used])
    keys, count = np.unique(taxonomy.narrower.sources[used][place].astype(np.int64) * n + attribute, return_counts=True)
    size = below[keys // max(1, n)]
    found = np.zeros(n, dtype=bool)
    found[keys[(count >= _MOST * size) & (count < size) & (size >= _FEWEST_SIBLINGS)] // max(1, n)] = True
    return found


def attribute_gap_among_siblings(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An attribute asserted on at least 80 % of four or more siblings, but missing on this one."""
    for parent, below in children(taxonomy, _nearly_common(taxonomy)):
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
                repair = suggest("retag", f"move the tags to {successor!r}", safe=True, concept=id, to=successor)
            message = f"{len(used[id])} items have the tag {named(concept)}, which is deprecated"
            yield Defect((id,), message, _evidence(used[id]), repair)

    def tags_exclude_each_other(taxonomy: Taxonomy) -> Iterator[Defect]:
        """Items tagged with two concepts, or concepts below them, that exclude each other."""
        for edge in edges_of(taxonomy, "excludes") if used else ():
            ends = []
            for end in (edge.source, edge.target):
                below = (end, *taxonomy.descendants(end))
                ends.append({item for id in below if id in used for item in used[id]})
            if both := sorted(ends[0] & ends[1]):
                a, b = (named(taxonomy[end]) for end in (edge.source, edge.target))
                message = f"{len(both)} items are tagged with {a} and {b}, which exclude each other"
                repair = suggest("retag", "tag the items again, or delete the exclusion", concept=edge.source)
                yield Defect((edge.source, edge.target), message, _evidence(both), repair)

    return (
        Check("tags_exclude_each_other", "error", tags_exclude_each_other),
        Check("tag_on_unknown_concept", "error", tag_on_unknown_concept),
        Check("tag_on_deprecated_concept", "warning", tag_on_deprecated_concept, fixes=True),
    )


def _evidence(items: list[str]) -> dict[str, object]:
    return {"items": len(items), "examples": sorted(items)[:_EXAMPLES]}
