"""The page at `/` of a real server, in headless Chromium: a key, a title, its tags."""

from __future__ import annotations

from playwright.sync_api import expect

from graph.sqlite.store import SqliteStore
from tests.api import shop
from tests.browser.page import chromium


def test_a_title_is_tagged(sqlite_store: SqliteStore) -> None:
    shop.fill(sqlite_store)
    keys = shop.keys(sqlite_store)
    with shop.shop_server(sqlite_store.url) as base, chromium() as browser:
        page = browser.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(base)
        page.fill("#title", "红色 running shoes in red leather 👟")
        page.press("#title", "Enter")
        expect(page.locator("#said")).to_have_text("Give an API key first.")
        page.fill("#key", keys["admin"])
        page.press("#title", "Enter")
        expect(page.locator("#tags button")).to_contain_text(["Red"])
        expect(page.locator("#text mark")).to_contain_text(["running shoes", "red"])
        page.locator("#tags button", has_text="Red").first.click()
        expect(page.locator("#of")).to_have_text("Around Red")
        expect(page.locator("#neighbours")).to_contain_text("Crimson")
        assert wrong == []
