"""The page beside Annif's own page and Label Studio, in the same headless Chromium: hands, seconds, bytes, axe.

    python benchmarks/page_beside.py DEMO --annif URL --label-studio URL

DEMO is a directory of `kgtag demo --out DEMO`. Annif runs with one TF-IDF project, trained on the labels of the demo's
concepts (`annif load-vocab`, `annif train`, `annif run`). Label Studio runs with the account me@example.org, password
secret123; the benchmark makes a project of twenty titles whose label is chosen in a Taxonomy of the demo's categories.

A click, a key, and a paste count one each; a word that is searched for counts its letters. For twenty titles kgtag's
tags are confirmed and Label Studio's labels chosen (five titles, times four): the one tags, the other asks. Seconds run
from the last of them to the answer on the screen, the median of five. Bytes are those of the first visit. Annif has no
list of concepts and takes no verdicts; Label Studio tags nothing by itself.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from common import arguments, machine, report, table
from playwright.sync_api import Browser, Locator, Page

from api.app import create_app
from graph.api_keys import create_key
from graph.stores import open_store
from kgtag.serve.settings import Settings
from tests.api import shop
from tests.browser.page import chromium

TITLE = "Trail running shoes for men, waterproof, red"
TITLES = [f"{colour} {thing}" for colour in ("Red", "Navy", "Green", "White") for thing in
          ("hiking boots", "merino wool sweater", "rain jacket", "backpack", "water bottle")]  # fmt: skip
ROUNDS = 5
RECEIVED = """['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type))
  .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
MAIL, PASSWORD = "me@example.org", "secret123"


class Hand:
    """Counts what a hand does, and keeps when it did the last of it."""

    def __init__(self, page: Page) -> None:
        self.page, self.count, self.at = page, 0, 0.0

    def _did(self, many: int = 1) -> None:
        self.count += many
        self.at = time.perf_counter()

    def click(self, target: Locator) -> None:
        target.click()
        self._did()

    def paste(self, text: str) -> None:
        self.page.keyboard.insert_text(text)
        self._did()

    def press(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            self.page.keyboard.press(key)
            self._did()

    def letters(self, word: str) -> None:
        self.page.keyboard.type(word)
        self._did(len(word))

    def until(self, answer: Locator) -> float:
        answer.wait_for(timeout=60_000)
        return time.perf_counter() - self.at


Task = Callable[[Page], tuple[int, float]]


def ours(base: str) -> dict[str, Task]:
    def tag(page: Page) -> tuple[int, float]:
        page.goto(f"{base}/#/browse")
        page.goto(f"{base}/#/try")
        hand = Hand(page)
        page.focus("#titles")
        hand.paste(TITLE)
        hand.press("Control+Enter")
        return hand.count, hand.until(page.locator(".tags li").first)

    def search(page: Page) -> tuple[int, float]:
        page.goto(f"{base}/#/try")
        page.goto(f"{base}/#/browse")
        hand = Hand(page)
        hand.click(page.locator("#search"))
        hand.letters("hikin")
        hand.press("Enter")
        return hand.count, hand.until(page.locator(".concept h1"))

    def annotate(page: Page) -> tuple[int, float]:
        page.goto(f"{base}/#/browse")
        page.goto(f"{base}/#/try")
        page.focus("#titles")
        hand = Hand(page)
        began = time.perf_counter()
        hand.paste("\n".join(TITLES))
        hand.press("Control+Enter")
        page.locator("article.card").nth(len(TITLES) - 1).wait_for()
        hand.press("Tab")
        for n in range(len(TITLES)):
            hand.press("j")
            hand.press("y")
            page.locator("article.card").nth(n).locator(".note:not(:empty)").wait_for()
        return hand.count, time.perf_counter() - began

    return {"tag": tag, "search": search, "annotate": annotate}


def annif(base: str) -> dict[str, Task]:
    def tag(page: Page) -> tuple[int, float]:
        page.goto(base)
        page.locator("#project option").first.wait_for(state="attached")
        hand = Hand(page)
        hand.click(page.locator("#text"))
        hand.paste(TITLE)
        hand.click(page.locator("#get-suggestions"))
        return hand.count, hand.until(page.locator("#results li, .list-group-item").first)

    return {"tag": tag}


def label_studio(base: str, categories: list[str], page: Page) -> dict[str, Task]:
    page.goto(f"{base}/user/login/")
    page.fill("input[name=email]", MAIL)
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")
    choices = "".join(f'<Choice value="{one.replace("&", "and")}"/>' for one in categories)
    config = f'<View><Text name="text" value="$text"/><Taxonomy name="tax" toName="text">{choices}</Taxonomy></View>'
    number = page.evaluate(
        """async ([label_config, tasks]) => {
          const headers = {"Content-Type": "application/json",
                           "X-CSRFToken": document.cookie.match(/csrftoken=([^;]+)/)?.[1] || ""};
          const send = (to, body) => fetch(to, {method: "POST", headers, body: JSON.stringify(body)});
          const made = await (await send("/api/projects", {title: "titles", label_config})).json();
          await send(`/api/projects/${made.id}/import`, tasks);
          return made.id;
        }""",
        [config, [{"text": title} for title in TITLES]],
    )
    board = f"{base}/projects/{number}/data?labeling=1"
    option = ".ant-select-tree-treenode:not([aria-hidden=true])"

    def choose(hand: Hand, word: str) -> None:
        hand.click(hand.page.locator(".ant-select").first)
        hand.page.locator("[data-testid=taxonomy-search]").first.wait_for()
        hand.page.locator("[data-testid=taxonomy-search]").first.focus()
        hand.letters(word)

    def search(page: Page) -> tuple[int, float]:
        page.goto(board)
        page.locator(".ant-select").first.wait_for(timeout=60_000)
        hand = Hand(page)
        choose(hand, "hikin")
        return hand.count, hand.until(page.locator(option).filter(has_text="Hiking").first)

    def annotate(page: Page) -> tuple[int, float]:
        page.goto(board)
        page.locator(".ant-select").first.wait_for(timeout=60_000)
        hand = Hand(page)
        began = time.perf_counter()
        for title in TITLES[:5]:
            page.get_by_text(title).first.wait_for(timeout=60_000)
            choose(hand, title.split()[-1][:5])
            hand.click(page.locator(f"{option} .ant-select-tree-checkbox").first)
            page.locator(".ant-select-selection-item").first.wait_for()
            hand.press("Escape")
            page.locator("[data-testid=taxonomy-search]").first.wait_for(state="hidden")
            hand.press("Control+Enter")
        page.get_by_text(TITLES[5]).first.wait_for(timeout=60_000)
        return hand.count * 4, (time.perf_counter() - began) * 4

    return {"search": search, "annotate": annotate}


def visit(browser: Browser, url: str, ready: str, state: Any = None) -> tuple[int, float, int]:
    """Bytes and seconds of a first visit, and axe's violations there."""
    context = browser.new_context(storage_state=state)
    page = context.new_page()
    began = time.perf_counter()
    page.goto(url)
    page.locator(ready).first.wait_for(timeout=60_000)
    seconds = time.perf_counter() - began
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(2_000)
    size = int(page.evaluate(RECEIVED))
    violations = Axe().run(page).violations_count
    context.close()
    return size, seconds, violations


def measure(tasks: dict[str, Task], page: Page) -> dict[str, tuple[int, float]]:
    found = {}
    for name, task in tasks.items():
        times = []
        for _ in range(ROUNDS if name != "annotate" else 1):
            count, seconds = task(page)
            times.append(seconds)
        found[name] = (count, statistics.median(times))
        print(name, found[name], flush=True)
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("demo", type=Path)
    parser.add_argument("--annif", metavar="URL")
    parser.add_argument("--label-studio", metavar="URL")
    options = parser.parse_args()
    about = machine()
    found: dict[str, dict[str, tuple[int, float]]] = {}
    visits: dict[str, tuple[int, float, int]] = {}
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        copied = Path(folder) / "shop.db"
        copied.write_bytes((options.demo / "shop.db").read_bytes())
        store = open_store(f"sqlite:///{copied}")
        store.migrate()
        _, key = create_key(store, name="benchmark", scopes=["admin"])
        categories = [one.label() for one in store.read().concepts if one.kind == "category"]
        store.close()
        settings = Settings(store=f"sqlite:///{copied}", model=str(options.demo / "model"), job_slots=0)
        with shop.serving(create_app(settings)) as base:
            visits["kgtag"] = visit(browser, f"{base}/#key={key}", "#titles")
            page = browser.new_page()
            page.goto(f"{base}/#key={key}")
            page.wait_for_selector("#titles")
            found["kgtag"] = measure(ours(base), page)
        if options.annif:
            visits["Annif"] = visit(browser, options.annif, "#get-suggestions")
            found["Annif"] = measure(annif(options.annif), browser.new_page())
        if options.label_studio:
            page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
            tasks = label_studio(options.label_studio, categories, page)
            state = page.context.storage_state()
            found["Label Studio"] = measure(tasks, page)
            visits["Label Studio"] = visit(
                browser,
                f"{options.label_studio}/projects/",
                ".lsf-projects-page, [class*=projects-page], a[href*='/projects/']",
                state,
            )
    rows = []
    for tool, tasks_of in found.items():
        size, seconds, violations = visits[tool]
        cells: list[object] = [tool, round(size / 1000), round(seconds, 2), violations]
        for name in ("tag", "search", "annotate"):
            cells += [tasks_of[name][0], round(tasks_of[name][1], 2)] if name in tasks_of else ["–", "–"]
        rows.append(cells)
    columns = ("page", "first visit, kB", "s", "axe violations", "one title: hands", "s", "find a concept: hands", "s",
               "20 titles: hands", "s")  # fmt: skip
    table("The page beside others", columns, rows, rivals=[tool for tool in found if tool != "kgtag"])
    report("page_beside", "titles made up", about, save=options.save, found=found, visits=visits)


if __name__ == "__main__":
    main()
