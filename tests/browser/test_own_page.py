"""The page at `/` of a real server, in headless Chromium, as its users click and type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from graph.model import ChangeSet, Concept, ItemTag, PutConcept, TaggedItem
from graph.proposals.workflow import Draft, Person, propose
from graph.sqlite.store import SqliteStore
from tests.api import shop

BOB = Person("bob")
VIEWS = (
    "#/try?title=red+leather+sneakers",
    "#/browse/sneakers",
    "#/graph/sneakers",
    "#/review/1",
    "#/audit",
    "#/history/1",
    "#/ask?q=red+shoes+without+leather",
)


@contextmanager
def signed_in(
    browser: Browser,
    store: SqliteStore,
    *,
    lang: str = "en-GB",
    filled: bool = False,
    refused: tuple[str, ...] = (),
    scope: str = "admin",
) -> Iterator[Page]:
    """A page with a key of this scope; what the console complains of fails the test, but for answers with the codes of
    `refused`.

    `filled`: the store has its shop.
    """
    if not filled:
        shop.fill(store)
    key = shop.keys(store)[scope]
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
        assert [text for text in wrong if not any(f"status of {code}" in text for code in refused)] == []


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
        expect(page.locator("#missing")).to_be_focused()
        page.keyboard.type("sand")
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


def test_a_concept_is_edited_in_place_and_a_lost_race_told(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store, refused=("412", "422")) as page:
        page.goto(page.url.split("#")[0] + "#/browse/sandals")
        page.get_by_role("button", name="Edit").click()
        page.get_by_label("Preferred label").first.fill("Summer sandals")
        page.get_by_label("Reason").fill("clearer")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="Summer sandals")).to_be_visible()
        assert next(iter(sqlite_store.versions(limit=1))).reason == "clearer"
        page.get_by_role("button", name="Edit").click()
        other = Concept("sandals", "shop", "category", {"en": "Slides"})
        sqlite_store.apply(ChangeSet((PutConcept(other),), "bob", "meanwhile"))
        page.get_by_label("Preferred label").first.fill("Flip flops")
        page.get_by_label("Notation").fill("F1")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="Somebody was quicker")).to_be_focused()
        expect(page.locator(".race")).to_contain_text("by bob")
        ask = page.get_by_role("group", name="preferred label (en)")
        expect(ask.get_by_label("Theirs Slides")).not_to_be_checked()
        expect(page.get_by_role("group", name="notation").get_by_label("Yours F1")).to_be_checked()
        expect(page.get_by_role("group", name="preferred label (zh)").get_by_label("Theirs –")).to_be_checked()
        expect(page.get_by_role("button", name="Continue with these")).to_be_disabled()
        assert Axe().run(page).violations_count == 0
        ask.get_by_label("Theirs Slides").check()
        page.get_by_role("button", name="Continue with these").click()
        expect(page.get_by_label("Preferred label").first).to_have_value("Slides")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_label("Preferred label")).to_have_count(0)
        saved = next(one for one in sqlite_store.read().concepts if one.id == "sandals")
        assert (saved.pref_label, saved.notation) == ({"en": "Slides"}, "F1"), "theirs, with mine where mine was taken"
        page.goto(page.url.split("#")[0] + "#/browse/shoes")
        page.get_by_role("button", name="Edit").click()
        page.fill("#broader", "running")
        page.get_by_role("option", name="Running shoes").click()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert").filter(has_text="broader than themselves")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Add a narrower concept").click()
        page.get_by_label("A new concept below Shoes").fill("Clogs")
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_role("heading", name="Clogs")).to_be_visible()


def test_proposals_are_decided_one_after_the_other(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store, refused=("403",)) as page:
        for id in ("sandals", "running"):
            propose(sqlite_store, Draft({"operation": "rename", "concept": id, "pref_label": {"en": f"New {id}"}}), BOB)
        page.get_by_role("link", name="Review").click()
        expect(page.locator(".queue li")).to_have_count(2)
        page.keyboard.press("j")
        expect(page.get_by_role("heading", name="New running")).to_be_visible()
        expect(page.locator("ins").first).to_have_text("en: New running")
        page.keyboard.press("a")
        expect(page.get_by_role("heading", name="New sandals")).to_be_visible()
        page.get_by_label("Comment").fill("they stay sandals")
        page.get_by_role("button", name="Reject").click()
        expect(page.get_by_text("Nothing waits for a decision")).to_be_visible()
        statuses = {one.title.split("'")[1]: one.status for one in sqlite_store.proposals()}
        assert statuses == {"Running shoes": "accepted", "Sandals": "rejected"}


def test_an_audit_and_its_repairs(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        untidy = Concept("sandals", "shop", "category", {"en": " Sandals", "zh": "凉鞋"})
        sqlite_store.apply(ChangeSet((PutConcept(untidy),), "bob", "untidy"))
        page.get_by_role("link", name="Audit").click()
        expect(page.locator(".findings li").filter(has_text="stray spaces")).to_be_visible(timeout=15_000)
        page.locator(".checks a").filter(has_text="untidy label").click()
        expect(page.locator(".findings li")).to_have_count(1)
        page.get_by_text("Findings that can be repaired without a decision: 1").click()
        expect(page.locator("details").filter(has_text="stray spaces")).to_be_visible()
        page.get_by_role("button", name="Propose these repairs").click()
        expect(page.get_by_role("heading", name="Safe repairs of the audit")).to_be_visible()
        expect(page.locator("ins").first).to_have_text("en: Sandals")


def test_it_speaks_chinese(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store, lang="zh-CN") as page:
        page.get_by_role("link", name="浏览").click()
        page.get_by_role("link", name="鞋").first.click()
        expect(page.get_by_role("heading", name="鞋 类目")).to_be_visible()
        page.get_by_role("button", name="English").click()
        expect(page.get_by_role("heading", name="Shoes category")).to_be_visible()


def test_every_view_is_accessible(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        propose(sqlite_store, Draft({"operation": "rename", "concept": "sandals", "pref_label": {"en": "Slides"}}), BOB)
        base = page.url.split("#")[0]
        for view in VIEWS:
            page.goto(base + view)
            expect(page.locator("[aria-busy=true]")).to_have_count(0)
            page.wait_for_load_state("networkidle")
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                found = Axe().run(page)
                assert found.violations_count == 0, found.generate_report()


def test_the_link_of_the_demo_signs_in_and_leaves_no_key_in_the_address(
    browser: Browser, sqlite_store: SqliteStore
) -> None:
    shop.fill(sqlite_store)
    key = shop.keys(sqlite_store)["admin"]
    with shop.shop_server(sqlite_store.url) as base:
        page = browser.new_page()
        page.goto(f"{base}/#key={key}")
        expect(page.locator("#titles")).to_be_visible()
        assert key not in page.url
        page.close()


def test_what_is_not_saved_is_there_again_after_another_view_and_a_reload(
    browser: Browser, sqlite_store: SqliteStore
) -> None:
    with signed_in(browser, sqlite_store) as page:
        page.goto(page.url.split("#")[0] + "#/browse/sandals")
        page.get_by_role("button", name="Edit").click()
        expect(page.get_by_label("Preferred label").first).to_be_focused()
        page.get_by_label("Preferred label").first.fill("Slides")
        page.get_by_role("link", name="Audit").click()
        page.go_back()
        expect(page.get_by_label("Preferred label").first).to_have_value("Slides")
        page.reload()
        expect(page.get_by_label("Preferred label").first).to_have_value("Slides")
        page.get_by_role("button", name="Cancel").click()
        page.reload()
        expect(page.get_by_role("heading", name="Sandals")).to_be_visible()
        expect(page.get_by_label("Preferred label")).to_have_count(0)
        page.fill("#search", "凉鞋")  # a label of the other language
        expect(page.get_by_role("option").first).to_contain_text("凉鞋")
        page.fill("#search", "zzzzqq")
        expect(page.get_by_text("Nothing found.")).to_be_visible()


def test_tables_are_read_as_people_save_them(browser: Browser, sqlite_store: SqliteStore, tmp_path: Path) -> None:
    with signed_in(browser, sqlite_store) as page:
        files = {
            "semicolons.csv": ('sku;Produktname;price\n1;"Red; leather sneakers";3\n', ["Red; leather sneakers"]),
            "chinese.csv": ("编号,商品名称\n1,红色皮革运动鞋\n", ["红色皮革运动鞋"]),
            "plain.txt": ("Blue sandals\nRed sandals\n", ["Blue sandals", "Red sandals"]),
        }
        for name, (content, titles) in files.items():
            file = tmp_path / name
            file.write_bytes(content.encode("gb18030"))
            page.set_input_files("input[type=file]", file)
            expect(page.locator(".title")).to_have_text(titles)
        empty = tmp_path / "empty.csv"
        empty.write_text("")
        page.set_input_files("input[type=file]", empty)
        expect(page.get_by_role("alert").filter(has_text="no title")).to_be_visible()
