"""The effect of a Retag on the tags of an item, the same in every store, and its exact undo.

Each tag that a Retag moves or merges notes the step, so that undo restores it. Only accepted tags are merged; proposed
and rejected ones move one by one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar, cast

from graph.labels import normalise
from graph.model import ItemTag, Retag, Retagged

K = TypeVar("K")


def by_item(rows: Iterable[tuple[Any, K, ItemTag]]) -> Iterator[list[tuple[K, ItemTag]]]:
    """Group rows (item, key of the tag, tag), which are sorted by item."""
    for _, found in groupby(rows, key=itemgetter(0)):
        yield [(key, tag) for _, key, tag in found]


def changed(tags: Sequence[tuple[K, ItemTag]], retag: Retag, *, version: int) -> list[tuple[K, ItemTag]]:
    """The tags of one item that the Retag in the change set `version` changes, under their keys."""
    before = [tag for _, tag in tags]
    after = retagged(before, retag, version=version)
    return [(key, new) for (key, old), new in zip(tags, after, strict=True) if new != old]


def retagged(tags: Sequence[ItemTag], retag: Retag, *, version: int) -> list[ItemTag]:
    """The item's tags afterwards, in order; tags of concepts other than `source` and `target` do not matter."""
    if retag.back:
        return _back(tags, retag)
    surfaces = None if retag.surfaces is None else {normalise(surface) for surface in retag.surfaces}

    def moves(tag: ItemTag) -> bool:
        fits = surfaces is None or (tag.surface is not None and normalise(tag.surface) in surfaces)
        return tag.concept == retag.source and fits

    after = [_stepped(tag, retag.source, retag.target, version) if moves(tag) else tag for tag in tags]
    return _merged(after, retag.target, by=retag.source, version=version) if any(map(moves, tags)) else after


def _back(tags: Sequence[ItemTag], retag: Retag) -> list[ItemTag]:
    after = []
    for tag in tags:
        at = _step(tag, retag) if tag.concept == retag.source else None
        if at is not None:
            step, earlier = tag.retagged_from[at], tag.retagged_from[:at]
            tag = replace(tag, concept=step.concept, retagged_from=earlier, status=cast(Any, step.status))
        after.append(tag)
    # Undone out of order, a tag may meet one that another Retag has moved here: it is merged by that Retag.
    for concept in (retag.source, retag.target):
        moved = [tag.retagged_from[-1] for tag in after if _has(tag, concept) and tag.retagged_from]
        if moved:
            after = _merged(after, concept, by=moved[-1].source, version=moved[-1].version)
    return after


def _merged(tags: list[ItemTag], concept: str, *, by: str, version: int) -> list[ItemTag]:
    """The tags with the concept accepted once: by the most probable one, then the older, then the first."""
    accepted = [i for i, tag in enumerate(tags) if _has(tag, concept)]
    if len(accepted) < 2:
        return tags

    def came(tag: ItemTag) -> bool:
        last = tag.retagged_from[-1] if tag.retagged_from else None
        return last is not None and (last.source, last.concept, last.version) == (by, by, version)

    best = min(accepted, key=lambda i: (-tags[i].probability, came(tags[i]), i))
    for i in accepted:
        if i != best:
            tag = tags[i] if came(tags[i]) else _stepped(tags[i], by, concept, version)
            tags[i] = replace(tag, status="merged")
    return tags


def _stepped(tag: ItemTag, source: str, concept: str, version: int) -> ItemTag:
    step = Retagged(source, tag.concept, tag.status, version)
    return replace(tag, concept=concept, retagged_from=(*tag.retagged_from, step))


def _step(tag: ItemTag, back: Retag) -> int | None:
    """The step of the tag that `back` undoes: the last one by a Retag from its target to its source."""
    steps = tag.retagged_from
    for i in reversed(range(len(steps))):
        led_to = steps[i + 1].concept if i + 1 < len(steps) else tag.concept
        meant = back.version is None or steps[i].version == back.version
        if meant and steps[i].source == back.target and led_to == back.source:
            return i
    return None


def _has(tag: ItemTag, concept: str) -> bool:
    return tag.concept == concept and tag.status == "accepted"
