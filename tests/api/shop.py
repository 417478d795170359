"""A small bilingual shop, an extractor that knows a few words, and a real server around the app."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import httpx
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.protocol import server_options
from graph.api_keys import SCOPES, create_key
from graph.model import ChangeSet, Concept, PutConcept, PutRelation, Relation, RelationType
from graph.store import TaxonomyStore
from kgtag.enforce import EnforceSettings
from kgtag.serve.settings import Settings
from kgtag.tag.models import Models
from kgtag.types import Extraction, Extractor, Mention, Product, Span

WORDS = {"red": "Colour", "blue": "Colour", "红色": "Colour", "teal": "Colour", "leather": "Material"}


def _concept(id: str, kind: Any, en: str, zh: str, **more: Any) -> Concept:
    return Concept(id, "shop", kind, {"en": en, "zh": zh}, **more)


CONCEPTS = (
    _concept("shoes", "category", "Shoes", "鞋"),
    _concept("sneakers", "category", "Sneakers", "运动鞋", alt_label={"en": ("trainers",)}),
    _concept("running", "category", "Running shoes", "跑鞋"),
    _concept("sandals", "category", "Sandals", "凉鞋"),
    _concept("http://shop.test/boots", "category", "Boots", "靴子"),
    _concept("colour", "attribute", "Colour", "颜色", choice="single"),
    _concept("material", "attribute", "Material", "材质"),
    _concept("red", "value", "Red", "红色"),
    _concept("blue", "value", "Blue", "蓝色"),
    _concept("crimson", "value", "Crimson", "绯红"),
    _concept("leather", "value", "Leather", "皮革"),
)
EDGES: tuple[tuple[RelationType, str, str], ...] = (
    ("broader", "sneakers", "shoes"),
    ("broader", "running", "sneakers"),
    ("broader", "sandals", "shoes"),
    ("broader", "http://shop.test/boots", "shoes"),
    ("related", "running", "sandals"),
    ("applies_to", "colour", "shoes"),
    ("applies_to", "material", "sneakers"),
    ("value_of", "red", "colour"),
    ("value_of", "blue", "colour"),
    ("value_of", "crimson", "colour"),
    ("broader", "crimson", "red"),
    ("value_of", "leather", "material"),
)


def fill(store: TaxonomyStore) -> None:
    changes = [PutConcept(concept) for concept in CONCEPTS]
    edges = [PutRelation(Relation(type, source, target, primary=type == "broader")) for type, source, target in EDGES]
    store.apply(ChangeSet((*changes, *edges), "test", "fill"))


def more(id: str, label: str) -> ChangeSet:
    """One category more."""
    return ChangeSet((PutConcept(Concept(id, "shop", "category", {"en": label})),), "test", "more")


class WordExtractor(Extractor):
    """Finds the words it knows, takes everything for shoes; breaks on the title "crash", as no real one should."""

    version = "words-1"
    attributes = ("Colour", "Material")
    categories = ("Shoes", "Sneakers")
    concepts: ClassVar = {"Colour": "colour", "Material": "material", "Shoes": "shoes", "Sneakers": "sneakers"}

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        return [self._one(product.title) for product in products]

    def _one(self, title: str) -> Extraction:
        if title == "crash":
            raise RuntimeError("secret detail of a crash")
        found = [
            Mention(Span(m.start(), m.end()), m.group(), WORDS[m.group().lower()], 0.9)
            for m in re.finditer("|".join(WORDS), title, re.IGNORECASE)
        ]
        return Extraction(tuple(found), (("Sneakers", 0.9), ("Shoes", 0.08)))


def models() -> Models:
    return Models(WordExtractor(), None, None, EnforceSettings())


def keys(store: TaxonomyStore) -> dict[str, str]:
    return {scope: create_key(store, name=scope, scopes=[scope])[1] for scope in SCOPES}


def settings(url: str, **more: Any) -> Settings:
    return Settings(store=url, **{"poll_seconds": 0.1, "job_slots": 0, **more})


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The app under uvicorn on a free port; its base URL. Raises what starting raises."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        limits = {**server_options(app.state.service.settings), "log_config": None, "log_level": "critical"}
        config = uvicorn.Config(app, lifespan="on", **{**limits, "timeout_graceful_shutdown": 2})
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started or not thread.is_alive())
            if not server.started:
                raise RuntimeError("the app did not start")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def process(
    store: str,
    *options: str,
    workers: int = 1,
    seconds: float = 120,
    env: Mapping[str, str] | None = None,
    stdout: Any = subprocess.DEVNULL,
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`kgtag serve` as its users start it, without a model: its base URL, and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = ("--store", store, "--port", str(port), "--workers", str(workers), *options)
    command = [sys.executable, "-m", "api", "serve", *given]
    output = {"stdout": stdout, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, env={**os.environ, **(env or {})}, **output) as started:
        try:
            url = f"http://127.0.0.1:{port}"
            with client(url) as asking:
                until(lambda: _ready(asking), seconds=seconds)
            yield url, started
        finally:
            started.send_signal(signal.SIGINT)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def client(url: str, key: str | None = None) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as found:
        yield found


def app(url: str, *, with_model: bool = True, **more: Any) -> FastAPI:
    """The service in this process, which runs no jobs unless it is asked to."""
    empty = Models(None, None, None, EnforceSettings())
    return create_app(settings(url, **more), models=models() if with_model else empty)


@contextlib.contextmanager
def shop_server(url: str, *, with_model: bool = True) -> Iterator[str]:
    with serving(app(url, with_model=with_model)) as base:
        yield base


def until(condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def talk(base: str, key: str, lines: Iterator[bytes], heard: Callable[[str], None]) -> None:
    """A batch request over a bare socket: sends chunks as they come, and passes each answered line on as it comes."""
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            f"POST /v1/tag/batch HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
        )
        listener = threading.Thread(target=_listen, args=(connection, heard))
        listener.start()
        for line in lines:
            connection.sendall(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        listener.join(20)


def _listen(connection: socket.socket, heard: Callable[[str], None]) -> None:
    """Until the answer ends, or the connection of a service that stops."""
    with contextlib.suppress(ConnectionResetError), connection.makefile("rb") as answer:
        for line in answer:
            if line.startswith(b"{"):
                heard(line.decode())
