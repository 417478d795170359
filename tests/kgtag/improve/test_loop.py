"""From an empty directory to a model that is better, with a labeller who knows the gold."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from graph.stores import open_store
from kgtag.data.importing import import_files
from kgtag.improve import Place
from kgtag.tag.models import load_models
from kgtag.train import model as training
from kgtag.types import AnnotatedProduct
from tests.kgtag.extract.conftest import tiny_encoder
from tests.kgtag.extract.tiny import shop
from tests.kgtag.running import Ran, main

__all__ = ["tiny_encoder"]

GOLD = {one.product.title: one for one in shop()}
SET = [f"--set={name}" for name in ("batch_size=8", "max_tokens=48", "head_learning_rate=3e-3")]


def rows_of(gold: Iterable[AnnotatedProduct]) -> str:
    rows = (one.product.to_dict() | {"attributes": one.attributes} for one in gold)
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A catalogue and its taxonomy, and nothing else."""
    folder = tmp_path / "shop"
    folder.mkdir()
    file = tmp_path / "taxonomy.jsonl"
    file.write_text(rows_of(GOLD.values()))
    store = open_store(f"sqlite:///{folder / 'shop.db'}")
    store.migrate()
    import_files(store, "annotated", [file], author="test")
    store.close()
    rows = ["id,title,lang", *(f"{one.product.id},{title},{one.product.lang}" for title, one in GOLD.items())]
    (folder / "products.csv").write_text("\n".join(rows) + "\n")
    return Place(folder)


def improve(place: Place, encoder: Path, *args: str) -> Ran:
    how = ("--encoder", str(encoder), "--epochs", "8", "--learning-rate", "1e-3", *SET)
    return main("improve", place.root, *how, "--json", *args, env={"OMP_NUM_THREADS": "1"})


def label(place: Place, *, most: int = 1000) -> None:
    """Correct the first rows of `next.jsonl`, and leave the others."""
    rows = [json.loads(line) for line in place.next.read_text().splitlines()]
    for row in rows[:most]:
        one = GOLD[row["title"]]
        row |= {"category": one.product.category, "attributes": one.attributes, "checked": True}
    place.next.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.slow
def test_from_an_empty_directory_to_a_better_model(
    place: Place, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = improve(place, tiny_encoder, "--count", "44").json
    assert (first["decision"], first["model"], first["next"]) == ("unchanged", None, 44)
    suggested = [json.loads(line) for line in place.next.read_text().splitlines()]
    assert {row["title"] for row in suggested} <= GOLD.keys() and not any(row["checked"] for row in suggested)
    # Names are those of the taxonomy in one language, though half of the titles are Chinese.
    assert {name for row in suggested for name in row["attributes"]} <= {"Brand", "Color", "Material"}

    label(place)
    before = {path.name for path in place.root.iterdir()}
    plan = improve(place, tiny_encoder, "--dry-run").json
    assert plan["trains"] and plan["answers"] == 44 and plan["sizes"]["train"] + plan["sizes"]["aside"] <= 44
    assert {path.name for path in place.root.iterdir()} == before

    # Killed before the comparison: the candidate that was trained is used again.
    with monkeypatch.context() as patched:
        patched.setattr("kgtag.improve.rounds.compare_taggers", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            improve(place, tiny_encoder)
    trained = load_models(place.candidate).version
    with monkeypatch.context() as patched:
        patched.setattr(training, "train_model", lambda *_, **__: pytest.fail("trained again"))
        second = improve(place, tiny_encoder).json
    assert second["round"] == 2 and trained.startswith(second["candidate"]) and second["sizes"]["gold"] > 20
    low, high = second["tags"]["interval"]
    assert low <= second["tags"]["difference"] <= high and set(second["values"]) == {"before", "candidate"}

    again = improve(place, tiny_encoder).json
    assert (again["decision"], again["why"]) == ("unchanged", "nothing new since the last round")
    if second["decision"] != "promoted":
        second = improve(place, tiny_encoder, "--accept").json
    assert second["decision"] == "promoted" and load_models(place.model).version.startswith(second["model"])
    assert [one.round for one in place.ledger()] == list(range(1, len(place.ledger()) + 1))


@pytest.mark.slow
def test_promotion_is_finished_and_rolled_back(
    place: Place, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    improve_once(place, tiny_encoder)
    place.candidate.rename(place.model)
    place.next.unlink()
    gold = place.root / "gold" / "all.jsonl"
    gold.write_text(rows_of(GOLD.values()))
    old = load_models(place.model).version
    monkeypatch.setattr("kgtag.improve.rounds.decide", lambda *_, **__: ("promoted", "for the test"))
    with monkeypatch.context() as patched:
        patched.setattr(Place, "stand", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            improve(place, tiny_encoder)
    assert load_models(place.model).version == old
    refused = improve(place, tiny_encoder, "--rollback")
    assert refused.code == 2 and "nothing to roll back to" in refused.stderr
    done = improve(place, tiny_encoder).json
    new = load_models(place.model).version
    assert new.startswith(done["model"]) and old.startswith(done["before"])
    assert load_models(place.previous).version == old and not place.candidate.exists()
    place.stand(place.ledger()[-1])  # done twice, nothing changes
    assert load_models(place.model).version == new

    back = improve(place, tiny_encoder, "--rollback").json
    assert back["decision"] == "rolled back" and load_models(place.model).version == old
    assert load_models(place.previous).version == new
    nothing = improve(place, tiny_encoder, "--accept")
    assert nothing.code == 2 and "there is nothing to accept" in nothing.stderr


def improve_once(place: Place, encoder: Path) -> None:
    """A first candidate, whatever was decided about it."""
    gold = place.root / "gold" / "first.jsonl"
    gold.parent.mkdir()
    some = [one for number, one in enumerate(GOLD.values()) if number % 8]
    gold.write_text(rows_of(some))
    done = improve(place, encoder)
    assert done.code == 0, done.stderr
    if done.json["decision"] == "promoted":
        place.model.rename(place.candidate)
    gold.unlink()


def test_wrong_use(tmp_path: Path) -> None:
    assert "there is no directory" in main("improve", tmp_path / "none").stderr
    both = main("improve", tmp_path, "--dry-run", "--rollback")
    assert both.code == 2 and "exclude each other" in both.stderr
