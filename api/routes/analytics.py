"""What the stored items say of the taxonomy's tags."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.errors import problems
from api.http import KindFilter, Lang, Reader, json
from api.service import Service, service
from kgtag.evaluation.analytics.coverage import Coverage
from kgtag.evaluation.analytics.quality import tag_quality
from kgtag.evaluation.analytics.table import By, ItemTable
from kgtag.evaluation.analytics.trends import TrendOptions, find_trends, select
from kgtag.rows.analytics import CoverageReport, QualityReport, Trends

router = APIRouter(prefix="/v1/analytics", tags=["analytics"], dependencies=[Reader], responses=problems(401, 403, 503))

Day = Annotated[str | None, Query(max_length=40)]
Category = Annotated[str | None, Query(max_length=300, description="Only items of this category: an id or a label.")]
SchemeFilter = Annotated[str | None, Query(max_length=300)]
Rows = Annotated[int, Query(ge=1, le=1_000)]


@router.get("/tags", response_model=Trends, responses=problems(422))
def trends(
    request: Request,
    by: Annotated[By, Query(description="Length of a period.")] = "month",
    category: Category = None,
    since: Day = None,
    until: Day = None,
    kind: KindFilter = None,
    scheme: SchemeFilter = None,
    recent: Annotated[int | None, Query(ge=1, le=1_000, description="Periods that growth compares.")] = None,
    year_ago: Annotated[
        bool | None, Query(description="Compare with the same periods of the year before; by default if there are two.")
    ] = None,
    min_count: Annotated[int, Query(ge=1, le=1_000_000)] = 5,
    order: Annotated[Literal["count", "rising", "falling", "burst", "season", "new"], Query()] = "count",
    limit: Rows = 100,
    lang: Lang = None,
) -> Response:
    """How tags change over time on the stored items: shares, growth, bursts, seasons, and mentions without a concept.

    By `count` every tag is listed; the other orders list what is beyond chance, at a false discovery rate of 5%. The
    first call after items have changed reads them and takes longer.
    """
    options = TrendOptions(by, recent, min_count, kind, scheme, year_ago)
    found = _trends(service(request), options, (category, since, until), lang)
    nil = select(found["nil"], order if order in ("rising", "falling", "new") else "count", limit)
    return json({**found, "tags": select(found["tags"], order, limit), "nil": nil})


@router.get("/quality", response_model=QualityReport, responses=problems(422))
def quality(
    request: Request, kind: KindFilter = None, scheme: SchemeFilter = None, limit: Rows = 100, lang: Lang = None
) -> Response:
    """How good each tag is on the stored items, the worst first, by use, verdicts, labels, titles and time.

    The first call after items have changed reads them and takes longer.
    """
    found = service(request)
    derived, store = found.derived, found.live.store
    with derived.analysing:
        key = ("quality", kind, scheme, lang)
        if key not in derived.analyses:
            derived.analyses[key] = tag_quality(
                derived.served.taxonomy, store.items(), feedback=store.feedback(), kind=kind, scheme=scheme, lang=lang
            )
        answer: QualityReport = derived.analyses[key]
    return json({**answer, "tags": answer["tags"][:limit]})


@router.get("/coverage", response_model=CoverageReport, responses=problems(422))
def coverage(request: Request, by: Annotated[By, Query(description="Length of a period.")] = "month") -> Response:
    """The share of the mentions in stored items that have a concept, by attribute, category, language and time.

    The first call after items have changed reads them and takes longer.
    """
    found = service(request)
    derived = found.derived
    taxonomy = derived.served.taxonomy
    with derived.analysing:
        key = ("coverage", by)
        if key not in derived.analyses:
            mentions = Coverage(taxonomy).mentions(found.live.store.items(), by=by)
            derived.analyses[key] = {"mentions": mentions, "revision": taxonomy.revision}
        answer: CoverageReport = derived.analyses[key]
    return json(answer)


def _trends(
    found: Service, options: TrendOptions, narrowed: tuple[str | None, str | None, str | None], lang: str | None
) -> Trends:
    """One computation at a time; the answers to the last questions are kept with the snapshot."""
    category, since, until = narrowed
    derived = found.derived
    with derived.analysing:
        key = ("trends", options, narrowed, lang)
        if key not in derived.analyses:
            items: ItemTable = derived.item_table(found.live.store)
            table = items.within(since=since, until=until, category=category)
            derived.analyses[key] = find_trends(table, options, lang=lang)
        answer: Trends = derived.analyses[key]
        return answer
