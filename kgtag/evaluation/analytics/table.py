"""The items of a catalogue as a table by concept and time, and the periods that it falls into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError
from graph.labels import folded_form, normal_form
from graph.model import TaggedItem
from graph.model.times import read_time
from graph.taxonomy import Taxonomy, find_concept
from kgtag.recommend.cooccurrence import with_broader

if TYPE_CHECKING:
    from scipy import sparse

By = Literal["day", "week", "month", "quarter", "year"]
PERIODS: tuple[By, ...] = get_args(By)
Days = NDArray[np.int64]
UNKNOWN = np.iinfo(np.int64).min
_MOST_PERIODS = 4_000
_EARLIEST = date(1990, 1, 1)
"""No shop's items are older; earlier times are slips, as are those in the future."""


@dataclass(frozen=True, slots=True)
class ItemTable:
    """Items by what they carry.

    Attributes:
        taxonomy: The snapshot.
        carried: (items, concepts) of ones: accepted tags with everything broader, numbered like the snapshot.
        days: (items,) when each was listed, in days since 1970-01-01.
        nil: (item, attribute, surface) of mentions without a concept.
        timeless: Items without a time, or with one in the future or before 1990, which are left out.
        unknown: Tags that the taxonomy does not have, by how many items carry them.
        models: What tagged the items, in order.
    """

    taxonomy: Taxonomy
    carried: sparse.csr_array
    days: Days
    nil: tuple[tuple[int, str | None, str], ...] = ()
    timeless: int = 0
    unknown: Counter[str] | None = None
    models: tuple[str, ...] = ()

    @classmethod
    def of(cls, taxonomy: Taxonomy, items: Iterable[TaggedItem], *, timed: bool = True) -> Self:
        """Read items; those without a likely time are left out if it matters (`timed`)."""
        from scipy import sparse

        epoch = date(1970, 1, 1).toordinal()
        first, last = _EARLIEST.toordinal() - epoch, datetime.now(UTC).date().toordinal() - epoch + 1

        above: dict[str, list[int]] = {}
        starts, columns, days, nil = [0], list[int](), list[int](), list[tuple[int, str | None, str]]()
        timeless, unknown, models = 0, Counter[str](), set[str]()
        for item in items:
            day = UNKNOWN if item.at is None else day_of(item.at)
            if timed and not first <= day <= last:
                timeless += 1
                continue
            present = set[int]()
            models.add(item.model)
            for tag in item.tags:
                if tag.status == "accepted":
                    if tag.concept not in above:
                        above[tag.concept] = with_broader(taxonomy, tag.concept)
                    if not above[tag.concept]:
                        unknown[tag.concept] += 1
                    present.update(above[tag.concept])
            nil += [(len(days), one.attribute, one.surface) for one in item.nil]
            days.append(day)
            columns += sorted(present)
            starts.append(len(columns))
        cells = (np.ones(len(columns), dtype=np.int32), np.array(columns, dtype=np.int32), np.array(starts))
        carried = sparse.csr_array(cells, shape=(len(days), len(taxonomy)))
        when = np.array(days, dtype=np.int64)
        return cls(taxonomy, carried, when, tuple(nil), timeless, unknown, tuple(sorted(models)))

    def __len__(self) -> int:
        return len(self.days)

    def only(self, keep: NDArray[np.bool_]) -> ItemTable:
        """The items of a mask."""
        place = np.cumsum(keep) - 1
        nil = tuple((int(place[row]), *rest) for row, *rest in self.nil if keep[row])
        return replace(self, carried=self.carried[keep], days=self.days[keep], nil=nil)  # type: ignore[arg-type]

    def within(self, *, since: str | None = None, until: str | None = None, category: str | None = None) -> ItemTable:
        """The items from a day on, before another, and of a category (an id or a label). Raises InputError."""
        keep = np.ones(len(self), dtype=bool)
        if since is not None:
            keep &= self.days >= day_of(since)
        if until is not None:
            keep &= self.days < day_of(until)
        if category is not None:
            id = find_concept(self.taxonomy, category, "category")
            if id is None:
                near = self.taxonomy.near(category, kind="category")
                raise InputError(f"no category {category!r}" + (f"; did you mean {', '.join(near)}?" if near else ""))
            keep &= self.carried[:, [self.taxonomy.index(id)]].toarray().ravel() > 0
        return self if keep.all() else self.only(keep)

    def nil_table(self) -> tuple[list[tuple[str | None, str]], sparse.csr_array]:
        """(attribute, surface) of each group of mentions that are spelt alike, and (items, groups) of ones; the
        attribute is the one that most are taken for."""
        from scipy import sparse

        groups: dict[str, Counter[tuple[str | None, str]]] = {}
        cells = set[tuple[int, str]]()
        for row, attribute, surface in self.nil:
            if form := folded_form(normal_form(surface)):
                groups.setdefault(form, Counter())[attribute, surface] += 1
                cells.add((row, form))
        place = {key: at for at, key in enumerate(sorted(groups))}
        names = [(_commonest(found, 0), _commonest(found, 1) or form) for form, found in sorted(groups.items())]
        pairs = sorted((row, place[key]) for row, key in cells)
        rows, columns = zip(*pairs, strict=True) if pairs else ((), ())
        ones = np.ones(len(pairs), dtype=np.int32)
        return names, sparse.csr_array((ones, (rows, columns)), shape=(len(self), len(place)))


def _commonest(found: Counter[tuple[str | None, str]], part: int) -> str | None:
    """Of pairs, the commonest of one part, the first of several."""
    counts = Counter[str | None]()
    for pair, count in found.items():
        counts[pair[part]] += count
    return min(counts, key=lambda one: (-counts[one], one or ""))


def day_of(time: str) -> int:
    """Days from 1970-01-01 to a time, in UTC. Raises InputError."""
    return read_time(time).date().toordinal() - date(1970, 1, 1).toordinal()


def day_text(day: int) -> str:
    """The date of a day."""
    return str(np.datetime64(int(day), "D"))


@dataclass(frozen=True, slots=True)
class Periods:
    """The periods of some days, without gaps.

    Attributes:
        by: Their length.
        index: (items,) the period of each item.
        names: The periods, oldest first: the first day of a day or week, else 2026-01, 2026-Q1 or 2026.
    """

    by: By
    index: NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def of(cls, days: Days, by: By) -> Self:
        """Raises InputError for more periods than anyone reads."""
        if by not in PERIODS:
            raise InputError(f"no period {by!r}; there is {', '.join(PERIODS)}")
        if not len(days):
            return cls(by, days, ())
        numbers = _numbers(days, by)
        first, last = int(numbers.min()), int(numbers.max())
        if last - first >= _MOST_PERIODS:
            span = f"{day_text(int(days.min()))} to {day_text(int(days.max()))}"
            raise InputError(f"{last - first + 1:,} periods by {by} from {span}; take longer ones, or --since")
        return cls(by, numbers - first, tuple(_name(number, by) for number in range(first, last + 1)))


def _numbers(days: Days, by: By) -> NDArray[np.int64]:
    if by == "day":
        return days
    if by == "week":
        return (days + 3) // 7  # 1970-01-01 was a Thursday.
    months: NDArray[np.int64] = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months // {"month": 1, "quarter": 3, "year": 12}[by]


def _name(number: int, by: By) -> str:
    if by in ("day", "week"):
        return day_text(number if by == "day" else number * 7 - 3)
    if by == "month":
        return str(np.datetime64(number, "M"))
    year, quarter = divmod(number, 4)
    return str(1970 + number) if by == "year" else f"{1970 + year}-Q{quarter + 1}"
