"""The pictures of the service's own page in docs/images, taken of a finished demo.

python docs/page_screenshots.py demo-out
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import ViewportSize

from api.app import create_app
from graph.api_keys import create_key
from graph.stores import open_store
from kgtag.serve.settings import Settings
from tests.api import shop
from tests.browser.page import chromium

IMAGES = Path(__file__).parent / "images"
SIZE = ViewportSize(width=1280, height=860)
VIEWS = {
    "try": "#/try?title=Merino+wool+crew+neck+sweater%2C+navy%2C+women%27s",
    "browse": "#/browse/hiking-boots",
    "graph": "#/graph/hiking-boots",
    "ask": "#/ask?q=waterproof+hiking+boots+under+%24150+without+leather",
    "audit": "#/audit",
    "review": "#/review?kind=new",
}
NEW = [{"label": label, "lang": "en"} for label in ("Trail running shoes", "Snow boots", "Robot lawn mowers")]


def main(demo: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(shutil.copy(demo / "shop.db", folder))
        store = open_store(f"sqlite:///{copied}")
        store.migrate()
        _, key = create_key(store, name="pictures", scopes=["admin"])
        store.close()
        settings = Settings(store=f"sqlite:///{copied}", model=str(demo / "model"), embeddings=demo / "embeddings")
        with shop.serving(create_app(settings)) as base, chromium() as browser:
            page = browser.new_page(viewport=SIZE)
            page.goto(f"{base}/#key={key}")
            page.wait_for_selector("#titles")
            page.evaluate("rows => localStorage.setItem('kgtag-new', JSON.stringify(rows))", NEW)
            for name, view in VIEWS.items():
                page.goto(f"{base}/{view}")
                page.wait_for_timeout(3000)
                path = IMAGES / f"page-{name}.png"
                page.screenshot(path=path)
                print(f"{path}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
