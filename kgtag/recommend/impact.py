"""Impact of a taxonomy change on tags, items and neighbour lists."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from graph.crosswalk import Crosswalk, Mapped
from graph.history.diff import diff
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.embed.triples import concepts_of
from kgtag.recommend import CoOccurrence, Recommender

Effect = Literal["gone", "redirected", "deprecated", "renamed", "implies", "mapped"]
"""`gone`: deleted; `redirected`: replaced by another; `implies`: its broader concepts changed; `mapped`: its
counterpart in another scheme is another one, has another name, or is gone."""

_EXAMPLES = 5
_LISTS = 5_000
"""Neighbour lists compared at most."""
_LENGTH = 20


@dataclass(frozen=True, slots=True)
class TagImpact:
    """A concept whose tags change, on how many items; `now` is its successor (None: none). `counterparts`: by scheme in
    which that changes, the id of the one it has now (None: none)."""

    concept: str
    effects: tuple[Effect, ...]
    items: int
    now: str | None
    counterparts: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListImpact:
    """A concept whose first twenty neighbours change; nothing entered or left when labels or order do."""

    concept: str
    entered: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    """Tags with the most items first; lists by concept. `compared` of `reachable` lists were compared."""

    tags: tuple[TagImpact, ...]
    items: int
    item_examples: tuple[str, ...]
    lists: tuple[ListImpact, ...]
    compared: int
    reachable: int

    def to_json(self) -> dict[str, Any]:
        return {
            "tags": [
                {name: value for name, value in asdict(tag).items() if value or name != "counterparts"}
                for tag in self.tags
            ],
            "items": {"changed": self.items, "examples": list(self.item_examples)},
            "neighbours": {
                "changed": len(self.lists),
                "compared": self.compared,
                "reachable": self.reachable,
                "lists": [asdict(one) for one in self.lists],
            },
        }


def impact(before: Taxonomy, after: Taxonomy, items: Iterable[TaggedItem]) -> Impact:
    """Compare the tags of the items and the neighbours of every concept in two snapshots."""
    tagged = list(items)
    carried = list(zip((item.id for item in tagged), concepts_of(tagged), strict=True))
    moved = _changed_counterparts(before, after, {id for _, tags in carried for id in tags})
    effects = {id: found for id, one in moved.items() if (found := _effects(before, after, id, mapped=bool(one)))}
    count = Counter(id for _, tags in carried for id in tags if id in effects)
    changed = [id for id, tags in carried if not tags.isdisjoint(effects)]
    tags = [
        TagImpact(id, found, count[id], after.resolve(id) if id in after else None, moved[id])
        for id, found in effects.items()
    ]
    tags.sort(key=lambda tag: (-tag.items, tag.concept))
    concept_sets = [concepts for _, concepts in carried]
    old, new = (Recommender(t, cooccurrence=CoOccurrence.of(t, concept_sets)) for t in (before, after))
    reach = _reach(old, new)
    lists = tuple(one for id in reach[:_LISTS] if (one := _list_impact(old, new, id)) is not None)
    examples = tuple(sorted(changed)[:_EXAMPLES])
    return Impact(tuple(tags), len(changed), examples, lists, min(len(reach), _LISTS), len(reach))


def _effects(before: Taxonomy, after: Taxonomy, id: str, *, mapped: bool) -> tuple[Effect, ...]:
    if id not in before:
        return ()
    if id not in after:
        return ("gone",)
    changed: dict[Effect, bool] = {
        "redirected": before.resolve(id) != after.resolve(id),
        "deprecated": before[id].status != "deprecated" and after[id].status == "deprecated",
        "renamed": before[id].pref_label != after[id].pref_label,
        "implies": before.ancestors(id) != after.ancestors(id),
        "mapped": mapped,
    }
    return tuple(effect for effect, happened in changed.items() if happened)


def _changed_counterparts(before: Taxonomy, after: Taxonomy, ids: Iterable[str]) -> dict[str, dict[str, str | None]]:
    """For each concept, by other scheme in which its counterpart or its labels change: the id of the present one."""
    was, now = ({scheme: Crosswalk(side, scheme) for scheme in side.schemes} for side in (before, after))
    found: dict[str, dict[str, str | None]] = {}
    for id in ids:
        found[id] = {}
        if id in before and id in after:
            mine, theirs = _counterparts(was, id), _counterparts(now, id)
            changed = (scheme for scheme in sorted({*mine, *theirs}) if mine.get(scheme) != theirs.get(scheme))
            found[id] = {scheme: theirs[scheme][0].concept if scheme in theirs else None for scheme in changed}
    return found


def _counterparts(walks: Mapping[str, Crosswalk], id: str) -> dict[str, tuple[Mapped, Mapping[str, str]]]:
    """By other scheme: the counterpart, and its labels."""
    others = (walk for walk in walks.values() if walk.scheme != walk.taxonomy[id].scheme)
    found = ((walk, walk.find(id)) for walk in others)
    return {walk.scheme: (one, walk.taxonomy[one.concept].pref_label) for walk, one in found if one is not None}


def _reach(old: Recommender, new: Recommender) -> list[str]:
    """Concepts, by id, whose neighbours can change: the touched ones, their descendants and their neighbours."""
    touched = diff(old.taxonomy, new.taxonomy).touched()
    found: set[str] = set()
    for side in (old, new):
        for id in touched:
            if id in side.taxonomy:
                found |= {id, *side.taxonomy.descendants(id)}
                found |= {row.concept for row in side.neighbours(id, limit=10 * _LENGTH)}
    return sorted(id for id in found if id in old.taxonomy and id in new.taxonomy)


def _list_impact(old: Recommender, new: Recommender, id: str) -> ListImpact | None:
    was, now = ([(r.concept, r.relation, r.label) for r in side.neighbours(id, limit=_LENGTH)] for side in (old, new))
    if was == now:
        return None
    mine, theirs = {row[0] for row in was}, {row[0] for row in now}
    return ListImpact(id, tuple(sorted(theirs - mine)), tuple(sorted(mine - theirs)))
