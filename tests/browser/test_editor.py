"""Editors at work on the page: queues, keys that may not, what is taken back and taken out of use."""

from __future__ import annotations

import json
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from graph.model import ChangeSet, Concept, ItemTag, PutConcept, PutRelation, Relation, TaggedItem
from graph.proposals.workflow import Draft, Person, propose
from graph.sqlite.store import SqliteStore
from graph.taxonomy import Taxonomy
from tests.api import shop
from tests.browser.page import go
from tests.browser.test_own_page import signed_in


def _followed(page: Page, version: int) -> None:
    """Wait until the service serves this version of the store."""
    ask = "fetch('readyz').then((answer) => answer.json()).then((row) => row.version)"
    shop.until(lambda: bool(page.evaluate(ask) == version))


def _no_violations(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def _titles(store: SqliteStore) -> list[str]:
    return [one.title for one in store.proposals(status="open")]


def test_new_concepts_are_placed_by_number(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store, refused=("409",)) as page:
        page.fill("#titles", "teal sneakers\nred sneakers")
        page.get_by_role("button", name="Tag", exact=True).click()
        page.get_by_role("button", name="Put mentions without a concept into the queue").click()
        page.get_by_role("link", name="New concepts").click()
        expect(page.get_by_role("button", name="teal")).to_be_visible()
        page.get_by_label("Names of new concepts").fill("Trail running shoes\nSandals")
        page.get_by_role("button", name="Add to the queue").click()
        expect(page.locator(".queue li")).to_have_count(3)
        expect(page.locator(".choices li").first).to_contain_text("Colour › teal")
        page.get_by_label("Names of new concepts").blur()
        page.keyboard.press("1")
        expect(page.get_by_role("status").filter(has_text="Proposed as #1")).to_be_visible()
        expect(page.locator(".choices li").first).to_contain_text("› Trail running shoes")
        _no_violations(page)
        page.keyboard.press("1")
        expect(page.get_by_role("status").filter(has_text="Proposed as #2")).to_be_visible()
        expect(page.get_by_text("This name is known:")).to_be_visible()
        page.keyboard.press("0")
        expect(page.get_by_text("No new concept waits for a place")).to_be_visible()
    made = sqlite_store.proposals()
    assert [one.title for one in made] == [
        "create category 'Trail running shoes' (running.trail-running-shoes)",
        "create value 'teal' (colour.teal)",
    ]
    assert made[1].evidence == {"label": "teal", "title": "teal sneakers"}


def test_what_models_doubt_is_decided_by_number(browser: Browser, sqlite_store: SqliteStore, tmp_path: Path) -> None:
    """Findings as `kgtag audit --json` writes them, opened as a file."""
    common = {"severity": "warning"}
    parent = {
        "check": "implausible_broader", "concepts": ["running", "sneakers"],
        "message": "'Running shoes' under 'Sneakers' is implausible: 2 of 3 other parents fit better: 'Sandals'",
        "evidence": {"by": "labels", "better": ["sandals", "http://shop.test/boots"]}, **common,
    }  # fmt: skip
    tag = {
        "check": "implausible_tag", "concepts": ["red"], "item": "i1",
        "message": "'Red' on 'Blue trainers' (item i1) is implausible: 'Blue' fits better",
        "evidence": {"better": ["blue"], "probabilities": [0.9]}, **common,
    }  # fmt: skip
    gone = {**parent, "concepts": ["sandals", "sneakers"], "message": "'Sandals' under 'Sneakers' is implausible: x"}
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"findings": [parent, tag, gone, {**parent, "check": "orphan"}]}))
    with signed_in(browser, sqlite_store) as page:
        sqlite_store.put_items([TaggedItem("i1", "Blue trainers", "en", "m", "r", (ItemTag("red", 0.9, "exact"),))])
        go(page, "#/review?kind=findings")
        expect(page.get_by_text("This service has no embeddings")).to_be_visible()
        page.set_input_files("input[type=file]", report)
        expect(page.locator(".queue li")).to_have_count(3)
        expect(page.locator(".choices li").first).to_contain_text("Propose Sandals as its parent instead")
        _no_violations(page)
        page.keyboard.press("1")
        expect(page.get_by_role("status").filter(has_text="Proposed as #1")).to_be_visible()
        expect(page.get_by_role("heading", name="Red")).to_be_visible()
        expect(page.locator(".choices li").first).to_contain_text("Blue instead")
        page.keyboard.press("1")
        expect(page.get_by_role("status").filter(has_text="Now Blue.")).to_be_visible()
        expect(page.get_by_text("It stands elsewhere by now.")).to_be_visible()
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text("Nothing doubtful is left")).to_be_visible()
    assert _titles(sqlite_store) == ["move 'Running shoes' (running) below 'Sandals' (sandals)"]
    (item,) = sqlite_store.items()
    assert {tag.concept: tag.status for tag in item.tags} == {"red": "rejected", "blue": "accepted"}


def test_ones_own_proposal_is_withdrawn_and_the_same_is_not_proposed_twice(
    browser: Browser, sqlite_store: SqliteStore
) -> None:
    with signed_in(browser, sqlite_store, refused=("409",)) as page:
        go(page, "#/browse/sandals")
        for turn in range(2):
            page.get_by_role("button", name="Edit").click()
            page.get_by_label("Preferred label").first.fill("Slides")
            page.get_by_role("button", name="Propose instead").click()
            if not turn:
                expect(page.get_by_text("This is your own proposal")).to_be_visible()
                go(page, "#/browse/sandals")
        expect(page.get_by_role("alert").filter(has_text="proposal 1, by api:admin, is open")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        go(page, "#/review/1")
        expect(page.get_by_role("button", name="Accept")).to_have_count(0)
        expect(page.get_by_role("button", name="Reject")).to_have_count(0)
        page.keyboard.press("a")
        page.get_by_role("button", name="Withdraw").click()
        expect(page.get_by_role("status").filter(has_text="#1: withdrawn")).to_be_visible()
    (only,) = sqlite_store.proposals()
    assert only.status == "withdrawn"


def test_a_key_that_may_not_is_told_before_it_tries(browser: Browser, sqlite_store: SqliteStore) -> None:
    shop.fill(sqlite_store)
    propose(
        sqlite_store, Draft({"operation": "rename", "concept": "sandals", "pref_label": {"en": "A"}}), Person("bob")
    )
    with signed_in(browser, sqlite_store, filled=True, scope="read") as page:
        expect(page.get_by_text("This view needs a key with the scope “tag”")).to_be_visible()
        go(page, "#/browse/sandals")
        edit = page.get_by_role("button", name="Edit needs “edit”")
        expect(edit).to_have_attribute("aria-disabled", "true")
        edit.click(force=True)
        expect(page.get_by_label("Preferred label")).to_have_count(0)
        go(page, "#/review/1")
        accept = page.get_by_role("button", name="Accept needs “approve”")
        expect(accept).to_be_visible()
        _no_violations(page)
        page.keyboard.press("a")
        accept.click(force=True)
        page.wait_for_timeout(300)
        assert _titles(sqlite_store) == ["rename 'Sandals' (sandals) to 'A'"]


def test_a_key_that_only_proposes(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store, scope="propose") as page:
        go(page, "#/browse/sandals")
        page.get_by_role("button", name="Edit").click()
        page.get_by_label("Preferred label").first.fill("Slides")
        expect(page.get_by_role("button", name="Save needs “edit”")).to_be_visible()
        page.get_by_role("button", name="Propose instead").click()
        expect(page.get_by_text("This is your own proposal")).to_be_visible()


def test_a_verdict_is_taken_back(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        go(page, "#/try?title=red leather sneakers")
        red = page.locator(".tags li").filter(has_text="Red").first
        red.focus()
        page.keyboard.press("n")
        expect(page.locator(".note")).to_have_text("Wrong: Red")
        page.keyboard.press("y")
        expect(page.locator(".note")).to_have_text("Right: Red")
        assert [(one.concept, one.verdict) for one in sqlite_store.feedback()] == [("red", "right")]
        page.keyboard.press("y")
        expect(page.locator(".note")).to_have_text("Taken back: Red")
        page.keyboard.press("m")
        expect(page.locator("#missing")).to_be_focused()
        page.keyboard.type("sand")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Take back: Sandals").click()
        expect(page.locator(".note")).to_have_text("Taken back: Sandals")
        assert list(sqlite_store.feedback()) == []


def test_many_titles_are_sifted(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        page.fill("#titles", "red sneakers\nteal sneakers\nleather sneakers in red")
        page.get_by_role("button", name="Tag", exact=True).click()
        expect(page.locator("article")).to_have_count(3)
        page.get_by_role("button", name="Tag", exact=True).focus()
        for _ in range(2):
            page.keyboard.press("j")
        page.keyboard.press("y")
        expect(page.locator("article").nth(1).locator(".note")).to_contain_text("Right:")
        page.keyboard.press("y")
        expect(page.locator("article").nth(1).locator(".note")).to_contain_text("Taken back:")
        page.get_by_role("button", name="with mentions without a concept 1").click()
        expect(page.locator("article")).to_have_count(1)
        expect(page.locator(".title")).to_have_text("teal sneakers")
        page.get_by_role("button", name="all 3").click()
        page.get_by_label("With the tag").select_option(label="Red (2)")
        expect(page.locator("article")).to_have_count(2)
        expect(page.get_by_text("2 of 3 titles")).to_be_visible()
        page.locator("article").first.get_by_role("button", name="Right: Red").click()
        page.get_by_label("With the tag").select_option("")
        expect(page.locator("li.right")).to_have_count(1)
        _no_violations(page)


def test_a_concept_is_deprecated_and_merged_by_keyboard(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        go(page, "#/browse/crimson")
        page.get_by_role("button", name="Deprecate or merge").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_label("Deprecate it")).to_be_focused()
        _no_violations(page)
        page.get_by_role("combobox", name="Replaced by").focus()
        page.keyboard.type("blue")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Remove Blue")).to_be_visible()
        page.get_by_role("button", name="Deprecate", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Crimson value deprecated")).to_be_visible()
        go(page, "#/browse/sandals")
        page.get_by_role("button", name="Deprecate or merge").click()
        page.get_by_label("Merge it into another").check()
        page.get_by_role("combobox", name="Merge into").fill("sneak")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Remove Sneakers")).to_be_visible()
        page.get_by_label("Reason").fill("the same")
        page.get_by_role("button", name="Merge", exact=True).click()
        expect(page.get_by_role("heading", name="Sneakers")).to_be_visible()
        page.get_by_text("What changed it").click()
        expect(page.locator(".versions li").first).to_contain_text("the same")
        page.locator(".versions").get_by_role("link", name="Version 3").click()
        expect(page.get_by_role("heading", name="Version 3")).to_be_visible()
    now = Taxonomy.of(sqlite_store.read())
    assert now.resolve("crimson") == "blue" and now.resolve("sandals") == "sneakers"


def test_relations_and_notes_are_edited(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        go(page, "#/browse/sneakers")
        page.get_by_role("button", name="Edit").click()
        page.get_by_role("combobox", name="Add a related concept").fill("sand")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Remove Sandals")).to_be_visible()
        page.get_by_label("Labels for search only, one a line").first.fill("sneekers")
        page.get_by_label("Definition").first.fill("Shoes for sport.")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("search only: sneekers")).to_be_visible()
        expect(page.locator("dt").filter(has_text="Related")).to_be_visible()
    now = Taxonomy.of(sqlite_store.read())
    assert now.out("sneakers", "related") == ["sandals"] and now["sneakers"].definition == {"en": "Shoes for sport."}


def test_the_tree_by_arrow_keys(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        go(page, "#/browse")
        tree = page.get_by_role("tree", name="Categories")

        def at(name: str) -> None:
            expect(tree.get_by_role("treeitem", name=name, exact=True)).to_be_focused()

        expect(tree.locator("[tabindex='0']")).to_have_count(1)
        page.get_by_role("combobox", name="Find a concept").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        at("Shoes")
        page.keyboard.press("ArrowRight")
        expect(tree.get_by_role("treeitem", name="Shoes", exact=True)).to_have_attribute("aria-expanded", "true")
        expect(tree.get_by_role("treeitem", name="Boots")).to_be_visible()
        page.keyboard.press("ArrowRight")
        at("Boots")
        page.keyboard.press("ArrowDown")
        at("Sandals")
        page.keyboard.press("End")
        at("Sneakers")
        page.keyboard.press("b")
        at("Boots")
        page.keyboard.press("ArrowLeft")
        at("Shoes")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Boots category")).to_be_visible()
        at("Boots")
        page.keyboard.press("Home")
        at("Shoes")
        page.keyboard.press("ArrowLeft")
        expect(tree.get_by_role("treeitem")).to_have_count(1)


def test_what_was_closed_stays_closed_when_the_place_comes_late(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        go(page, "#/browse/sneakers")
        tree = page.get_by_role("tree", name="Categories")
        expect(tree.get_by_role("treeitem", name="Sneakers", selected=True)).to_be_visible()
        held: list[Route] = []
        page.route("**/v1/concepts/sandals?*", lambda route: held.append(route))
        tree.get_by_role("link", name="Sandals").click()
        page.wait_for_function("location.hash.endsWith('sandals')")
        tree.get_by_role("button", name="Close Shoes").click()
        expect(tree.get_by_role("treeitem")).to_have_count(1)
        for one in held:
            one.continue_()
        page.unroute("**/v1/concepts/sandals?*")
        expect(page.get_by_role("heading", name="Sandals category")).to_be_visible()
        page.wait_for_timeout(300)
        expect(tree.get_by_role("treeitem")).to_have_count(1)
        go(page, "#/browse/sneakers")
        expect(tree.get_by_role("treeitem", name="Sneakers", selected=True)).to_be_visible()


def test_the_editor_chooses_which_parent_goes(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store) as page:
        edge = Relation("broader", "running", "shoes")
        sqlite_store.apply(ChangeSet((PutRelation(edge),), "bob", "twice"))
        _followed(page, 2)
        go(page, "#/audit?check=redundant_broader")
        finding = page.locator(".findings li").filter(has_text="directly below")
        expect(finding).to_contain_text("Shoes › Sneakers › Running shoes", timeout=15_000)
        expect(page.get_by_text("Findings that can be repaired without a decision")).to_have_count(0)
        _no_violations(page)
        finding.get_by_role("button", name="Keep Shoes, propose to remove Sneakers").click()
        expect(finding.get_by_text("Proposed as #1")).to_be_visible()
    assert _titles(sqlite_store) == ["unrelate 'Running shoes' (running) broader 'Sneakers' (sneakers)"]


def test_in_chinese_the_service_speaks_chinese_as_well(browser: Browser, sqlite_store: SqliteStore) -> None:
    with signed_in(browser, sqlite_store, lang="zh-CN", refused=("422",)) as page:
        go(page, "#/try?title=red leather sneakers")
        expect(page.locator(".tags .why").filter(has_text="“red”与其名称一致")).to_be_visible()
        go(page, "#/browse/shoes")
        page.get_by_role("button", name="编辑").click()
        page.fill("#broader", "跑鞋")
        page.get_by_role("option", name="跑鞋").first.click()
        page.get_by_role("button", name="保存").click()
        told = page.get_by_role("alert").filter(has_text="此修改会破坏分类体系：上下位关系形成循环")
        expect(told).to_contain_text("broader than themselves")
        page.get_by_role("button", name="取消").click()
        sqlite_store.apply(ChangeSet((PutConcept(Concept("x", "shop", "category", {"en": "X"})),), "bob", "alone"))
        _followed(page, 2)
        go(page, "#/audit?check=orphan")
        expect(page.locator(".findings li").first).to_contain_text("类目既无上位也无下位。", timeout=15_000)
        expect(page.locator(".checks .chosen")).to_contain_text("孤立类目")
        _no_violations(page)
