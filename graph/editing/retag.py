"""What a Retag does to the tags of items: one function for every store, and its own exact way back.

A step is noted on each tag that a Retag moves or makes give way, so that the way back restores it as it was. Only
accepted tags give way to each other; those proposed or rejected move along, each for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from graph.labels import normalise
from graph.model import ItemTag, Retag, Retagged

K = TypeVar("K")


def by_item(rows: Iterable[tuple[Any, K, ItemTag]]) -> Iterator[list[tuple[K, ItemTag]]]:
    """(item, key of the tag, tag), the rows of an item together → the tags of one item after the other."""
    current: Any = None
    found: list[tuple[K, ItemTag]] = []
    for item, key, tag in rows:
        if found and item != current:
            yield found
            found = []
        current = item
        found.append((key, tag))
    if found:
        yield found


def changed(tags: Sequence[tuple[K, ItemTag]], retag: Retag, *, version: int) -> list[tuple[K, ItemTag]]:
    """Of one item's tags, under any key, those that the Retag in the change set `version` makes different."""
    before = [tag for _, tag in tags]
    after = retagged(before, retag, version=version)
    return [(key, new) for (key, old), new in zip(tags, after, strict=True) if new != old]


def retagged(tags: Sequence[ItemTag], retag: Retag, *, version: int) -> list[ItemTag]:
    """The item's tags after it, in their order; those of other concepts than `source` and `target` don't matter."""
    return _back(tags, retag, version) if retag.back else _forth(tags, retag, version)


def _forth(tags: Sequence[ItemTag], retag: Retag, version: int) -> list[ItemTag]:
    surfaces = None if retag.surfaces is None else {normalise(surface) for surface in retag.surfaces}

    def moves(tag: ItemTag) -> bool:
        fits = surfaces is None or (tag.surface is not None and normalise(tag.surface) in surfaces)
        return tag.concept == retag.source and fits

    after = [_stepped(tag, retag.source, retag.target, version) if moves(tag) else tag for tag in tags]
    if not any(map(moves, tags)):
        return after
    return _one_stays(after, retag.target, by=retag.source, version=version)


def _back(tags: Sequence[ItemTag], retag: Retag, version: int) -> list[ItemTag]:
    after = []
    for tag in tags:
        at = _step(tag, retag) if tag.concept == retag.source else None
        if at is not None:
            step = tag.retagged_from[at]
            tag = replace(
                tag, concept=step.concept, retagged_from=tag.retagged_from[:at], status=cast(Any, step.status)
            )
        after.append(tag)
    # Gone back out of turn, a tag may meet one that another Retag brought here: it gives way to that Retag then.
    for concept in (retag.source, retag.target):
        brought = [tag.retagged_from[-1] for tag in after if _carries(tag, concept) and tag.retagged_from]
        if brought:
            after = _one_stays(after, concept, by=brought[-1].source, version=brought[-1].version)
    return after


def _one_stays(tags: list[ItemTag], concept: str, *, by: str, version: int) -> list[ItemTag]:
    """Of the tags by which the item carries the concept, all but the most probable one give way to the Retag `by`.

    Of equally probable ones that stays which was there before, then the first.
    """
    rivals = [i for i, tag in enumerate(tags) if _carries(tag, concept)]
    if len(rivals) < 2:
        return tags

    def came(tag: ItemTag) -> bool:
        last = tag.retagged_from[-1] if tag.retagged_from else None
        return last is not None and (last.source, last.concept, last.version) == (by, by, version)

    best = min(rivals, key=lambda i: (-tags[i].probability, came(tags[i]), i))
    for i in rivals:
        if i != best:
            tag = tags[i] if came(tags[i]) else _stepped(tags[i], by, concept, version)
            tags[i] = replace(tag, status="merged")
    return tags


def _stepped(tag: ItemTag, source: str, concept: str, version: int) -> ItemTag:
    step = Retagged(source, tag.concept, tag.status, version)
    return replace(tag, concept=concept, retagged_from=(*tag.retagged_from, step))


def _step(tag: ItemTag, back: Retag) -> int | None:
    """Which of the tag's steps `back` undoes: the last one by a Retag from its target to its source."""
    steps = tag.retagged_from
    for i in reversed(range(len(steps))):
        led_to = steps[i + 1].concept if i + 1 < len(steps) else tag.concept
        meant = back.version is None or steps[i].version == back.version
        if meant and steps[i].source == back.target and led_to == back.source:
            return i
    return None


def _carries(tag: ItemTag, concept: str) -> bool:
    return tag.concept == concept and tag.status == "accepted"
