"""Graph, Ask and History at `/` of a real server, in headless Chromium, as their users click and type."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from graph.model import ChangeSet, Concept, ItemTag, PutConcept, PutRelation, Relation, TaggedItem
from graph.sqlite.store import SqliteStore
from tests.api import shop
from tests.browser.page import go
from tests.browser.test_own_page import signed_in

_NODES = "document.querySelector('#graph')?._cyreg?.cy.nodes().length ?? 0"
_OVERLAPS = """() => {
  const cy = document.querySelector("#graph")._cyreg.cy;
  const shown = cy.nodes(".named").map((node) => node.boundingBox({includeNodes: false, includeOverlays: false}));
  let count = 0;
  for (const [n, a] of shown.entries()) for (const b of shown.slice(n + 1))
    if (a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2) count++;
  return [shown.length, count];
}"""


def _nodes(page: Page, count: int) -> None:
    _until(page, f"({_NODES}) === {count}")


def _until(page: Page, condition: str) -> None:
    """Until it holds in the page; `wait_for_function` evaluates text there, which the page's policy forbids."""
    deadline = time.monotonic() + 8
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, (condition, page.locator("main").inner_text()[:500])
        page.wait_for_timeout(30)


def _position(page: Page, id: str) -> dict[str, float]:
    """Of a node in the drawing, in its own coordinates."""
    found: dict[str, float] = page.evaluate("id => document.querySelector('#graph')._cyreg.cy.$id(id).position()", id)
    return found


def _point(page: Page, id: str) -> tuple[float, float]:
    """Where a node is on the screen, once the drawing stands still."""
    _until(page, "!document.querySelector('#graph')._cyreg.cy.animated()")
    page.locator("#graph").scroll_into_view_if_needed()
    box: Any = page.locator("#graph").bounding_box()
    at = page.evaluate("id => document.querySelector('#graph')._cyreg.cy.$id(id).renderedPosition()", id)
    return box["x"] + at["x"], box["y"] + at["y"]


def test_the_graph_is_drawn_explained_and_grows(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        page.get_by_role("link", name="Graph").click()
        page.get_by_role("link", name="Sneakers").click()
        _nodes(page, 7)
        expect(page.get_by_role("heading", name="Sneakers")).to_be_visible()
        page.mouse.click(*_point(page, "shoes"))
        expect(page.locator(".selected")).to_contain_text("Narrower Sneakers")
        expect(page.locator(".selected .why").first).to_have_text("asserted")
        before = _position(page, "running")
        page.mouse.dblclick(*_point(page, "colour"))
        _nodes(page, 10)
        assert _position(page, "running") == before
        assert "open=sneakers%0Acolour" in page.url
        page.reload()
        _nodes(page, 10)
        page.go_back()
        _nodes(page, 7)
        page.get_by_label("Relation").select_option("broader")
        _nodes(page, 3)
        page.get_by_label("Relation").select_option("")
        page.get_by_label("inferred").uncheck()
        _nodes(page, 4)
        page.locator(".nodes").get_by_role("button", name="Shoes", exact=True).click()
        page.locator(".selected").get_by_role("link", name="Browse").click()
        expect(page.get_by_role("heading", name="Shoes category")).to_be_visible()
        page.get_by_role("article").get_by_role("link", name="Graph").click()
        expect(page.locator("#graph")).to_be_visible()


def test_the_graph_by_keyboard(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        go(page, "#/graph/sneakers")
        _nodes(page, 7)
        page.focus("#graph")
        page.keyboard.press("ArrowUp")
        expect(page.locator(".selected")).to_contain_text("Shoes")
        page.keyboard.press("Enter")
        expect(page.locator(".nodes li").filter(has_text="expanded")).to_have_text(
            ["Shoes expanded", "Sneakers expanded"]
        )
        page.keyboard.press("Escape")
        expect(page.locator(".selected")).to_have_count(0)
        page.locator(".nodes").get_by_role("button", name="Sandals").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".nodes li").filter(has_text="Sandals")).to_contain_text("expanded")


def test_paths_between_two_concepts(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        go(page, "#/graph/leather")
        page.fill("#to", "crims")
        page.keyboard.press("Enter")
        way = page.locator(".ways li").first
        expect(way.get_by_role("link")).to_have_text(["Leather", "Material", "Sneakers", "Shoes", "Colour", "Crimson"])
        _nodes(page, 7)
        page.get_by_label("Relation").select_option("related")
        expect(page.locator(".ways, [role=status]").first).to_contain_text("No path")
        page.go_back()
        expect(page.locator(".ways")).to_be_visible()


def test_five_hundred_nodes_are_drawn_soon_and_labels_stay_apart(browser: Browser, sqlite_store: SqliteStore) -> None:
    changes: list[PutConcept | PutRelation] = []
    for n in range(3):
        changes.append(PutConcept(Concept(f"a{n}", "shop", "attribute", {"en": f"Attribute {n}"})))
        changes.append(PutRelation(Relation("applies_to", f"a{n}", "shoes")))
        for m in range(180):
            changes.append(PutConcept(Concept(f"a{n}.{m}", "shop", "value", {"en": f"Value number {m} of {n}"})))
            changes.append(PutRelation(Relation("value_of", f"a{n}.{m}", f"a{n}")))
    shop.fill(sqlite_store)
    sqlite_store.apply(ChangeSet(tuple(changes), "test", "many"))
    with signed_in(browser, sqlite_store, filled=True) as page:
        began = time.monotonic()
        go(page, "#/graph/shoes?most=200&open=shoes%0Aa0%0Aa1%0Aa2")
        _until(page, f"({_NODES}) > 500")
        _until(page, "document.querySelector('#graph')._cyreg.cy.nodes('.named').length > 20")
        assert time.monotonic() - began < 8
        named, overlaps = page.evaluate(_OVERLAPS)
        assert named > 20 and overlaps == 0


def test_a_query_is_read(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        page.get_by_role("link", name="Ask").click()
        page.fill("#query", "red sneakers not leather under 50")
        page.keyboard.press("Enter")
        expect(page.locator(".title mark")).to_have_text(["red", "sneakers", "leather", "under 50"])
        expect(page.locator(".title mark.negated")).to_have_text("leather")
        expect(page.locator(".results")).to_contain_text("at most 50")
        expect(page.locator("dl").filter(has_text="synonyms")).to_contain_text("trainers")
        page.get_by_text("Body for Elasticsearch").click()
        expect(page.locator("pre.code")).to_contain_text('"query"')
        page.get_by_role("link", name="Blue").click()
        expect(page.locator("#query")).to_have_value("red sneakers not leather under 50 Blue")
        page.go_back()
        expect(page.locator("#query")).to_have_value("red sneakers not leather under 50")


def test_recommendations_with_reasons(browser: Browser, sqlite_store: SqliteStore) -> None:
    tags = (ItemTag("sneakers", 0.9, "exact"), ItemTag("red", 0.9, "exact"))
    shop.fill(sqlite_store)
    sqlite_store.put_items([TaggedItem(f"i{n}", f"Red trainers {n}", "en", "m", "r", tags) for n in range(3)])
    with signed_in(browser, sqlite_store, filled=True, refused=("422",)) as page:
        go(page, "#/ask?mode=recommend")
        page.fill("#given", "sneak")
        page.keyboard.press("Enter")
        expect(page.locator(".chips")).to_contain_text("Sneakers")
        expect(page.locator("h2").filter(has_text="ms")).to_have_count(2)
        expect(page.get_by_role("link", name="Red trainers 0")).to_be_visible(timeout=20_000)
        expect(page.locator(".results").first).to_contain_text("on 3 of 3 items")
        expect(page.locator(".results").last).to_contain_text("same: sneakers")
        page.get_by_label("Item id").fill("i1")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Red trainers 1")).to_have_count(0)
        assert "item=i1" in page.url
        page.get_by_label("Item id").fill("nothing")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").filter(has_text="no item 'nothing'").first).to_be_visible()


@pytest.fixture
def edited(sqlite_store: SqliteStore) -> SqliteStore:
    """A store whose second version renamed the sandals."""
    shop.fill(sqlite_store)
    key = shop.keys(sqlite_store)["edit"]
    with shop.shop_server(sqlite_store.url) as base, httpx.Client(base_url=base, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        etag = client.get("/v1/concepts/sandals").headers["ETag"]
        body = {"pref_label": {"en": "Sliders", "zh": "凉鞋"}, "related": [], "reason": "as people say"}
        assert client.patch("/v1/concepts/sandals", json=body, headers={"If-Match": etag}).status_code == 200
    return sqlite_store


def test_a_version_is_read_and_undone(browser: Browser, edited: SqliteStore) -> None:
    with signed_in(browser, edited, filled=True, refused=("409",)) as page:
        page.get_by_role("link", name="History").click()
        expect(page.locator(".versions li")).to_have_count(2)
        expect(page.locator(".versions li").first).to_contain_text("as people say")
        page.get_by_role("link", name="Version 2").click()
        expect(page.locator(".diff del")).to_have_text("Sandals")
        expect(page.locator(".diff ins")).to_have_text("Sliders")
        expect(page.locator(".relations")).to_contain_text("removed")
        expect(page.get_by_text("items that have them: 0")).to_be_visible()
        page.get_by_role("button", name="Undo this version").click()
        page.get_by_label("Reason").fill("they do not")
        page.get_by_role("button", name="Undo it").click()
        expect(page.get_by_role("status")).to_contain_text("Version 2 is undone")
        page.get_by_role("link", name="See version 3").click()
        expect(page.get_by_role("heading", name="Version 3")).to_be_visible()
        expect(page.locator(".diff ins")).to_have_text("Sandals")
        go(page, "#/history/2")
        page.get_by_role("button", name="Undo this version").click()
        page.get_by_role("button", name="Undo it").click()
        expect(page.locator("dialog [role=alert]")).to_contain_text("undo that first")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("link", name="Sliders").first.click()
        expect(page.get_by_role("heading", name="Sandals category")).to_be_visible()


def test_in_chinese(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store, lang="zh-CN") as page:
        go(page, "#/graph/sneakers")
        expect(page.get_by_role("heading", name="运动鞋")).to_be_visible()
        go(page, "#/ask?q=红色 跑鞋")
        expect(page.locator(".title mark")).to_have_text(["红色", "跑鞋"])
        go(page, "#/history/1")
        expect(page.get_by_role("heading", name="版本 1")).to_be_visible()
