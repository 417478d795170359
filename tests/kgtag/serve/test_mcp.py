"""The MCP server as a client of the official SDK sees it: a real process over stdio, and over HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from graph.sqlite.store import SqliteStore
from tests.api import shop
from tests.kgtag.running import run


@pytest.fixture
def store(sqlite_store: SqliteStore) -> SqliteStore:
    shop.fill(sqlite_store)
    return sqlite_store


def arguments(store: SqliteStore, *more: str) -> list[str]:
    return ["-m", "kgtag", "mcp", "--store", store.url, "--author", "robot", *more]


def test_the_tools_over_stdio(store: SqliteStore) -> None:
    async def talk() -> None:
        parameters = StdioServerParameters(command=sys.executable, args=arguments(store))
        async with Client(parameters, read_timeout_seconds=60) as client:
            await _use(client, store)

    anyio.run(talk)
    (proposal,) = store.proposals()
    assert (proposal.author, proposal.status) == ("robot", "open")


async def _use(client: Client, store: SqliteStore) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"tag", "search", "read_query", "neighbours", "concept", "propose"}
    for name, tool in tools.items():
        assert tool.description and tool.output_schema, name
        assert tool.annotations is not None and tool.annotations.read_only_hint == (name != "propose")
        assert all("description" in one for field, one in tool.input_schema["properties"].items() if field != "limit")

    async def call(name: str, **given: Any) -> Any:
        result = await client.call_tool(name, given)
        assert not result.is_error, result
        found = result.structured_content
        return found["result"] if found is not None and set(found) == {"result"} else found

    row = await call("tag", title="Red trainers, call 415-555-2671")
    assert {"red", "sneakers", "shoes"} <= {tag["concept"] for tag in row["tags"]}
    assert (await call("search", query="运动鞋"))[0]["id"] == "sneakers"
    assert await call("search", query="submarine") == []
    assert [one["kind"] for one in await call("search", query="red", kind="value")] == ["value"]
    assert (await call("read_query", query="red shoes"))["spans"]
    assert "running" in {one["concept"] for one in await call("neighbours", concept="sneakers")}
    assert [step["label"] for step in (await call("concept", concept="running", lang="zh"))["path"]][-1] == "跑鞋"
    operation = {"operation": "merge", "concept": "crimson", "into": "red"}
    made = await call("propose", operation=operation, reason="the same colour")
    assert made["status"] == "open" and made["id"] == 1
    for name, given, why in (
        ("concept", {"concept": "sneakerz"}, "(sneakers)?"),
        ("propose", {"operation": {"operation": "burn"}, "reason": "x"}, "no operation 'burn'"),
        ("tag", {"title": ""}, "the title is empty"),
    ):
        refused = await client.call_tool(name, given)
        assert refused.is_error and why in str(refused.content), refused
    store.apply(shop.more("kites", "Kites"))
    with anyio.fail_after(10):
        while not (found := await call("search", query="kites")):
            await anyio.sleep(0.1)
    assert found[0]["id"] == "kites"


def test_over_http(store: SqliteStore) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def talk() -> None:
        async with Client(f"http://127.0.0.1:{port}/mcp", read_timeout_seconds=60) as client:
            result = await client.call_tool("search", {"query": "red"})
            assert result.structured_content is not None

    with subprocess.Popen(
        [sys.executable, *arguments(store, "--port", str(port))], stderr=subprocess.DEVNULL
    ) as process:
        try:
            shop.until(lambda: _open(port), seconds=60)
            anyio.run(talk)
        finally:
            process.terminate()


def _open(port: int) -> bool:
    with socket.socket() as probe:
        time.sleep(0.1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_it_needs_is_named_when_it_is_missing() -> None:
    code = "import sys; sys.modules['mcp'] = None; sys.argv = ['kgtag', 'mcp']; from kgtag.cli import main; main()"
    ran = run(command=("-c", code))
    assert ran.code == 2 and "kgtag mcp needs the MCP SDK: pip install 'kgtag[mcp]'" in ran.stderr
