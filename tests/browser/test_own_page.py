"""The page at `/` of a real server, in headless Chromium, as its users click and type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from graph.model import ItemTag, TaggedItem
from graph.sqlite.store import SqliteStore
from tests.api import shop
from tests.browser.page import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@contextmanager
def signed_in(
    browser: Browser, store: SqliteStore, *, lang: str = "en-GB", filled: bool = False, refused: str = "nothing"
) -> Iterator[Page]:
    """A page with an admin's key; what the console complains of fails the test, but for requests that are `refused`.

    `filled`: the store has its shop.
    """
    if not filled:
        shop.fill(store)
    key = shop.keys(store)["admin"]
    with shop.shop_server(store.url) as base:
        context = browser.new_context(locale=lang)
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(base)
        page.fill("#key", key)
        page.press("#key", "Enter")
        page.wait_for_selector("#key", state="detached")
        yield page
        context.close()
        assert [one for one in wrong if refused not in one] == []


def test_a_wrong_key_is_told_and_a_right_one_lets_in(browser: Browser, sqlite_store: SqliteStore) -> None:
    shop.fill(sqlite_store)
    with shop.shop_server(sqlite_store.url) as base:
        page = browser.new_page()
        page.goto(base)
        page.fill("#key", "kgt_nobody")
        page.press("#key", "Enter")
        expect(page.locator("[role=alert]")).to_contain_text("key")
        page.close()


def test_titles_are_tagged_and_put_right(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        page.fill("#titles", "红色 running shoes in red leather 👟 teal")
        page.press("#titles", "Control+Enter")
        expect(page.locator(".title mark")).to_contain_text(["running shoes", "red", "leather", "teal"])
        expect(page.locator(".tags li").filter(has_text="Red").locator(".why").first).to_contain_text("label of it")
        assert "title=" in page.url
        red = page.locator(".tags li").filter(has_text="Red").first
        red.focus()
        page.keyboard.press("n")
        expect(page.locator(".note")).to_have_text("Wrong: Red")
        page.keyboard.press("m")
        page.fill("#missing", "sand")
        page.keyboard.press("Enter")
        expect(page.locator(".note")).to_have_text("Missing: Sandals")
        given = [(one.concept, one.verdict) for one in sqlite_store.feedback()]
        assert given == [("red", "wrong"), ("sandals", "missing")]
        page.get_by_role("button", name="Propose as a value").click()
        expect(page.get_by_role("status").filter(has_text="Proposed as #1")).to_be_visible()
        (proposal,) = sqlite_store.proposals()
        assert "teal" in proposal.title
        page.fill("#titles", "red sandals\nblue sneakers")
        page.get_by_role("button", name="Tag", exact=True).click()
        expect(page.locator("article")).to_have_count(2)
        page.go_back()
        expect(page.locator("article")).to_have_count(1)


def test_the_tree_the_search_and_a_concept(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        items = [TaggedItem("i1", "Red trainers", "en", "m", "r", (ItemTag("sneakers", 0.9, "exact"),))]
        sqlite_store.put_items(items)
        page.get_by_role("link", name="Browse").click()
        page.get_by_role("button", name="Open Shoes").click()
        page.get_by_role("link", name="Sneakers").click()
        expect(page.get_by_role("heading", name="Sneakers")).to_be_visible()
        expect(page.locator("td").filter(has_text="trainers")).to_be_visible()
        expect(page.get_by_role("link", name="Red trainers")).to_be_visible()
        page.fill("#search", "crims")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Crimson")).to_be_visible()
        expect(page.locator(".chosen")).to_have_text("Crimson")
        page.go_back()
        expect(page.get_by_role("heading", name="Sneakers")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Sneakers")).to_be_visible()


def test_it_speaks_chinese(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store, lang="zh-CN") as page:
        page.get_by_role("link", name="浏览").click()
        page.get_by_role("link", name="鞋").first.click()
        expect(page.get_by_role("heading", name="鞋 类目")).to_be_visible()
        page.get_by_role("button", name="English").click()
        expect(page.get_by_role("heading", name="Shoes category")).to_be_visible()
