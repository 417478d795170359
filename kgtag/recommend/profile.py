"""Profiles: what a visitor did, as decayed weights of items and concepts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from graph.model import Event
from graph.model.times import read_time
from graph.taxonomy import Taxonomy
from kgtag.recommend.items import ItemTags
from kgtag.rows.items import ProfileEventRow, ProfileRow

HALF_LIFE = 30.0
"""Days after which an event counts half."""
MOST_EVENTS = 1_000
"""The latest events of a profile that count."""
_TAGS = 100


@dataclass(frozen=True, slots=True)
class Profile:
    """Decayed weights by id, the strongest 1 over items and concepts together."""

    items: Mapping[str, float] = field(default_factory=dict)
    concepts: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event], *, now: datetime | None = None, half_life: float = HALF_LIFE) -> Profile:
        """Sum each event's weight, halved every `half_life` days before `now`; events of the future count whole.

        Raises:
            InputError: An event's time does not read.

        Example:
            >>> day = datetime(2026, 1, 31, tzinfo=UTC)
            >>> old = Event("1", "2026-01-01T00:00:00Z", "v1", 1.0, item="boots-1")
            >>> new = Event("2", "2026-01-31T00:00:00Z", "v1", 1.0, concept="tents")
            >>> Profile.of([old, new], now=day)
            Profile(items={'boots-1': 0.5}, concepts={'tents': 1.0})
        """
        now = now or datetime.now(UTC)
        items: dict[str, float] = {}
        concepts: dict[str, float] = {}
        for event in events:
            days = max((now - read_time(event.at)).total_seconds() / 86_400, 0.0)
            weight = event.weight * 0.5 ** (days / half_life)
            for id, weights in ((event.item, items), (event.concept, concepts)):
                if id is not None:
                    weights[id] = weights.get(id, 0.0) + weight
        most = max((*items.values(), *concepts.values()), default=1.0) or 1.0
        return cls(*({id: weights[id] / most for id in sorted(weights)} for weights in (items, concepts)))

    def __bool__(self) -> bool:
        return bool(self.items or self.concepts)


def profile_row(
    id: str, events: Sequence[Event], items: ItemTags | None, taxonomy: Taxonomy, lang: str | None = None
) -> ProfileRow:
    """All that is kept of a visitor, and the hundred strongest tags that it comes to."""
    weights = items.tag_weights(Profile.of(events)) if items is not None else {}
    return {
        "profile": id,
        "tags": [
            {"concept": c, "label": taxonomy[c].label(lang), "kind": taxonomy[c].kind, "weight": round(weight, 6)}
            for c, weight in islice(weights.items(), _TAGS)
        ],
        "events": list(map(_event_row, events)),
        "revision": taxonomy.revision,
    }


def _event_row(event: Event) -> ProfileEventRow:
    row: ProfileEventRow = {"at": event.at, "weight": event.weight}
    if event.item is not None:
        row["item"] = event.item
    if event.concept is not None:
        row["concept"] = event.concept
    return row
