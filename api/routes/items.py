"""Stored items with their tags, and what people think of them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.errors import BODY, Problem, problems
from api.http import AdminKey, BodyRoute, ConceptId, JsonBody, Reader, ReviewerKey, TaggerKey, json, require_known
from api.schemas import FeedbackBody, ItemBody
from api.service import service
from graph.api_keys import allows
from graph.errors import InputError
from graph.model import Feedback, ItemTag, TaggedItem
from graph.model.feedback import new_feedback_id
from graph.proposals.erase import erase_items
from graph.rows import feedback_row
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.discover.feedback import masked_feedback, require_tag
from kgtag.rows.items import FeedbackPage, GivenFeedback, ItemPage, ItemRow
from kgtag.tag.stored import item_row
from kgtag.text.personal import mask

router = APIRouter(prefix="/v1", tags=["items"], responses=problems(401, 403, 503), route_class=BodyRoute)
concept_items = APIRouter(
    prefix="/v1/concepts", tags=["items"], dependencies=[Reader], responses=problems(401, 403, 503)
)

ItemId = Annotated[str, Path(max_length=300, description="A slash in an id may stand as it is or as %2F.")]
Cursor = Annotated[str | None, Query(max_length=300, description="`next_cursor` of the page before.")]
Many = Annotated[int, Query(ge=1, le=1_000)]


@concept_items.get("/{id:path}/items", response_model=ItemPage, responses=problems(404, 422))
def items_of(request: Request, id: ConceptId, cursor: Cursor = None, limit: Many = 100) -> Response:
    """Ids of the items that have the concept as an accepted tag, by id."""
    found = service(request)
    taxonomy = found.current.taxonomy
    taxonomy.index(id)
    ids = found.live.store.items_of(id, after=cursor or "", limit=limit + 1)
    page: ItemPage = {
        "concept": id,
        "items": ids[:limit],
        "next_cursor": ids[limit - 1] if len(ids) > limit else None,
        "revision": taxonomy.revision,
    }
    return json(page)


@router.get("/items/{id:path}", response_model=ItemRow, dependencies=[Reader], responses=problems(404, 422))
def item(request: Request, id: ItemId) -> Response:
    """An item with its tags, the rejected ones included."""
    found = service(request)
    stored = found.live.store.item(id)
    if stored is None:
        raise _unknown(id)
    return json(item_row(stored, found.current.taxonomy))


@router.put("/items/{id:path}", response_model=ItemRow, responses=problems(404, *BODY))
async def put_item(
    request: Request, id: ItemId, key: TaggerKey, body: Annotated[ItemBody, Depends(JsonBody(ItemBody))]
) -> Response:
    """Store an item with these tags and everything broader, replacing what it had.

    `POST /v1/tag?store=true` stores what the model says.
    """
    found = service(request)
    taxonomy = found.current.taxonomy
    if id != id.strip() or not id.isprintable():
        raise InputError("an item's id has no blanks around it and no unprintable characters")
    await require_known(taxonomy, *(tag.concept for tag in body.tags))
    title = mask(body.title) if found.settings.mask_personal else body.title
    tags = tuple(
        ItemTag(t.concept, t.probability, t.method, t.start, t.end, _cut(title, t.start, t.end), t.status)
        for t in body.tags
    )
    tags += _broader(taxonomy, tags)
    stored = TaggedItem(id, title, body.lang, f"api:{key.name or key.id}", taxonomy.revision, tags, body.at)
    return json(item_row(await run_in_threadpool(_put, found.live.store, stored), taxonomy))


def _put(store: TaxonomyStore, item: TaggedItem) -> TaggedItem:
    """Store the item; as it is then, with its time and what feedback says of its tags."""
    store.put_items([item])
    return store.item(item.id) or item


@router.delete("/items/{id:path}", status_code=204, responses=problems(404, 422))
def delete_item(request: Request, id: ItemId, key: AdminKey) -> Response:
    """Erase an item, its tags, the feedback on it, and what proposals show of it."""
    if not erase_items(service(request).live.store, [id]):
        raise _unknown(id)
    return Response(status_code=204)


@router.post("/feedback", status_code=201, response_model=GivenFeedback, responses=problems(*BODY))
async def give_feedback(
    request: Request, key: ReviewerKey, body: Annotated[FeedbackBody, Depends(JsonBody(FeedbackBody))]
) -> Response:
    """Say that a tag is right, wrong or missing.

    The tag of a stored item follows, and stays so when the item is tagged again: a wrong one is rejected, a right one
    accepted, a missing one added. The latest verdict counts. Training reads it with `--feedback`.
    """
    found = service(request)
    await require_known(found.current.taxonomy, body.concept)
    require_tag(found.current.taxonomy, body.concept)
    row = await run_in_threadpool(_give, request, f"api:{key.name or key.id}", body)
    return json({"feedback": row, "revision": found.current.taxonomy.revision}, status=201)


def _give(request: Request, caller: str, body: FeedbackBody) -> object:
    store = service(request).live.store
    if body.item is not None and body.product is None:
        stored = store.item(body.item)
        if stored is None:
            raise InputError(f"no item {body.item!r} is stored; send its product as well, or store it first")
        if body.span is not None and body.span[1] > len(stored.title):
            raise InputError(f"the span {body.span[0]} to {body.span[1]} is not in the title {stored.title!r}")
    id, at = new_feedback_id()
    product = None if body.product is None else body.product.model_dump(exclude_unset=True)
    span = None if body.span is None else (body.span[0], body.span[1])
    given = Feedback(id, at, body.reviewer or caller, body.concept, body.verdict, body.item, product, span, body.reason)
    if service(request).settings.mask_personal:
        given = masked_feedback(given)
    store.put_feedback(given)
    return feedback_row(given)


@router.delete("/feedback/{id}", status_code=204, responses=problems(404, 422))
def take_back(request: Request, id: Annotated[str, Path(max_length=300)], key: ReviewerKey) -> Response:
    """Take a verdict back, with what it changed on the item: the latest one left counts. One's own; admins any."""
    by = None if allows(key, "admin") else f"api:{key.name or key.id}"
    if service(request).live.store.delete_feedback(id, by=by) is None:
        raise Problem("not-found", f"no feedback {id!r}; it may have been taken back already")
    return Response(status_code=204)


@router.get("/feedback", response_model=FeedbackPage, dependencies=[Reader], responses=problems(422))
def feedback(
    request: Request,
    concept: Annotated[str | None, Query(max_length=300, description="Only on this concept.")] = None,
    cursor: Cursor = None,
    limit: Many = 100,
) -> Response:
    """A page of feedback, oldest first."""
    found = service(request)
    rows = list(found.live.store.feedback(after=cursor or "", concept=concept, limit=limit + 1))
    page: FeedbackPage = {
        "feedback": list(map(feedback_row, rows[:limit])),
        "next_cursor": rows[limit - 1].id if len(rows) > limit else None,
        "revision": found.current.taxonomy.revision,
    }
    return json(page)


def _broader(taxonomy: Taxonomy, tags: tuple[ItemTag, ...]) -> tuple[ItemTag, ...]:
    """What the accepted tags imply, as tagging adds it: as probable as the most probable reason."""
    given, implied = {tag.concept for tag in tags}, dict[str, float]()
    for tag in tags:
        if tag.status == "accepted":
            for id in taxonomy.ancestors(tag.concept):
                if id not in given:
                    implied[id] = max(implied.get(id, 0.0), tag.probability)
    return tuple(ItemTag(id, probability, "implied") for id, probability in sorted(implied.items()))


def _cut(title: str, start: int | None, end: int | None) -> str | None:
    return None if start is None or end is None else title[start:end]


def _unknown(id: str) -> Problem:
    return Problem("not-found", f"no item {id!r} is stored; PUT /v1/items/{{id}} or POST /v1/tag?store=true stores one")
