"""Models that are replaced while the service runs: swapped without a failed request, or refused."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from graph.model import ItemTag, TaggedItem
from graph.sqlite.store import SqliteStore
from kgtag.serve.assemble import open_models
from kgtag.train.recommender import train_recommender
from tests.api import shop


def _trained(folder: Path, pairs: str, out: Path) -> None:
    """A recommender of items i0 to i3, of users who chose `pairs`: "01 23" are two users of two items each."""
    file = folder / "chosen.tsv"
    users = [pair for pair in pairs.split() for _ in range(4)]
    file.write_text("".join(f"u{n}\ti{item}\n" for n, pair in enumerate(users) for item in pair))
    train_recommender([file], out=out)


@pytest.fixture
def items(shop_store: SqliteStore) -> SqliteStore:
    tags = (ItemTag("sneakers", 0.9, "predicted"),)
    shop_store.put_items([TaggedItem(f"i{n}", f"Sneaker {n}", None, "m", "r", tags) for n in range(4)])
    return shop_store


def test_a_new_recommender_is_swapped_in_under_load(items: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "recommender"
    _trained(tmp_path, "01 01 23", out)
    settings = shop.settings(items.url, recommender=out)
    app = create_app(settings, models=open_models(settings))  # as `kgtag serve` does
    codes: list[int] = []
    stop = threading.Event()
    with shop.serving(app) as url, shop.client(url, keys["read"]) as client:

        def best() -> str:
            found = client.get("/v1/recommend/items?item=i0&limit=1").json()["items"]
            return str(found[0]["item"])

        def ask() -> None:
            with httpx.Client(base_url=url, headers=client.headers, trust_env=False, timeout=30) as own:
                while not stop.is_set():
                    codes.append(own.get("/v1/recommend/items?item=i0").status_code)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            assert best() == "i1"
            _trained(tmp_path, "02 02 13", out)
            shop.until(lambda: best() == "i2")
            shutil.rmtree(out)
            assert best() == "i2"
            out.mkdir()
            (out / "manifest.json").write_text("{}")
            shop.until(lambda: app.state.service.model_error is not None)
            assert best() == "i2"
            ready = client.get("/readyz")
            assert ready.status_code == 200 and "recommender" in ready.json()["model_error"]
            shutil.rmtree(out)
            _trained(tmp_path, "03 03 12", out)
            shop.until(lambda: best() == "i3")
            assert app.state.service.model_error is None
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert len(codes) > 20 and set(codes) == {200}
