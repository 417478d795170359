"""Rows of trends, quality, coverage, segments and checks by people."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from graph.model import Kind


class Observed(TypedDict):
    """Items with a tag, of all.

    Example:
        {"count": 31, "of": 240}
    """

    count: int
    of: int


class BurstRow(TypedDict):
    """A time in which a tag is on more items than usual. `weight`: how much likelier it makes the counts, in logs.

    Example:
        {"start": "2026-06", "end": "2026-08", "weight": 14.2, "p": 8e-06, "q": 0.0002}
    """

    start: str
    end: str
    weight: float
    p: float
    q: float


class SeasonRow(TypedDict):
    """How a tag depends on the month, years compared. `index`: of January to December, items with the tag to those
    expected from the year alone; `peaks`: months, from 1, with a fifth more.

    Example:
        {"peaks": [11, 12], "index": [1.1, 0.9, 0.8, 0.8, 0.7, 0.6, 0.7, 0.8, 0.9, 1.1, 1.5, 1.8], "p": 0.0001,
         "q": 0.002}
    """

    peaks: list[int]
    index: list[float | None]
    p: float
    q: float


class TrendFigures(TypedDict):
    """Figures over time. Intervals hold 95 times in a hundred; `growth` is the share of the recent periods less that of
    as many before, null where either have no items; `p` is its chance without growth, `q` the false discovery rate over
    all that were tested. `counts` are by period.

    Example:
        {"count": 52, "share": 0.11, "low": 0.09, "high": 0.14, "now": {"count": 31, "of": 240},
         "before": {"count": 21, "of": 230}, "growth": 0.04, "growth_low": -0.02, "growth_high": 0.1, "p": 0.19,
         "q": 0.4, "first_seen": "2025-02-03", "last_seen": "2026-01-30", "new": false, "counts": [21, 31]}
    """

    count: int
    share: float
    low: float
    high: float
    now: Observed
    before: Observed
    growth: float | None
    growth_low: float | None
    growth_high: float | None
    p: float
    q: float
    first_seen: str
    last_seen: str
    new: bool
    burst: BurstRow | None
    season: SeasonRow | None
    counts: list[int]


class TagTrend(TrendFigures):
    """The trend of a concept on items.

    Example:
        {"concept": "red", "label": "Red", "kind": "value", "attribute": "colour"}
    """

    concept: str
    label: str
    kind: Kind
    attribute: NotRequired[str]


class NilTrend(TrendFigures):
    """The trend of mentions that have no concept, taken together where they are spelt alike.

    Example:
        {"surface": "gorpcore", "attribute": "style"}
    """

    surface: str
    attribute: NotRequired[str]


class Trends(TypedDict):
    """Trends of tags. `totals` are items by period, `recent` the periods that growth compares with as many before, or
    with those of the year before (`year_ago`); `timeless` items have no time, or one in the future or before 1990, and
    are left out.

    Example:
        {"by": "month", "periods": ["2025-12", "2026-01"], "totals": [230, 240], "recent": 1,
         "year_ago": false, "items": 470, "timeless": 0}
    """

    by: Literal["day", "week", "month", "quarter", "year"]
    periods: list[str]
    totals: list[int]
    recent: int
    year_ago: bool
    items: int
    timeless: int
    tags: list[TagTrend]
    nil: list[NilTrend]
    revision: str


class ComparedTag(TypedDict):
    """A tag's share of two catalogues; `difference` with its 95% interval, `q` the false discovery rate.

    Example:
        {"concept": "red", "label": "Red", "kind": "value", "count": 52, "share": 0.11, "other_count": 18,
         "other_share": 0.05, "difference": 0.06, "low": 0.02, "high": 0.1, "p": 0.002, "q": 0.01}
    """

    concept: str
    label: str
    kind: Kind
    count: int
    share: float
    other_count: int
    other_share: float
    difference: float
    low: float
    high: float
    p: float
    q: float


class VerdictShare(TypedDict):
    """Tags that people or gold confirm, of those they looked at, with a 95% interval.

    Example:
        {"right": 2, "of": 5, "share": 0.4, "low": 0.1176, "high": 0.7693}
    """

    right: int
    of: int
    share: float
    low: float
    high: float


class TagQuality(TypedDict):
    """The quality of a tag; what is not known is left out.

    `score`: a product of the others, in [0, 1]; `support`: items that carry it, narrower ones included; `agreement`:
    share of its items whose title names it; `conflict`: share whose title names one beside it instead;
    `confusability`: how much its label is like that of `confused_with`, times the other's share of use; `coverage`:
    share of items of its categories that have it, of a category that of the broader one's items. Of values alone,
    `entropy`: of its categories, to that of all items'; `information`: share of its own entropy that the category
    explains; `drift`: how much its categories change between the halves of time.

    Example:
        {"concept": "navy", "label": "Navy", "kind": "value", "score": 0.21, "support": 40, "attribute": "colour",
         "confused_with": "navy-blue", "confusability": 0.6, "agreement": 0.4, "conflict": 0.3, "coverage": 0.05,
         "entropy": 0.8, "information": 0.02, "drift": 0.1}
    """

    concept: str
    label: str
    kind: Kind
    score: float
    support: int
    attribute: NotRequired[str]
    precision: NotRequired[VerdictShare]
    confused_with: NotRequired[str]
    confusability: NotRequired[float]
    agreement: NotRequired[float]
    conflict: NotRequired[float]
    coverage: NotRequired[float]
    entropy: NotRequired[float]
    information: NotRequired[float]
    drift: NotRequired[float]


class QualityReport(TypedDict):
    """The quality of tags, the worst first, on so many items, by so many verdicts."""

    items: int
    verdicts: int
    tags: list[TagQuality]
    revision: str


class SegmentRow(TypedDict):
    """A saved query over tags. `reads`: the query with today's labels; `tree`: with concept ids, as it is evaluated.

    Example:
        {"name": "red summer shoes", "query": "sandals AND red", "reads": "Sandals AND Red",
         "tree": ["and", ["tag", "sandals"], ["tag", "red"]], "author": "ann",
         "at": "2026-08-03T10:15:30.000001+00:00"}
    """

    name: str
    query: str
    reads: str
    tree: list[Any]
    author: str
    at: str


class Segments(TypedDict):
    """All saved segments, by name."""

    segments: list[SegmentRow]
    revision: str


class SegmentCount(SegmentRow):
    """A segment, and how many stored items match.

    Example:
        {"count": 120}
    """

    count: int
    revision: str


class QueryCount(TypedDict):
    """How many stored items match a query over tags, with the first of them.

    Example:
        {"query": "sandals AND red", "reads": "Sandals AND Red", "count": 120, "items": ["sku-1"]}
    """

    query: str
    reads: str
    count: int
    items: list[str]
    revision: str


class SegmentItems(TypedDict):
    """A page of ids of the items that match a segment.

    Example:
        {"name": "red summer shoes", "items": ["sku-1"], "next_cursor": null}
    """

    name: str
    items: list[str]
    next_cursor: str | None
    revision: str


class CoverageRow(TypedDict):
    """What has a concept, of how much, with a 95% interval. `elsewhere`: values that are the label of something else
    alone, such as the fabric "jersey" where there are only shirts of the name; they are not known.

    Example:
        {"name": "Material", "known": 30, "of": 40, "elsewhere": 2, "share": 0.75, "low": 0.598, "high": 0.8582}
    """

    name: str
    known: int
    of: int
    elsewhere: int
    share: float
    low: float
    high: float


class MissingRow(TypedDict):
    """A text without a concept, and how often it occurs.

    Example:
        {"text": "gorpcore", "count": 12, "attribute": "style"}
    """

    text: str
    count: int
    attribute: NotRequired[str]


class CoverageFigures(CoverageRow):
    """Coverage in all and by group, the least covered first, and what is missing most.

    Example:
        {"name": "", "known": 30, "of": 40, "elsewhere": 2, "share": 0.75, "low": 0.598, "high": 0.8582}
    """

    by_attribute: list[CoverageRow]
    by_category: list[CoverageRow]
    by_language: list[CoverageRow]
    over_time: list[CoverageRow]
    missing: list[MissingRow]


class CoverageReport(TypedDict):
    """The share of what has a concept: of the mentions in stored items, and of gold values and queries where they were
    given."""

    mentions: CoverageFigures
    values: NotRequired[CoverageFigures]
    queries: NotRequired[CoverageFigures]
    revision: str


class CheckRow(TypedDict):
    """A tag to check: whether it is right, "right" or "wrong", goes into `verdict`. The sizes are those of its stratum,
    from which it was drawn."""

    item: str
    title: str
    concept: str
    label: str
    attribute: str | None
    stratum: str
    stratum_size: int
    verdict: Literal["right", "wrong"] | None


class StratumRow(TypedDict):
    """The precision of a part of the tags, from checks."""

    name: str
    population: int
    checks: int
    right: int
    precision: float
    low: float
    high: float


class PrecisionEstimate(TypedDict):
    """The precision of stored tags with its 95% interval, from so many checks; `unchecked` tags are of strata that
    nobody checked, and are left out."""

    precision: float
    low: float
    high: float
    checks: int
    population: int
    unchecked: int
    strata: list[StratumRow]
