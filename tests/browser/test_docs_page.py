"""`/docs` in headless Chromium: Swagger UI lists every operation, and tries one, with nothing from elsewhere."""

from __future__ import annotations

from playwright.sync_api import expect

from graph.sqlite.store import SqliteStore
from tests.api import shop
from tests.api.test_description import OPERATIONS
from tests.browser.page import chromium


def test_operations_are_listed_and_tried(sqlite_store: SqliteStore) -> None:
    shop.fill(sqlite_store)
    keys = shop.keys(sqlite_store)
    with shop.shop_server(sqlite_store.url) as base, chromium() as browser:
        context = browser.new_context(http_credentials={"username": "me", "password": keys["read"]})
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(base) else None)
        page.goto(f"{base}/docs")
        expect(page.locator(".opblock")).to_have_count(len(OPERATIONS), timeout=30_000)
        one = page.locator("#operations-search-suggest")
        one.locator("button.opblock-summary-control").click()
        expect(one.locator(".responses-inner").first).to_contain_text('"query": "sho"')
        expect(one.locator(".responses-inner").first).to_contain_text("Unauthorized (unauthorized)")
        page.locator("button.authorize").first.click()
        page.fill("input[aria-label=auth-bearer-value]", keys["read"])
        page.locator(".auth-container", has=page.locator("input[aria-label=auth-bearer-value]")).locator(
            "button[type=submit]"
        ).click()
        page.locator("button.btn-done").first.click()
        one.locator("button.try-out__btn").click()
        one.locator("tr[data-param-name=q] input").fill("trai")
        one.locator("button.execute").click()
        expect(one.locator(".live-responses-table")).to_contain_text('"trainers"', timeout=30_000)
        assert wrong == []
