"""The pictures in docs/images, taken of the real Neo4j Browser on a real server that holds the sample taxonomy.

make screenshots
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import neo4j
from playwright.sync_api import ViewportSize

from graph.neo4j import browser
from graph.neo4j.local import server as local_neo4j
from graph.neo4j.local.server import LocalServer
from graph.neo4j.store import Neo4jStore
from kgtag.data import sample
from kgtag.data.importing import import_files
from tests.api import shop
from tests.browser.page import BrowserPage, chromium

IMAGES = Path(__file__).parent / "images"
SIZE = ViewportSize(width=1280, height=800)
MISTAKE = """
MATCH (sneakers:Concept {id: 'sneakers'})
CREATE (:Concept {id: 'clogs', name: 'Clogs', scheme: 'sample'})-[:BRODER]->(sneakers)
"""


def fill(server: LocalServer) -> None:
    store = Neo4jStore.open(server.url)
    store.migrate()
    import_files(store, "jsonl", [sample.TAXONOMY], scheme=sample.SCHEME, author="ann")
    store.close()


@contextmanager
def serving(store: str) -> Iterator[str]:
    with shop.shop_server(store, with_model=False) as base:
        yield base.replace("127.0.0.1", "localhost")


def take(page: BrowserPage, name: str) -> None:
    page.page.wait_for_timeout(4000)  # the graph comes to rest
    page.page.mouse.move(5, 790)
    path = IMAGES / f"{name}.png"
    page.page.screenshot(path=path)
    print(f"{path}: {path.stat().st_size // 1024} KiB")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        server = local_neo4j.up("screenshots", home=Path(home))
        try:
            fill(server)
            with chromium() as chrome, neo4j.GraphDatabase.driver(server.url) as driver:
                page = BrowserPage(chrome.new_page(viewport=SIZE), server)
                pictures(page, driver)
        finally:
            local_neo4j.down("screenshots", home=Path(home))


def pictures(page: BrowserPage, driver: neo4j.Driver) -> None:
    page.page.get_by_text("To help make Neo4j Browser better").locator("xpath=following-sibling::span").click()
    page.drop(browser.STYLE, browser.style().encode())
    page.page.wait_for_selector("[data-testid=frameCommand]:has-text(':style')")
    page.drop(browser.ARCHIVE, browser.archive())
    page.clear()
    page.open_folder("kgtag 1 Look")
    page.run(":param id => 'sneakers'")
    page.saved("The attributes of a category")
    take(page, "browser-queries")

    page.clear()
    page.run(":param id => 'footwear'")
    page.saved("Neighbourhood of a concept")
    page.close_drawer()
    take(page, "browser-neighbourhood")

    driver.execute_query(MISTAKE)
    page.clear()
    page.open_folder("kgtag 5 Quarantine")
    page.saved("Relations of unknown types")
    page.close_drawer()
    take(page, "browser-quarantine")

    page.clear()
    with serving(page.server.url) as base:
        page.enter(f":guide {base}/browser/{browser.GUIDE}")
        page.page.click("[data-testid=pagination-2]")
        page.page.locator("[data-testid=guidesDrawer] pre.runnable").first.click()
        take(page, "browser-guide")


if __name__ == "__main__":
    main()
