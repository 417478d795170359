"""Champion and challenger: products divided or shadowed, decisions without texts, a report, promotion under load."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from graph.errors import InputError
from graph.model import Feedback
from graph.sqlite.store import SqliteStore
from kgtag.artifacts import new_directory
from kgtag.client import Client
from kgtag.enforce import EnforceSettings
from kgtag.evaluation.challenger import report
from kgtag.serve.assemble import open_models
from kgtag.serve.promotion import exchange
from kgtag.tag.decisions import Decision, DecisionLog, choose, read_decisions, unit_hash
from kgtag.tag.models import Models
from kgtag.train.implicit import train_values
from kgtag.types import AnnotatedProduct, Extraction, Product
from tests.api import shop
from tests.kgtag.running import main

TITLE = "red leather sneakers"


class Worse(shop.WordExtractor):
    """Sees no material, and takes blue for red."""

    version = "worse-1"

    def _one(self, title: str) -> Extraction:
        if title.startswith("broken"):
            raise RuntimeError("the challenger breaks")
        found = super()._one(title)
        mentions = [replace(m, surface="red") for m in found.mentions if m.attribute == "Colour"]
        return replace(found, mentions=tuple(mentions))


@contextlib.contextmanager
def _trial(store: SqliteStore, folder: Path, **settings: Any) -> Iterator[str]:
    pair = replace(shop.models(), challenger=Models(Worse(), None, None, EnforceSettings()))
    given = shop.settings(store.url, decisions=folder / "decisions", **settings)
    with shop.serving(create_app(given, models=pair)) as url:
        yield url


def _decisions(folder: Path) -> list[Decision]:
    return list(read_decisions(folder / "decisions"))


def _metric(client: httpx.Client, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found is not None else 0.0


def test_products_are_divided_by_their_ids(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    with _trial(shop_store, tmp_path, challenger_share=0.3) as url, shop.client(url, keys["admin"]) as client:
        lines = "".join(json.dumps({"id": f"sku-{n}", "title": TITLE}) + "\n" for n in range(400))
        rows = [json.loads(line) for line in client.post("/v1/tag/batch", content=lines).text.splitlines()]
        assert [row["id"] for row in rows] == [f"sku-{n}" for n in range(400)]
        drawn = {row["id"] for row in rows if row["model"] == "worse-1"}
        assert drawn == {f"sku-{n}" for n in range(400) if choose(f"sku-{n}", "worse-1", 0.3)} and 80 < len(drawn) < 160
        again = client.post("/v1/tag", json={"id": "sku-7", "title": "blue sandals"}).json()
        assert (again["model"] == "worse-1") == ("sku-7" in drawn)
        titles = {client.post("/v1/tag", json={"title": f"red shoe {n}"}).json()["model"] for n in range(40)}
        assert titles == {"words-1", "worse-1"}, "without an id, by the title"
        assert _metric(client, 'kgtag_trial_products_total{arm="challenger",outcome="tagged"}') >= len(drawn)
        assert _metric(client, 'kgtag_model_info{arm="challenger",version="worse-1"}') == 1
    found = _decisions(tmp_path)
    assert len(found) == 441 and {one.served for one in found} == {"champion", "challenger"}
    assert all(set(one.tags) == {one.served} for one in found)


def test_decisions_hold_no_texts_and_no_ids(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    with _trial(shop_store, tmp_path) as url, shop.client(url, keys["tag"]) as client:
        client.post("/v1/tag", json={"id": "anna@example.com", "title": f"{TITLE}, 微信 anna_88"})
        client.post("/v1/tag", json={"title": f"{TITLE}, 微信 anna_88"})
    text = b"".join(path.read_bytes() for path in (tmp_path / "decisions").glob("*.jsonl")).decode()
    assert text.count("\n") == 2 and not any(word in text for word in ("anna", "sneakers,", "微信", "leather s"))


def test_a_challenger_that_breaks_costs_nothing(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    with _trial(shop_store, tmp_path, challenger_share=0.9) as url, shop.client(url, keys["admin"]) as client:
        answers = [client.post("/v1/tag", json={"title": f"broken red shoe {n}"}) for n in range(20)]
        assert {one.status_code for one in answers} == {200} and {one.json()["model"] for one in answers} == {"words-1"}
        assert _metric(client, 'kgtag_trial_products_total{arm="challenger",outcome="failed"}') > 0


def test_the_shadow_is_seen_by_nobody(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    with (
        _trial(shop_store, tmp_path, challenge="shadow", challenger_share=0.9) as url,
        shop.client(url, keys["admin"]) as client,
    ):
        rows = [client.post("/v1/tag", json={"id": f"s{n}", "title": TITLE}).json() for n in range(40)]
        assert {row["model"] for row in rows} == {"words-1"}
        shop.until(lambda: len(_decisions(tmp_path)) >= 30)
        wrong = {"product": {"id": "s0", "title": TITLE}, "concept": "leather", "verdict": "wrong"}
        client.post("/v1/feedback", json={**wrong, "product": {"id": _decided("s0", 0.9), "title": TITLE}})
        answer = client.get("/v1/challenger").json()
        with Client(url, keys["admin"]) as library:
            assert library.challenger()["shadow"] == answer["shadow"]
        assert _metric(client, 'kgtag_trial_shadow_total{result="different"}') >= 30
    shadow = answer["shadow"]
    assert answer["split"] is None and shadow["agreement"] == 0.0 and shadow["wrong_dropped"] == 1
    rows = {row["attribute"]: row for row in shadow["by_attribute"]}
    assert rows["material"]["only_champion"] == shadow["products"] and rows["colour"]["same"] == shadow["products"]
    assert answer["speed"]["challenger"]["median_ms"] > 0


def _decided(first: str, share: float) -> str:
    return next(id for id in (first, *(f"s{n}" for n in range(40))) if choose(id, "worse-1", share))


def test_the_worse_model_is_found_by_feedback(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    """Reviewers look at the colour alone: blue is right where the champion tagged, red is wrong."""
    with _trial(shop_store, tmp_path, challenger_share=0.5) as url, shop.client(url, keys["admin"]) as client:
        assert client.get("/v1/challenger").status_code == 404
        for n in range(60):
            product = {"id": f"sku-{n}", "title": "blue sneakers"}
            row = client.post("/v1/tag", json=product).json()
            (colour,) = [tag["concept"] for tag in row["tags"] if tag.get("attribute") == "colour"]
            verdict = "right" if colour == "blue" else "wrong"
            given = {"product": product, "concept": colour, "verdict": verdict}
            assert client.post("/v1/feedback", json=given).status_code == 201
        split = client.get("/v1/challenger").json()["split"]
        assert client.get("/v1/challenger?alpha=0").status_code == 422
    assert split["better"] == "champion" and split["p"] < 0.01 and 0 < split["certain_after"] < 60
    assert split["challenger"]["share_right"] == 0.0 and split["champion"]["share_right"] == 1.0
    told = main("challenger", "report", "--store", shop_store.url, "--decisions", tmp_path / "decisions")
    assert told.code == 0 and "The champion is better: 100.0% of the" in told.stdout and "is certain" in told.stdout
    ran = main("challenger", "report", "--store", shop_store.url, "--decisions", tmp_path / "decisions", "--json")
    assert ran.json["split"] == split
    nothing = main("challenger", "report", "--store", shop_store.url)
    assert nothing.code == 2 and "serve with --challenger DIR" in nothing.stderr


def test_only_admins_compare(reader: httpx.Client, admin: httpx.Client) -> None:
    assert reader.get("/v1/challenger").status_code == 403
    assert "no challenger" in admin.get("/v1/challenger").json()["detail"]


def _decision(at: int, unit: str, tags: Sequence[str], **more: Any) -> Decision:
    models: Any = {"champion": "a", "challenger": "b"}
    given: Any = {"mode": "split", "served": "champion", "share": 0.5, "models": models, "alone": True} | more
    return Decision(
        f"2026-01-01T00:00:{at:02}.000000+00:00", unit, tags={given["served"]: {"": list(tags)}}, ms={}, **given
    )


def _feedback(at: int, item: str, concept: str, verdict: Any) -> Feedback:
    return Feedback(f"20260101T0000{at:02}.0-x", f"2026-01-01T00:00:{at:02}Z", "ann", concept, verdict, item)


def test_verdicts_count_on_what_was_shown() -> None:
    decisions = [
        _decision(1, "one", ["red"]),
        _decision(5, "one", ["blue"]),
        _decision(2, "two", ["red"], served="challenger"),
        _decision(2, "old", ["red"], models={"champion": "x", "challenger": "a"}),
    ]
    given = [
        _feedback(0, "one", "red", "right"),  # before it was tagged
        _feedback(3, "one", "red", "wrong"),
        _feedback(4, "one", "red", "right"),  # the latest counts
        _feedback(6, "one", "red", "wrong"),  # not shown any more
        _feedback(6, "one", "green", "missing"),
        _feedback(6, "one", "blue", "missing"),  # it was there
        _feedback(6, "two", "red", "wrong"),
        _feedback(6, "three", "red", "wrong"),
    ]
    found = report(decisions[3:] + decisions[:3], given, lambda key: key)
    assert found is not None and found["of_other_models"] == 1 and found["decisions"] == 3
    assert found["split"] is not None
    champion, challenger = found["split"]["champion"], found["split"]["challenger"]
    assert (champion["reviewed"], champion["right"], champion["wrong"], champion["missing"]) == (1, 1, 0, 1)
    assert (challenger["right"], challenger["wrong"]) == (0, 1)
    assert report([], given, lambda key: key) is None


def test_decisions_are_bounded(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, most=20_000)
    for n in range(400):
        log.write([_decision(n % 60, f"{n}", ["red"])])
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.glob("*.jsonl")) <= 20_000
    kept = [one.unit for one in read_decisions(tmp_path)]
    assert kept[-1] == "399" and len(kept) > 40
    with next(iter(tmp_path.glob("*.jsonl"))).open("ab") as torn:
        torn.write(b'{"at": "2026')
    assert len(list(read_decisions(tmp_path))) == len(kept)
    assert unit_hash(tmp_path)("a") == unit_hash(tmp_path)("a") == log.unit("a")
    with pytest.raises(InputError, match="can't keep decisions"):
        unit_hash(next(iter(tmp_path.glob("*.jsonl"))))


def _train(out: Path, value: str) -> Path:
    """A model that takes every trainer for one colour."""
    goods = ("trainer", "runner", "court shoe", "slip-on")
    rows = [
        AnnotatedProduct(
            Product(str(n), f"{goods[n % 4]} no. {n}", category="Sneakers" if n % 2 else "Sandals"),
            {"Colour": (value,) if n % 2 else ("Leather",)},
        )
        for n in range(80)
    ]
    with new_directory(out) as fresh:
        assert train_values(rows, out=fresh / "multilabel") is not None
    return out


def test_promotion_and_rollback_under_load(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    model, other = _train(tmp_path / "model", "Red"), _train(tmp_path / "next", "Blue")
    settings = shop.settings(shop_store.url, model=str(model), challenger=str(other), decisions=tmp_path / "decisions")
    app = create_app(settings, models=open_models(settings))  # as `kgtag serve` does
    options = (
        "--model",
        model,
        "--challenger",
        other,
        "--store",
        shop_store.url,
        "--decisions",
        tmp_path / "decisions",
    )
    codes, seen = list[int](), list[str]()
    stop = threading.Event()
    with shop.serving(app) as url, shop.client(url, keys["tag"]) as client:
        versions = (client.get("/readyz").json()["model"], app.state.service.current.challenger.version)
        assert None not in versions and versions[0] != versions[1]

        def ask() -> None:
            with httpx.Client(base_url=url, headers=client.headers, trust_env=False, timeout=30) as own:
                for n in range(1 << 30):
                    if stop.is_set():
                        return
                    answer = own.post("/v1/tag", json={"id": f"{n}", "title": f"trainer no. {n}"})
                    codes.append(answer.status_code)
                    seen.append(answer.json().get("model", ""))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            refused = main("challenger", "rollback", *options)
            assert refused.code == 2 and "nothing to roll back" in refused.stderr
            made = main("challenger", "promote", *options, "--json")
            assert made.code == 0 and (made.json["champion"], made.json["challenger"]) == versions[::-1], made.stderr
            shop.until(lambda: client.get("/readyz").json()["model"] == versions[1])
            assert app.state.service.current.challenger.version == versions[0]
            back = main("challenger", "rollback", *options)
            assert back.code == 0 and "rollback" in back.stderr
            shop.until(lambda: client.get("/readyz").json()["model"] == versions[0])
            twice = main("challenger", "rollback", *options)
            assert twice.code == 2
            time.sleep(0.2)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert len(codes) > 20 and set(codes) == {200} and set(seen) == set(versions)


def test_what_cannot_be_promoted(shop_store: SqliteStore, tmp_path: Path) -> None:
    model = _train(tmp_path / "model", "Red")
    given = ("challenger", "promote", "--store", shop_store.url, "--model", model, "--challenger")
    for other, why in ((tmp_path / "nothing", "not a directory"), (model, "the same model"), (tmp_path, "model")):
        ran = main(*given, other)
        assert ran.code == 2 and why in ran.stderr and "Traceback" not in ran.stderr


def test_links_are_exchanged_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v2").mkdir()
    (tmp_path / "a").symlink_to("v1")
    (tmp_path / "b").symlink_to("v2")
    exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").readlink() == Path("v2") and (tmp_path / "b").readlink() == Path("v1")
    with pytest.raises(OSError):
        exchange(tmp_path / "a", tmp_path / "nowhere")
    assert (tmp_path / "a").readlink() == Path("v2")
