"""How long the page takes with a million concepts, in headless Chromium, from the click to the answer on the screen.

    python benchmarks/page_speed.py [--sizes 10000,1000000] [--keep DIR]

The taxonomy is made up: a tree eight wide and seven deep, one concept with a twentieth of all directly below it (50,000
of a million), a chain of thirty levels, and a hundred attributes. `kgtag serve` runs as a process of its own, without a
model. Each step is taken three times after the first, which is told apart; bytes are those of the step's answers.
`--keep` keeps the stores in a directory, and uses those that are there.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import arguments, machine, report, synthetic_taxonomy, table
from playwright.sync_api import Page, expect

from graph.api_keys import create_key
from graph.model import ChangeSet, Concept, PutConcept, PutRelation, Record, Relation
from graph.stores import open_store
from graph.taxonomy import Taxonomy
from tests.api.shop import process
from tests.browser.page import chromium

ROUNDS = 3
CHAIN = 30
_ROWS = 100_000
_PATIENCE = 60_000
"""Milliseconds that a step may take."""

RECEIVED = "performance.getEntriesByType('resource').reduce((sum, one) => sum + one.encodedBodySize, 0)"
"""Bytes of what the page has asked for since the timings were cleared."""

Step = Callable[[Page], None]


def fill(file: Path, concepts: int) -> str:
    """A store of so many concepts; a key that may do everything."""
    store = open_store(f"sqlite:///{file}")
    if file.stat().st_size < 100_000:
        store.migrate()
        crowd = concepts // 20
        data = synthetic_taxonomy(concepts - crowd - CHAIN - 1)
        extra = [Concept("hub", "made-up", "category", {"en": "Hub", "zh": "枢纽"})]
        edges = [Relation("broader", "hub", "c0", primary=True)]
        for i in range(crowd):
            extra.append(Concept(f"h{i}", "made-up", "category", {"en": f"Spoke {i:06}", "zh": f"辐条{i}"}))
            edges.append(Relation("broader", f"h{i}", "hub", primary=True))
        for i in range(CHAIN):
            extra.append(Concept(f"d{i}", "made-up", "category", {"en": f"Level {i:02}", "zh": f"层{i}"}))
            edges.append(Relation("broader", f"d{i}", f"d{i - 1}" if i else "c0", primary=True))
        for put, rows in ((PutConcept, (*data.concepts, *extra)), (PutRelation, (*data.relations, *edges))):
            for start in range(0, len(rows), _ROWS):
                part = ChangeSet(tuple(map(put, rows[start : start + _ROWS])), "benchmark", "fill")  # type: ignore[arg-type]
                store.apply(part, record=Record((), revision="filling"))
        revision = Taxonomy.of(store.read()).revision
        store.apply(ChangeSet((), "benchmark", "filled"), record=Record((), revision=revision))
    _, key = create_key(store, name="benchmark", scopes=["admin"])
    store.close()
    return key


def go(route: str) -> Step:
    def step(page: Page) -> None:
        page.evaluate("route => { location.hash = route; }", route)

    return step


def steps(concepts: int) -> dict[str, tuple[Step, Step, Step]]:
    """By name: what to do before, what is measured, and what waits for the answer."""
    nothing = go("#/try")

    def seen(text: str, of: str = "main") -> Step:
        return lambda page: expect(page.locator(of).get_by_text(text).first).to_be_visible(timeout=_PATIENCE)

    def heading(text: str) -> Step:
        return lambda page: expect(page.get_by_role("heading", name=text).first).to_be_visible(timeout=_PATIENCE)

    def item(name: str) -> Step:
        return lambda page: expect(page.get_by_role("treeitem", name=name, exact=True)).to_be_visible(timeout=_PATIENCE)

    def click(name: str) -> Step:
        return lambda page: page.get_by_role("button", name=name, exact=True).first.click()

    def reload(page: Page) -> None:
        page.reload()

    def opened(*names: str) -> Step:
        def step(page: Page) -> None:
            go("#/try")(page)
            go("#/browse")(page)
            for name in names:
                item(name)(page)
                click(f"Open {name}")(page)

        return step

    def search(text: str) -> Step:
        return lambda page: page.get_by_role("combobox", name="Find a concept").press_sequentially(text)

    def cleared(page: Page) -> None:
        go("#/browse")(page)
        page.get_by_role("combobox", name="Find a concept").fill("")

    def option(page: Page) -> None:
        expect(page.get_by_role("option").first).to_be_visible(timeout=_PATIENCE)

    def drawn(page: Page) -> None:
        expect(page.locator(".nodes button").first).to_be_visible(timeout=_PATIENCE)

    def top(page: Page) -> None:
        expect(page.get_by_role("treeitem").first).to_be_visible(timeout=_PATIENCE)

    def no_queue(page: Page) -> None:
        nothing(page)
        page.evaluate("localStorage.removeItem('kgtag-new')")
        go("#/review?kind=new")(page)

    def paste(page: Page) -> None:
        page.get_by_label("Names of new concepts").fill("Spoke wheels")
        click("Add to the queue")(page)

    def placed(page: Page) -> None:
        expect(page.locator(".choices .p").first).to_be_visible(timeout=_PATIENCE)

    def root(page: Page) -> None:
        page.get_by_role("tree", name="Categories").locator(".twist").first.click()

    def at_hub(page: Page) -> None:
        opened()(page)
        root(page)
        item("Hub")(page)

    leaf = f"c{concepts // 3}"
    return {
        "first view": (nothing, reload, seen("Tag titles")),
        "tree: the top": (nothing, go("#/browse"), top),
        "tree: a level of ten": (opened(), root, item("Hub")),
        "tree: the crowd's level": (at_hub, click("Open Hub"), item("Spoke 000000")),
        "search: 3 letters typed": (cleared, search("lam"), option),
        "search: a whole label typed": (cleared, search(f"spoke {concepts // 40:06}"), option),
        "concept: a leaf": (nothing, go(f"#/browse/{leaf}"), seen("Neighbours")),
        "concept: the crowd's parent": (nothing, go("#/browse/hub"), seen("Spoke 000000", ".concept")),
        "concept: thirty levels down": (nothing, go(f"#/browse/d{CHAIN - 1}"), item(f"Level {CHAIN - 1:02}")),
        "graph: a leaf": (nothing, go(f"#/graph/{leaf}"), drawn),
        "graph: the crowd's parent": (nothing, go("#/graph/hub"), drawn),
        "history": (nothing, go("#/history"), seen("filled")),
        "review": (nothing, go("#/review"), seen("Nothing waits")),
        "place: a new concept": (no_queue, paste, placed),
        "audit": (nothing, go("#/audit"), seen("findings")),
    }  # fmt: skip


def measure(page: Page, concepts: int) -> dict[str, Any]:
    page.set_default_timeout(_PATIENCE)
    found: dict[str, Any] = {}
    for name, (before, act, wait) in steps(concepts).items():
        times: list[float] = []
        for _ in range(1 + (ROUNDS if name != "audit" else 1)):
            before(page)
            page.wait_for_load_state("networkidle")
            page.evaluate("performance.clearResourceTimings()")
            began = time.perf_counter()
            try:
                act(page)
                wait(page)
            except AssertionError:
                break
            times.append((time.perf_counter() - began) * 1000)
        page.wait_for_load_state("networkidle")
        later = statistics.median(times[1:]) if len(times) > 1 else None
        found[name] = {"first": times[0] if times else None, "median": later, "bytes": page.evaluate(RECEIVED)}
        print(name, found[name], flush=True)
    return found


def _shown(ms: float | None) -> int | str:
    return round(ms) if ms is not None else f"over {_PATIENCE // 1000} s"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sizes", default="10000,1000000")
    parser.add_argument("--keep", type=Path)
    options: argparse.Namespace = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    found: dict[str, Any] = {}
    about = machine()
    with tempfile.TemporaryDirectory() as scratch:
        directory = options.keep or Path(scratch)
        for size in sizes:
            file = directory / f"page-{size}.db"
            file.touch()
            key = fill(file, size)
            began = time.perf_counter()
            with process(f"sqlite:///{file}", seconds=900) as (url, _), chromium() as browser:
                ready = time.perf_counter() - began
                page = browser.new_page()
                page.goto(f"{url}/#key={key}")
                page.wait_for_selector("#titles, .empty")
                found[str(size)] = {"ready_s": ready, "steps": measure(page, size)}
    for size in sizes:
        rows = [
            (name, _shown(one["first"]), _shown(one["median"]), round(one["bytes"] / 1000, 1))
            for name, one in found[str(size)]["steps"].items()
        ]
        table(
            f"The page with {size:,} concepts, from the click to the answer",
            ("step", "first, ms", "then, ms", "kB"),
            rows,
        )
    report("page_speed", "taxonomies made up", about, save=options.save, rounds=ROUNDS, sizes=found)


if __name__ == "__main__":
    main()
