"""Neo4j Browser as its users have it: the real page of a real server, in headless Chromium."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from graph.neo4j.local.server import LocalServer

_DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
  const target = document.querySelector("[data-testid=main]");
  for (const kind of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));
}"""

_ANSWERED = """count => {
  const frames = document.querySelectorAll("[data-testid=frame]");
  if (frames.length <= count) return false;
  const status = frames[0].querySelector("[data-testid=frameStatusbar]");
  return frames[0].querySelector("svg g.node, [data-testid=styleResetButton]") || (status && status.innerText.trim());
}"""
"""Whether the newest of more than `count` frames shows a graph, a style, or says how it went."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's own. Raises RuntimeError, with the way out, when there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise RuntimeError("no Chromium on the PATH; install it (Debian, Ubuntu: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


class BrowserPage:
    """One page, connected without a password."""

    def __init__(self, page: Page, server: LocalServer) -> None:
        self.page = page
        self.server = server
        page.set_default_timeout(90_000)
        page.goto(f"{server.http}?dbms={server.url}&preselectAuthMethod=[NO_AUTH]")
        page.click("[data-testid=connect]")
        page.wait_for_selector("[data-testid=frameCommand]:has-text(':play start')")

    def drop(self, name: str, content: bytes) -> None:
        """Drop a file on the page."""
        self.page.evaluate(_DROP, [name, base64.b64encode(content).decode()])

    def run(self, text: str) -> Locator:
        """`enter`, and the frame it makes."""
        before = self._frames()
        self.enter(text)
        return self._fresh(before)

    def enter(self, text: str) -> None:
        """Type it into the editor and run it."""
        self.page.click("[data-testid=activeEditor] .monaco-editor")
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Control+Enter")

    def open_folder(self, name: str) -> None:
        """A folder of saved queries, and the drawer when it is shut."""
        if not self.page.locator("[data-testid=createNewFavorite]").is_visible():
            self.page.click("[data-testid=navigationFavorites]")
        self.page.click(f"[data-testid='expandFolder-{name}']")

    def close_drawer(self) -> None:
        self.page.click("[data-testid=navigationFavorites]")
        self.page.locator("[data-testid=createNewFavorite]").wait_for(state="hidden")

    def saved(self, title: str) -> Locator:
        """Run a saved query of an open folder; the frame it makes."""
        before = self._frames()
        line = self.page.locator(f"[data-testid=savedScriptListItem]:has([data-testid='scriptTitle-{title}'])")
        line.locator("[data-testid=savedScriptsButton-Run]").click()
        return self._fresh(before)

    def clear(self) -> None:
        """Close every frame."""
        self.enter(":clear")
        self.page.wait_for_function("document.querySelectorAll('[data-testid=frame]').length === 0")

    def _frames(self) -> int:
        """How many there are; room is made for more, as Browser drops the oldest of fifteen."""
        found = self.page.locator("[data-testid=frame]").count()
        if found < 10:
            return found
        self.clear()
        return 0

    def _fresh(self, before: int) -> Locator:
        """The newest frame, once its answer is there. Raises AssertionError when that is an error."""
        self.page.wait_for_function(_ANSWERED, arg=before)
        frame = self.page.locator("[data-testid=frame]").first
        said = frame.inner_text()
        assert "ERROR" not in said and "Neo.ClientError" not in said, said
        return frame


def go(page: Page, route: str) -> None:
    """To another view of kgtag's own page."""
    page.evaluate("route => { location.hash = route; }", route)
