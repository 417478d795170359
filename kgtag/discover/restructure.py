"""What use says about the shape of a taxonomy: crowded tags to split, missing levels, unused tags to prune, frequent
combinations to promote. Each is a proposal with its evidence; people decide."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from graph.labels import normalise, slug
from graph.model import Change, Concept, DeleteRelation, PutConcept, PutRelation, Relation, TaggedItem
from graph.proposals.workflow import Draft
from graph.taxonomy import Taxonomy
from kgtag.discover.groups import adds_to, find_groups, name_of
from kgtag.text import guess_language

What = Literal["split", "level", "prune", "combine"]
WHATS: tuple[What, ...] = get_args(What)
Encode = Callable[[Sequence[str]], NDArray[np.float32]]

_CROWDED, _TIMES = 60, 4
"""Items of a tag without narrower ones, and how many times those of its median sibling, from which it is crowded."""
_READ = 400
"""Items of a crowded tag that are read."""
_CHILDREN = 12
"""Narrower concepts beside each other from which a level may be missing."""
_SMALLEST = 3
"""Concepts of a new level at least."""
_LARGEST = 0.6
"""Share of the concepts beside each other that a new level takes at most."""
_FIT = 0.05
"""Least silhouette of a group that is proposed."""
_UNUSED, _USUAL = 50, 5
"""Items of a concept's siblings together, and of the median one, from which none of its own is remarkable."""
_TOGETHER, _LIFT = 20, 1.5
"""Items with a combination, and how much more frequent it is than by chance."""
_SHARE = (0.05, 0.6)
"""Share of a category's items that a combination worth a category of its own has."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change of shape. `score` ranks within `what`; `concept` is split, gets a level, is pruned, or is combined."""

    what: What
    concept: str
    score: float
    why: str
    draft: Draft = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The row of `kgtag restructure`."""
        row = {"what": self.what, "concept": self.concept, "score": self.score, "title": self.draft.title}
        return row | {"why": self.why, "evidence": self.draft.evidence}


def restructurings(
    taxonomy: Taxonomy,
    items: Iterable[TaggedItem],
    *,
    encode: Encode | None = None,
    what: Sequence[What] = WHATS,
    scheme: str | None = None,
) -> list[Suggestion]:
    """All suggestions, the best of each kind first.

    Args:
        taxonomy: The snapshot.
        items: Stored ones.
        encode: Texts as vectors of length 1; without it, words alone are compared.
        what: Kinds of suggestions.
        scheme: Only concepts of it.
    """
    use = _Use.of(taxonomy, items)
    parts: dict[What, Callable[[], Iterator[Suggestion]]] = {
        "split": lambda: _splits(taxonomy, use, encode),
        "level": lambda: _levels(taxonomy, encode),
        "prune": lambda: _prunings(taxonomy, use),
        "combine": lambda: _combinations(taxonomy, use),
    }
    found = [one for kind in what for one in parts[kind]() if scheme in (None, taxonomy[one.concept].scheme)]
    return sorted(found, key=lambda one: (WHATS.index(one.what), -one.score, one.concept))


@dataclass(slots=True)
class _Use:
    """Items by concept, with everything broader: how many, the titles of some, and how many have a value besides."""

    count: Counter[str] = field(default_factory=Counter)
    titles: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    together: Counter[tuple[str, str]] = field(default_factory=Counter)
    items: int = 0

    @classmethod
    def of(cls, taxonomy: Taxonomy, items: Iterable[TaggedItem]) -> _Use:
        use = cls()
        for item in items:
            own = {taxonomy.resolve(t.concept) for t in item.tags if t.status == "accepted" and t.concept in taxonomy}
            carried = sorted({above for id in own for above in (id, *taxonomy.ancestors(id))})
            use.items += 1
            use.count.update(carried)
            for id in own:
                if len(use.titles[id]) < _READ:
                    use.titles[id].append(item.title)
            values = [id for id in carried if taxonomy[id].kind == "value"]
            use.together.update((c, v) for c in carried if taxonomy[c].kind == "category" for v in values)
        return use


def _splits(taxonomy: Taxonomy, use: _Use, encode: Encode | None) -> Iterator[Suggestion]:
    for concept in _active(taxonomy):
        count = use.count[concept.id]
        if concept.kind == "attribute" or taxonomy.into(concept.id, "broader") or count < _CROWDED:
            continue
        beside = [use.count[id] for id in _siblings(taxonomy, concept.id)]
        if beside and count < _TIMES * float(np.median(beside)):
            continue
        titles = use.titles[concept.id]
        if len(titles) < _CROWDED:
            continue
        groups = find_groups(titles, encode(titles) if encode is not None else None)
        parts = []
        for number, fit in enumerate(groups.fit):
            inside = [titles[at] for at in groups.members(number)]
            others = [title for at, title in enumerate(titles) if groups.of[at] != number]
            word = name_of(inside, others, ends=False)
            if word is None or not adds_to(word, concept.label()):
                continue
            if fit >= _FIT and len(inside) * 10 >= len(titles):
                parts.append((f"{concept.label()}: {word}", inside, fit))
        if len(parts) > 1:
            yield _split(taxonomy, concept, count, parts)


def _split(
    taxonomy: Taxonomy, concept: Concept, count: int, parts: Sequence[tuple[str, Sequence[str], float]]
) -> Suggestion:
    changes, taken = list[Change](), set[str]()
    for name, _, _ in parts:
        changes += _new(taxonomy, concept, name, taken)
    evidence = {
        "items": count,
        "groups": [{"name": name, "items_read": len(own), "fit": fit, "titles": own[:3]} for name, own, fit in parts],
    }
    why = f"{count} items, in {len(parts)} groups by their titles: {', '.join(name for name, _, _ in parts)}"
    draft = Draft(None, tuple(changes), f"Split {concept.label()!r} into {len(parts)} narrower tags", why, evidence)
    return Suggestion("split", concept.id, float(count), why, draft)


def _levels(taxonomy: Taxonomy, encode: Encode | None) -> Iterator[Suggestion]:
    for concept in _active(taxonomy):
        children = [id for id in taxonomy.into(concept.id, "broader") if taxonomy[id].status != "deprecated"]
        if concept.kind != "category" or len(children) < _CHILDREN:
            continue
        labels = [taxonomy[id].label() for id in children]
        groups = find_groups(labels, encode(labels) if encode is not None else None)
        for number, fit in enumerate(groups.fit):
            members = groups.members(number)
            inside = [labels[at] for at in members]
            name = name_of(inside, [label for at, label in enumerate(labels) if at not in set(members)])
            if name is None or not adds_to(name, concept.label()) or normalise(name) in map(normalise, labels):
                continue
            if fit < _FIT or not _SMALLEST <= len(members) <= _LARGEST * len(labels):
                continue
            changes = _new(taxonomy, concept, name, set())
            level = changes[0].concept.id if isinstance(changes[0], PutConcept) else ""
            for at in members:
                old = next(
                    e for e in taxonomy.relations_from(children[at]) if e.key == _edge(children[at], concept.id).key
                )
                changes += [DeleteRelation(old), PutRelation(Relation("broader", children[at], level, old.primary))]
            why = f"{len(members)} of {len(children)} concepts under {concept.label()!r} belong together: "
            why += ", ".join(inside[:6]) + (" …" if len(inside) > 6 else "")
            evidence = {"concepts": [children[at] for at in members], "fit": fit, "beside": len(children)}
            draft = Draft(None, tuple(changes), f"A level {name!r} under {concept.label()!r}", why, evidence)
            yield Suggestion("level", concept.id, round(fit * len(members), 4), why, draft)


def _prunings(taxonomy: Taxonomy, use: _Use) -> Iterator[Suggestion]:
    for concept in _active(taxonomy):
        if concept.kind == "attribute" or use.count[concept.id] or taxonomy.into(concept.id, "broader"):
            continue
        counts = [use.count[id] for id in _siblings(taxonomy, concept.id)]
        beside, median = sum(counts), float(np.median(counts)) if counts else 0.0
        if beside >= _UNUSED and median >= _USUAL:
            why = f"on none of {use.items} items; its siblings are on {beside}, half of them on {median:g} or more"
            request = {"operation": "deprecate", "concept": concept.id}
            draft = Draft(request, (), f"Deprecate {concept.label()!r}", why, {"items": 0, "siblings": beside})
            yield Suggestion("prune", concept.id, median, why, draft)


def _combinations(taxonomy: Taxonomy, use: _Use) -> Iterator[Suggestion]:
    for (category, value), count in use.together.items():
        share = count / use.count[category]
        lift = share / (use.count[value] / use.items)
        if count < _TOGETHER or lift < _LIFT or not _SHARE[0] <= share <= _SHARE[1]:
            continue
        below = {category, *taxonomy.descendants(category)}
        labels = {normalise(text) for id in below for text, _, _ in taxonomy[id].labels()}
        own = normalise(taxonomy[value].label())
        specific = any(use.together[id, value] >= 0.9 * count for id in below - {category})
        if specific or any(own in label for label in labels):
            continue
        concept = taxonomy[category]
        name = f"{taxonomy[value].label()} {concept.label().lower()}"
        why = f"{count} items of {concept.label()!r} ({share:.0%}) are {taxonomy[value].label()!r}, {lift:.1f} times as"
        why += " many as by chance"
        evidence = {"items": count, "share": round(share, 4), "lift": round(lift, 2), "value": value}
        draft = Draft(None, tuple(_new(taxonomy, concept, name, set())), f"A category {name!r}", why, evidence)
        yield Suggestion("combine", category, round(count * float(np.log(lift)), 4), why, draft)


def _active(taxonomy: Taxonomy) -> Iterator[Concept]:
    return (concept for concept in taxonomy if concept.status != "deprecated")


def _siblings(taxonomy: Taxonomy, id: str) -> list[str]:
    """Concepts under the same broader ones; of a value without one, the other values of its attribute."""
    above = taxonomy.out(id, "broader")
    attribute = taxonomy.attribute_of(id)
    found = {one for parent in above for one in taxonomy.into(parent, "broader")}
    if not above and attribute is not None:
        found = set(taxonomy.values_of(attribute))
    return sorted(found - {id})


def _new(taxonomy: Taxonomy, under: Concept, name: str, taken: set[str]) -> list[Change]:
    """A new concept under another."""
    base = f"{under.id}-{slug(normalise(name))}"
    id = next(
        one for one in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if one not in taxonomy and one not in taken
    )
    taken.add(id)
    made = Concept(id, under.scheme, under.kind, {guess_language(name): name})
    changes: list[Change] = [PutConcept(made), PutRelation(_edge(id, under.id, primary=True))]
    if (attribute := taxonomy.attribute_of(under.id)) is not None:
        changes.append(PutRelation(Relation("value_of", id, attribute)))
    return changes


def _edge(narrower: str, broader: str, *, primary: bool = False) -> Relation:
    return Relation("broader", narrower, broader, primary)
