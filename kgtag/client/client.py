"""The two clients: the same operations over the two transports of httpx."""

import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

import anyio
import httpx

from kgtag.client.call import RECONNECT_SECONDS, ApiError, Call, Chunks, Events, Seen, error_of
from kgtag.client.operations import Operations, Product, change_stream, job_stream, tag_chunk
from kgtag.rows.items import ItemChanged, TaxonomyChanged
from kgtag.rows.service import JobRow
from kgtag.rows.tagging import ErrorRow, TaggingRow

T = TypeVar("T")


def _options(url: str, key: str | None, timeout: float) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    return {"base_url": url, "headers": headers, "timeout": timeout}


class Client(Operations):
    """A client of one service. Safe to share between threads; close it, or use it as a context manager.

    Where several processes serve one store, no answer is older than one before: the client asks for the version of the
    taxonomy that it has seen.

    Args:
        url: Of the service, as `http://localhost:8000`.
        key: An API key, made by `kgtag keys create`.
        timeout: Seconds that a request waits for the service.
        retries: How often a call that changes nothing is sent again on 429 and 503, after its Retry-After.
        http: A client of httpx to send with, in place of one with the arguments before.

    Raises:
        ApiError: From every method, for a response that is not a success.
        httpx.TransportError: From every method, when there is no response.

    Example:
        >>> with Client("http://localhost:8000", key) as shop:  # doctest: +SKIP
        ...     [row["label"] for row in shop.neighbours("running")["neighbours"]]
        ['Sneakers', 'Sandals']
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 2,
        http: httpx.Client | None = None,
    ) -> None:
        self._http = http or httpx.Client(**_options(url, key, timeout))
        self._retries, self._seen = retries, Seen()

    def send(self, call: Call[T]) -> T:
        """Send a call, again where that is right, and return its row."""
        for _ in range(self._retries):
            response = self._once(call)
            seconds = call.retry_after(response)
            if seconds is None:
                return call.result(response)
            time.sleep(seconds)
        return call.result(self._once(call))

    def _once(self, call: Call[Any]) -> httpx.Response:
        return self._seen.note(self._http.send(call.request(self._http, self._seen)))

    def tag_batch(self, products: Iterable[Product], *, store: bool = False) -> Iterator[TaggingRow | ErrorRow]:
        """The tags of many products, in order, chunk by chunk; a product that fails gives a row with its error.

        Args:
            products: Titles, or rows of a product file; those without an id are numbered from 1.
            store: Keep the tags with the items in the store.
        """
        chunks = Chunks()
        for product in products:
            for chunk in chunks.add(product):
                yield from self.send(tag_chunk(chunk, store=store))
        for chunk in chunks.rest():
            yield from self.send(tag_chunk(chunk, store=store))

    def job_events(self, id: str) -> Iterator[JobRow]:
        """The job as it is now, then with every change, until it has ended; the last row has its end.

        A connection that breaks, or a service that starts again meanwhile, is waited for.
        """
        return self._follow(job_stream(id))

    def changes(
        self, *, since: str | None = None, type: Iterable[str] = (), follow: bool = True
    ) -> Iterator[TaxonomyChanged | ItemChanged]:
        """New versions of the taxonomy and changed items after a position, by default from now on, as they come.

        Keep the `position` of the last event to continue with. Without `follow` it ends with the last one so far.
        """
        return self._follow(change_stream(since, type, follow))

    def _follow(self, events: Events) -> Iterator[Any]:
        while not events.over:
            try:
                with self._http.stream("GET", events.path, **events.options) as response:
                    if not response.is_success:
                        response.read()
                        raise error_of(response)
                    for line in response.iter_lines():
                        yield from events.read(line)
                    events.ended()
            except (httpx.TransportError, ApiError) as error:
                events.failed(error)
            if not events.over:
                time.sleep(RECONNECT_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient(Operations):
    """The same for an event loop of asyncio or trio: every method is awaited.

    Example:
        >>> async with AsyncClient("http://localhost:8000", key) as shop:  # doctest: +SKIP
        ...     (await shop.tag("Red leather trainers"))["model"]
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 2,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._http = http or httpx.AsyncClient(**_options(url, key, timeout))
        self._retries, self._seen = retries, Seen()

    async def send(self, call: Call[T]) -> T:
        """Send a call, again where that is right, and return its row."""
        for _ in range(self._retries):
            response = await self._once(call)
            seconds = call.retry_after(response)
            if seconds is None:
                return call.result(response)
            await anyio.sleep(seconds)
        return call.result(await self._once(call))

    async def _once(self, call: Call[Any]) -> httpx.Response:
        return self._seen.note(await self._http.send(call.request(self._http, self._seen)))

    async def tag_batch(
        self, products: Iterable[Product] | AsyncIterable[Product], *, store: bool = False
    ) -> AsyncIterator[TaggingRow | ErrorRow]:
        """See `Client.tag_batch`."""
        chunks = Chunks()
        async for product in _each(products):
            for chunk in chunks.add(product):
                for row in await self.send(tag_chunk(chunk, store=store)):
                    yield row
        for chunk in chunks.rest():
            for row in await self.send(tag_chunk(chunk, store=store)):
                yield row

    def job_events(self, id: str) -> AsyncIterator[JobRow]:
        """See `Client.job_events`."""
        return self._follow(job_stream(id))

    def changes(
        self, *, since: str | None = None, type: Iterable[str] = (), follow: bool = True
    ) -> AsyncIterator[TaxonomyChanged | ItemChanged]:
        """See `Client.changes`."""
        return self._follow(change_stream(since, type, follow))

    async def _follow(self, events: Events) -> AsyncIterator[Any]:
        while not events.over:
            try:
                async with self._http.stream("GET", events.path, **events.options) as response:
                    if not response.is_success:
                        await response.aread()
                        raise error_of(response)
                    async for line in response.aiter_lines():
                        for row in events.read(line):
                            yield row
                    events.ended()
            except (httpx.TransportError, ApiError) as error:
                events.failed(error)
            if not events.over:
                await anyio.sleep(RECONNECT_SECONDS)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _each(products: Iterable[Product] | AsyncIterable[Product]) -> AsyncIterator[str | Mapping[str, Any]]:
    if isinstance(products, AsyncIterable):
        async for product in products:
            yield product
    else:
        for product in products:
            yield product
