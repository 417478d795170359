"""Places for new concepts, as `kgtag place` ranks them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.errors import BODY, problems
from api.http import BodyRoute, JsonBody, Reader, json
from api.schemas import PlaceBody
from api.service import Service, service
from graph.errors import InputError
from graph.rows import concept_ref
from kgtag.discover.place import PLACES, LikelyTags, NewConcept, Place, Placer
from kgtag.discover.place.features import normal
from kgtag.rows.concepts import LikelyRow, Placed, PlaceRow
from kgtag.serve.assemble import open_placer

router = APIRouter(prefix="/v1", tags=["concepts"], responses=problems(401, 403, 503), route_class=BodyRoute)


@router.post("/place", response_model=Placed, dependencies=[Reader], responses=problems(*BODY))
async def place(request: Request, body: Annotated[PlaceBody, Depends(JsonBody(PlaceBody))]) -> Response:
    """Where new concepts belong: places for each, best first. Writes nothing; propose or create one with what it
    says.

    With embeddings, meaning counts; without, letters and words. `attributes` and `values` are those of concepts like
    it. The first call after a change of the taxonomy prepares the labels and takes longer.
    """
    return json(await run_in_threadpool(_placed, service(request), body))


def _placed(found: Service, body: PlaceBody) -> Placed:
    if blank := [one.label for one in body.concepts if not normal(one.label)]:
        raise InputError(f"the label {blank[0]!r} has neither letters nor digits")
    placer, likely = _placer(found, body)
    taxonomy = found.derived.served.taxonomy
    asked = [NewConcept(one.label.strip(), one.definition or None, one.lang or None) for one in body.concepts]

    def tags(rows: list[dict[str, Any]]) -> list[LikelyRow]:
        return [{**concept_ref(taxonomy, one["concept"], body.lang), "score": one["score"]} for one in rows]

    def row(one: Place) -> PlaceRow:
        path = [taxonomy[id].label(body.lang) for id in taxonomy.path(one.broader)]
        found: PlaceRow = {
            "broader": one.broader,
            "label": path[-1],
            "path": path,
            "narrower": [concept_ref(taxonomy, id, body.lang) for id in one.narrower],
            "score": round(one.score, 6),
            "probability": round(one.probability, 6),
        }
        if (attribute := taxonomy.attribute_of(one.broader)) is not None:
            found["attribute"] = attribute
        return found

    placed = placer.place(asked, limit=max(body.limit, PLACES))
    return {
        "concepts": [
            {
                "label": one.label,
                "places": list(map(row, places[: body.limit])),
                "known": [concept_ref(taxonomy, id, body.lang) for id in placer.known(one)],
                "attributes": tags(own.get("attributes", [])),
                "values": tags(own.get("values", [])),
            }
            for one, places, own in zip(asked, placed, likely.rows(asked, placed), strict=True)
        ],
        "by_meaning": placer.by_meaning,
        "revision": taxonomy.revision,
    }


def _placer(found: Service, body: PlaceBody) -> tuple[Placer, LikelyTags]:
    """One for each kind and scheme of a snapshot, made at its first use."""
    derived, key = found.derived, (body.kind, body.scheme)
    with derived.placing:
        if key not in derived.placers:
            embeddings, taxonomy = found.settings.embeddings, derived.served.taxonomy
            placer, items = open_placer(taxonomy, embeddings, kind=body.kind, scheme=body.scheme), derived.served.items
            counted = items.cooccurrence if items is not None else None
            derived.placers[key] = placer, LikelyTags(placer, counted=counted, named=derived.served.parser.values)
        return derived.placers[key]
