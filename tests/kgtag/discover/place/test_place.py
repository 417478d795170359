"""Places for new concepts: by letters and words, and by what embeddings learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from graph.editing import edit
from graph.errors import InputError
from graph.model import ChangeSet, PutConcept, PutRelation
from graph.sqlite.store import SqliteStore
from kgtag.discover.place import NewConcept, Placer, place_rows, read_place_model
from kgtag.discover.place.families import Families
from kgtag.embed.scorer import Scorer
from kgtag.tag.models import open_encoder
from kgtag.train.embeddings import places
from kgtag.train.embeddings.run import train_graph
from tests.kgtag.discover.place.goods import goods
from tests.kgtag.running import main
from tests.once import once

HIDDEN = frozenset({"oak-desk", "steel-pan", "brass-lamp", "bamboo-rake"})
LABELS = ("Oak desks", "Steel pans", "Brass lamps", "Bamboo rakes")
KINDS = ["desk", "pan", "lamp", "rake"]


@pytest.fixture(scope="session")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(out: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(places, "_LEAST_LEAVES", 100)
            train_graph(goods(without=HIDDEN), out=out / "model", settings={"dim": 8, "epochs": 2})

    return once(tmp_path_factory, "place", make) / "model"


def test_families_hold_who_is_under_whom_and_what_is_left_without_some() -> None:
    families = Families.of(5, np.array([[1, 0], [2, 0], [3, 1], [4, 1], [4, 2]]))
    assert families.above.toarray()[4].tolist() == [1, 1, 1, 0, 0]
    assert families.parents.toarray()[4].tolist() == [0, 0.5, 0.5, 0, 0]
    assert families.counts.tolist() == [2, 2, 1, 0, 0] and families.sizes[:, 3].tolist() == [0, 1, 1, 2, 3]
    values = np.array([[0.1, 0.2, 0.3, 0.4, 0.5]], dtype=np.float32)
    assert families.highest(values)[0].tolist() == pytest.approx([0.3, 0.5, 0.5, 0, 0])
    smaller = families.without(np.array([False, False, False, True, False]))
    assert smaller.edges.tolist() == [[1, 0], [2, 0], [3, 1], [3, 2]]


@pytest.mark.parametrize("labels", [LABELS, ("橡木桌", "钢锅", "黄铜灯", "竹耙")])
def test_labels_alone_find_the_parent_in_any_language(labels: tuple[str, ...]) -> None:
    found = Placer(goods(without=HIDDEN)).place([NewConcept(label) for label in labels])
    assert [places[0].broader for places in found] == KINDS
    assert all(0 < place.probability < 1 for places in found for place in places)
    assert all([p.score for p in places] == sorted((p.score for p in places), reverse=True) for places in found)


def test_children_that_are_narrower_move_under_the_new_concept() -> None:
    taxonomy = goods()
    (places,) = Placer(taxonomy).place([NewConcept("Oak")])
    assert all(not place.narrower or set(place.narrower) <= set(taxonomy.ids) for place in places)
    (places,) = Placer(taxonomy).place([NewConcept("Garden oak desks")])
    assert places[0].broader == "desk" and "oak-desk" not in places[0].narrower, "the broader is not the narrower"


def test_a_label_that_is_there_is_named_and_no_place_of_itself() -> None:
    placer = Placer(goods())
    assert placer.known(NewConcept("oak desk")) == ["oak-desk"]
    (places,) = placer.place([NewConcept("oak desk")])
    assert places[0].broader == "desk" and "oak-desk" not in {place.broader for place in places}


def test_trained_places_are_calibrated_and_come_back_from_disk(embeddings: Path) -> None:
    model, encoder = read_place_model(embeddings), open_encoder(embeddings)
    assert model is not None and model.lang == "en" and model.towers is not None
    assert model.metrics["hit_at_1"] > 0.8 and model.metrics["n"] > 20
    placer = Placer(goods(without=HIDDEN), model=model, encoder=encoder, cache=embeddings / "vectors")
    found = placer.place([NewConcept(label) for label in LABELS])
    assert [places[0].broader for places in found] == KINDS
    defined = placer.place([NewConcept("Skillet", "A flat pan for frying")])[0]
    assert defined[0].broader in {"pan", "kitchen"}
    (chinese,) = placer.place([NewConcept("橡木桌")])
    assert chinese[0].broader == "desk", "labels in another language are compared by letters"


def test_the_text_of_a_concept_is_the_same_in_training_and_serving(embeddings: Path) -> None:
    scorer, encoder = Scorer.load(embeddings), open_encoder(embeddings)
    assert encoder is not None and scorer.texts is not None
    np.testing.assert_allclose(encoder.encode(["Oak chairs"])[0], scorer.texts[scorer.find("oak-chair")], atol=1e-6)


def test_a_placer_needs_concepts_of_the_kind() -> None:
    with pytest.raises(InputError, match="no concepts of kind 'value' to place a new one under"):
        Placer(goods(), kind="value")


def test_a_damaged_placer_is_an_input_error(embeddings: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    copy.mkdir()
    for path in embeddings.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "place_child.npy").write_bytes(b"")
    with pytest.raises(InputError, match="place_child"):
        read_place_model(copy)


def test_rows_come_in_order_and_bad_lines_lose_nothing() -> None:
    lines = [b'{"id": 7, "label": "Oak desks"}\n', b"{\n", b"\n", b'{"id": "b", "label": 3}\n', b'{"label": "Torch"}']
    rows = list(place_rows(Placer(goods()), lines, limit=2))
    assert [row.get("id") for row in rows] == [7, None, "b", None]
    assert len(rows[0]["places"]) == 2 and rows[0]["known"] == ["oak-desk"]
    assert rows[1]["line"] == 2 and "no valid JSON" in rows[1]["error"]["detail"]
    assert "'label' must be a string" in rows[2]["error"]["detail"]
    assert set(rows[3]) == {"label", "places", "known"}


def test_the_command(sqlite_store: SqliteStore, embeddings: Path) -> None:
    taxonomy = goods(without=HIDDEN)
    changes = (*map(PutConcept, taxonomy.concepts), *map(PutRelation, taxonomy.relations))
    edit.apply(sqlite_store, ChangeSet(changes, "test"))
    asked = '{"id": "1", "label": "Oak desks"}\nbad\n{"label": "Brass lamps"}\n'
    for trained in ((), ("--embeddings", embeddings)):
        ran = main("place", "--store", sqlite_store.url, *trained, "--json", stdin=asked)
        assert ran.code == 1 and ("compared by letters" in ran.stderr) is not bool(trained)
        first, bad, last = map(json.loads, ran.stdout.splitlines())
        assert list(first) == ["id", "label", "places"] and list(last) == ["label", "places"]
        assert set(first["places"][0]) == {"broader", "narrower", "score", "probability"}
        assert (first["places"][0]["broader"], last["places"][0]["broader"]) == ("desk", "lamp")
        assert bad["line"] == 2
    shown = main("place", "--store", sqlite_store.url, stdin='{"label": "Oak desks"}\n')
    assert shown.code == 0 and "Furniture > Desks" in shown.stdout
