"""The style sheet, the saved queries and the guide in the real Neo4j Browser, as an editor drops and clicks them."""

from __future__ import annotations

from collections.abc import Iterator

import neo4j
import pytest
from playwright.sync_api import Browser, Locator, expect

from graph.neo4j import browser
from graph.neo4j.local.server import LocalServer
from graph.neo4j.store import Neo4jStore
from tests.api import shop
from tests.browser.page import BrowserPage, chromium


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def store(neo4j_server: LocalServer, neo4j_driver: neo4j.Driver) -> Iterator[Neo4jStore]:
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    store = Neo4jStore.open(neo4j_server.url)
    store.migrate()
    shop.fill(store)
    yield store
    store.close()


@pytest.fixture(scope="module")
def page(chrome: Browser, neo4j_server: LocalServer, store: Neo4jStore) -> BrowserPage:
    """Connected, with the files dropped on it."""
    found = BrowserPage(chrome.new_page(), neo4j_server)
    found.drop(browser.STYLE, browser.style().encode())
    found.page.wait_for_selector("[data-testid=frameCommand]:has-text(':style')")
    found.drop(browser.ARCHIVE, browser.archive())
    for folder in dict.fromkeys(query.folder for query in browser.queries()):
        found.open_folder(f"kgtag {folder}")
    return found


def captions(frame: Locator) -> set[str]:
    frame.locator("svg g.node").first.wait_for()
    return {" ".join(text.split()) for text in frame.locator("svg g.node").all_text_contents()}


def test_every_query_is_in_its_folder(page: BrowserPage) -> None:
    for query in browser.queries():
        expect(page.page.locator(f"[data-testid='scriptTitle-{query.title}']")).to_have_count(1)


def test_a_neighbourhood_with_captions_and_colours(page: BrowserPage) -> None:
    page.run(":param id => 'shoes'")
    frame = page.saved("Neighbourhood of a concept")
    assert captions(frame) == {"Shoes", "Sneakers", "Sandals", "Boots", "Colour"}
    fills = {
        " ".join((node.text_content() or "").split()): node.locator("circle.b-outline").get_attribute("fill")
        for node in frame.locator("svg g.node").all()
    }
    assert (fills["Shoes"], fills["Colour"]) == ("#8CC7E8", "#9AD6A4")
    types = {text.strip() for text in frame.locator("svg g.relationship").all_text_contents()}
    assert types == {"BROADER", "APPLIES_TO"}


def test_a_search_in_chinese(page: BrowserPage) -> None:
    page.run(":param text => '跑鞋'")
    frame = page.saved("Find a concept by label")
    assert "Running shoes" in captions(frame)


@pytest.mark.parametrize(
    ("title", "parameters", "expected"),
    [
        ("The attributes of a category", ":param id => 'running'", "Material"),
        ("Recent changes", None, "fill"),
        ("Concepts without items", None, "sandals"),
    ],
)
def test_tables(page: BrowserPage, title: str, parameters: str | None, expected: str) -> None:
    if parameters:
        page.run(parameters)
    expect(page.saved(title)).to_contain_text(expected)


def test_an_edit_by_template_counts(page: BrowserPage, store: Neo4jStore) -> None:
    page.run(":params {id: 'teal', name: 'Teal', lang: 'en', attribute: 'colour'}")
    page.saved("Create a value under an attribute")
    assert "teal" in {concept.id for concept in store.read().concepts}


def test_several_statements_and_a_mend_can_be_pasted(page: BrowserPage) -> None:
    """As `kgtag status` prints them: with comments, over lines, ending in a semicolon."""
    page.run("// a title\nMATCH (c:Concept {id: 'red'})\nSET c.status = 'active';")
    query = next(query for query in browser.queries() if query.title == "Counts")
    expect(page.run(query.text)).to_contain_text("Attribute")


def test_style_and_guide_from_the_service(page: BrowserPage, store: Neo4jStore) -> None:
    with shop.shop_server(store.url, with_model=False) as base:
        local = base.replace("127.0.0.1", "localhost")
        expect(page.run(f":style {local}/browser/{browser.STYLE}")).to_contain_text("node.Category")
        page.enter(f":guide {local}/browser/{browser.GUIDE}")
        guide = page.page.locator("text=The taxonomy in Neo4j Browser")
        guide.wait_for()
        page.page.click("[data-testid=guideNextSlide]")
        page.page.locator("[data-testid=guidesDrawer] pre.runnable").first.click()
        expect(page.page.locator("[data-testid=activeEditor]")).to_contain_text("param")
