"""Stored items tagged again after an edit: as many as it needs, with the tags that tagging them all would give."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from graph.editing import Signature, edit, plan
from graph.model import ItemTag, TaggedItem
from graph.sources import snapshot_named
from graph.sqlite.store import SqliteStore
from graph.stores import load_taxonomy
from kgtag.data import read_products, sample
from kgtag.data.importing import import_files
from kgtag.tag.models import Models, assemble_tagger
from kgtag.tag.retag import RetagReport, retag
from kgtag.tag.tagger import Tagger
from kgtag.types import Product
from tests.kgtag.running import main as run

EDITS: dict[str, Mapping[str, Any]] = {
    "a new label": {"operation": "set", "concept": "backpacks", "alt_label": {"en": ["commuter", "rucksack"]}},
    "a new value": {
        "operation": "create", "concept": "color.mushroom", "kind": "value", "scheme": "sample", "value_of": ["color"],
        "pref_label": {"en": "Mushroom", "zh": "蘑菇色"},
    },
    "another parent": {"operation": "move", "concept": "backpacks", "broader": ["apparel"]},
    "a merge": {"operation": "merge", "concept": "color.khaki", "into": "color.green"},
    "a deprecation": {"operation": "deprecate", "concept": "material.cotton"},
    "a redirect": {"operation": "deprecate", "concept": "color.red", "replaced_by": "color.burgundy"},
    "an attribute that applies elsewhere": {"operation": "set", "concept": "material", "applies_to": ["backpacks"]},
    "an exclusion": {"operation": "relate", "type": "excludes", "source": "color.green", "target": "material.nylon"},
    "one choice": {"operation": "set", "concept": "material", "choice": "single"},
    "a definition": {"operation": "set", "concept": "backpacks", "definition": {"en": "Bags worn on the back."}},
}  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample taxonomy with a third of its products, tagged."""
    file = tmp_path_factory.mktemp("retag") / "shop.db"
    store = SqliteStore.open(file)
    store.migrate()
    import_files(store, "jsonl", [sample.TAXONOMY], scheme=sample.SCHEME, author="test")
    products = [Product(p.id, p.title, lang=p.lang) for _, p in read_products(sample.TRAIN)][::3]
    store.put_items([one.to_item(p) for p, one in zip(products, tagger_of(store).tag(products), strict=True)])
    store.close()
    return file


@pytest.fixture
def shop(filled: Path, tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore.open(shutil.copy(filled, tmp_path / "shop.db"))
    yield store
    store.close()


def tagger_of(store: SqliteStore) -> Tagger:
    return assemble_tagger(Models(), load_taxonomy(store))


def apply(store: SqliteStore, request: Mapping[str, Any]) -> None:
    edit.apply_with(store, lambda taxonomy: plan(request, taxonomy, Signature("ann", "test")))


def tags(store: SqliteStore) -> dict[str, set[str]]:
    return {item.id: {tag.concept for tag in item.tags if tag.status == "accepted"} for item in store.items()}


def again(store: SqliteStore, since: str | None, **more: Any) -> RetagReport:
    before = snapshot_named(since, store) if since is not None else None
    return retag(store, tagger_of(store), since=before, **more)


@pytest.mark.parametrize("name", EDITS)
def test_it_comes_to_the_same_as_tagging_all(shop: SqliteStore, name: str) -> None:
    old = tags(shop)
    apply(shop, EDITS[name])
    planned = again(shop, "1", dry_run=True, verify=10_000)
    assert planned.missed == 0 and planned.checked == planned.skipped > 0
    done = again(shop, "1")
    assert (done.retagged, done.changed, done.skipped) == (planned.retagged, planned.changed, planned.skipped)
    by_part = tags(shop)
    whole = again(shop, None)
    assert tags(shop) == by_part and whole.retagged + whole.done == whole.items == len(old)
    if name == "a definition":
        assert done.retagged == 0
    else:
        assert 0 < done.retagged < len(old)


def test_it_continues_and_leaves_what_is_not_its_own(shop: SqliteStore) -> None:
    shop.put_items(
        [TaggedItem("hand", "Khaki backpack", "en", "api:ann", "r", (ItemTag("color.khaki", 1.0, "given"),))]
    )
    text = (ItemTag("color.khaki", 0.9, "exact", None, None, "khaki"),)
    given = (ItemTag("color.khaki", 0.9, "exact", 0, 5, "Khaki"), ItemTag("dresses", 1.0, "given"))
    version = tagger_of(shop).version
    shop.put_items(
        [TaggedItem(id, "Khaki thing", "en", version, "r", t) for id, t in (("text", text), ("given", given))]
    )
    apply(shop, EDITS["a merge"])
    seen: list[int] = []
    first = again(shop, "1", watch=seen.append)
    assert first.entered == first.no_text == 1 and seen[-1] == first.items == len(list(shop.items()))
    assert {"dresses", "color.green"} <= tags(shop)["given"] and "color.green" in tags(shop)["hand"]
    second = again(shop, "1")
    assert second.done == first.retagged and second.retagged == 0
    third = again(shop, "1", products={"text": Product("text", "A thing", text="in khaki")})
    assert third.retagged == 1 and third.no_text == 0


def test_the_command(shop: SqliteStore) -> None:
    apply(shop, EDITS["a merge"])
    options = ("--store", shop.url, "--json")
    plan_ = json.loads(run("retag", "--since", "1", "--dry-run", "--verify", "50", *options).stdout)
    done = json.loads(run("retag", "--since", "1", *options).stdout)
    assert plan_["retagged"] == done["retagged"] > 0 and done["skipped"] > done["retagged"] and plan_["missed"] == 0
    assert "done already" in run("retag", "--since", "1", "--store", shop.url).stdout
    for wrong, why in (((), "give --since VERSION, or --all"), (("--since", "99"), "99")):
        refused = run("retag", *wrong, "--store", shop.url)
        assert refused.code == 2 and why in refused.stderr
