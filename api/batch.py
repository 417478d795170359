"""Lines of a batch: cut out of the stream with bounded memory, and tagged some at a time."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from api.bodies import MAX_BODY, parse
from api.errors import Problem, from_error
from api.schemas import ProductBody
from graph.errors import InputError, KgtagError
from kgtag.tag.tagger import Tagger
from kgtag.types import Product, Tagging

if TYPE_CHECKING:
    from api.service import Service

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """`text` is None for a line longer than MAX_BODY, of which nothing is kept."""

    number: int
    text: bytes | None


class Lines:
    """Chunks in, lines out; blank ones are passed over. Holds one unfinished line of at most MAX_BODY bytes."""

    def __init__(self) -> None:
        self._ready: deque[Line] = deque()
        self._open = bytearray()
        self._too_long = False
        self._number = 0

    def feed(self, chunk: bytes) -> None:
        first, *rest = chunk.split(b"\n")
        self._extend(first)
        for part in rest:
            self._close()
            self._extend(part)

    def finish(self) -> None:
        """No more chunks: what is left is a line."""
        if self._open or self._too_long:
            self._close()

    def take(self, most: int) -> list[Line]:
        return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]

    def _extend(self, part: bytes) -> None:
        if self._too_long or len(self._open) + len(part) > MAX_BODY:
            self._too_long = True
            self._open.clear()
        else:
            self._open += part

    def _close(self) -> None:
        self._number += 1
        text = None if self._too_long else bytes(self._open)
        if text is None or text.strip():
            self._ready.append(Line(self._number, text))
        self._open.clear()
        self._too_long = False


def tag_lines(service: Service, lines: list[Line], store: bool) -> bytes:
    """A line of NDJSON for each, in order. Never raises for what is wrong with a line."""
    tagger = service.current.tagger
    outcomes: list[Product | Problem] = [_product(line) for line in lines]
    products = [outcome for outcome in outcomes if isinstance(outcome, Product)]
    results = _attempt(tagger, products)
    if store:
        results = _store(service, products, results)
    tagged = iter(results)
    rows = []
    for line, outcome in zip(lines, outcomes, strict=True):
        result = outcome if isinstance(outcome, Problem) else next(tagged)
        if isinstance(result, Tagging):
            service.metrics.tagged(result)
            rows.append(orjson.dumps(result.to_dict()))
        else:
            service.metrics.failed()
            id = outcome.id if isinstance(outcome, Product) else _id(line)
            rows.append(orjson.dumps({"id": id, "error": result.document(), "revision": service.revision}))
    return b"\n".join(rows) + b"\n"


def _product(line: Line) -> Product | Problem:
    if line.text is None:
        return Problem(413, f"line {line.number} is longer than {MAX_BODY:,} bytes")
    try:
        body = parse(ProductBody, line.text, name=f"line {line.number}")
    except Problem as problem:
        return problem
    product = body.product()
    if "id" not in body.model_fields_set:
        return Product(str(line.number), product.title, product.text, product.category, product.lang)
    return product


def _attempt(tagger: Tagger | None, products: list[Product]) -> list[Tagging | Problem]:
    """When the line itself breaks, the products are tried one by one, so that only the one it broke on is lost."""
    if tagger is None:
        return [Problem(503, "no model fits the taxonomy any more") for _ in products]
    try:
        found = tagger.attempt(products)
        return [from_error(result) if isinstance(result, InputError) else result for result in found]
    except Exception:
        if len(products) <= 1:
            log.exception("tagging item %r failed", products[0].id if products else None)
            return [Problem(500, "something went wrong here; the server's log says what") for _ in products]
    return [result for product in products for result in _attempt(tagger, [product])]


def _store(service: Service, products: list[Product], results: list[Tagging | Problem]) -> list[Tagging | Problem]:
    """Rows are only acknowledged when they are kept."""
    kept = [r.to_item(p) for p, r in zip(products, results, strict=True) if isinstance(r, Tagging)]
    try:
        service.live.store.put_items(kept)
    except KgtagError as error:
        problem = from_error(error)
        return [problem if isinstance(result, Tagging) else result for result in results]
    return results


def _id(line: Line) -> str:
    """The id that a line which is no product says it has, else its number."""
    found: Any = None
    if line.text is not None:
        try:
            document = orjson.loads(line.text)
            found = document.get("id") if isinstance(document, dict) else None
        except orjson.JSONDecodeError:
            found = None
    plain = isinstance(found, str | int) and not isinstance(found, bool) and found != ""
    return str(found)[:300] if plain else str(line.number)
