"""Profiles of visitors: events in, decayed tag weights out, erased on demand."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.errors import BODY, problems
from api.http import AdminKey, BodyRoute, JsonBody, Lang, TaggerKey, json, require_known
from api.schemas import EventsBody
from api.service import service
from graph.model import Event
from graph.model.times import timed_id, utc_text
from kgtag.recommend.profile import MOST_EVENTS, profile_row
from kgtag.rows.items import ProfileRow, StoredEvents

router = APIRouter(prefix="/v1/profiles", tags=["recommend"], responses=problems(401, 403, 503), route_class=BodyRoute)

ProfileId = Annotated[str, Path(max_length=300, description="Yours to choose; use one that means nothing to others.")]


@router.post("/{id:path}/events", status_code=201, response_model=StoredEvents, responses=problems(*BODY))
async def add_events(
    request: Request, id: ProfileId, key: TaggerKey, body: Annotated[EventsBody, Depends(JsonBody(EventsBody))]
) -> Response:
    """Store what a visitor did. Items need not be known yet; those that are count with their tags."""
    found = service(request)
    await require_known(found.current.taxonomy, *(one.concept for one in body.events if one.concept is not None))
    now = datetime.now(UTC)
    events = [
        Event(timed_id(now), one.at or utc_text(now), id, one.weight, one.item, one.concept) for one in body.events
    ]
    await run_in_threadpool(found.live.store.put_events, events)
    answer: StoredEvents = {"stored": len(events), "revision": found.current.taxonomy.revision}
    return json(answer, status=201)


@router.get("/{id:path}", response_model=ProfileRow, responses=problems(422))
def profile(request: Request, id: ProfileId, key: TaggerKey, lang: Lang = None) -> Response:
    """All that is kept of a visitor, and the tags that it comes to; nothing of one who is unknown."""
    found = service(request)
    served = found.current
    events = found.live.store.events(id, limit=MOST_EVENTS)
    return json(profile_row(id, events, served.items, served.taxonomy, lang))


@router.delete("/{id:path}", status_code=204, responses=problems(422))
def delete_profile(request: Request, id: ProfileId, key: AdminKey) -> Response:
    """Erase all that is kept of a visitor. It succeeds for an unknown one as well: nothing is kept either way."""
    service(request).live.store.delete_events(profile=id)
    return Response(status_code=204)
