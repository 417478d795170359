"""Real, small trainings, from triples or a taxonomy to an exported scorer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graph.errors import InputError
from graph.history.versions import Stamp
from graph.taxonomy import Taxonomy
from kgtag.embed.scorer import Scorer
from kgtag.embed.triples import Triples
from kgtag.embed.vectors import Floats
from kgtag.evaluation.embeddings import evaluate
from kgtag.train.checkpoints import Keeper
from kgtag.train.embeddings.model import train
from kgtag.train.embeddings.one_vs_all import Batch, OneVsAllTrainingLoop
from kgtag.train.embeddings.run import train_embeddings, train_graph
from kgtag.train.embeddings.settings import OneVsAll, Settings, parse_model, read_settings
from tests.kgtag.embed.shop import shop_data, shop_items
from tests.kgtag.running import main


def blocks(n: int = 60, of: int = 6) -> Triples:
    """`likes` holds inside blocks of six, `above` from each block to the next: easy, and not symmetric."""
    rng = np.random.default_rng(0)
    likes = [(f"e{a:02}", "likes", f"e{b:02}") for a in range(n) for b in range(n) if a != b and a // of == b // of]
    above = [(f"e{a:02}", "above", f"e{b:02}") for a in range(n) for b in range(n) if a // of + 1 == b // of]
    mixed = [*likes, *above]
    rng.shuffle(mixed)
    labelled = [(str(h), str(r), str(t)) for h, r, t in mixed]
    return Triples.of(labelled[120:], labelled[:60], labelled[60:120])


@pytest.mark.parametrize(
    ("model", "floor"),
    [("ComplEx", 0.5), ("DistMult", 0.3), ("TransE", 0.3), ("RotatE", 0.4), ("TuckER", 0.4), ("LineaRE", 0.3)],
)
def test_every_model_learns(model: str, floor: float, tmp_path: Path) -> None:
    report = train_embeddings(blocks(), out=tmp_path / "model", settings={"model": model, "dim": 24, "epochs": 40})
    assert report.model == model
    assert report.ranks.mrr > floor
    assert report.reliability.auc > 0.7
    scorer = Scorer.load(tmp_path / "model")
    assert scorer.version == report.version
    inside, outside = scorer.probabilities([("e00", "likes", "e03"), ("e00", "likes", "e40")])
    assert inside is not None and outside is not None and inside > 0.5 > outside


@pytest.mark.parametrize("model", ["ComplEx", "TransE"])
def test_the_other_loop_learns_too(model: str) -> None:
    loop = "slcwa" if model == "ComplEx" else "1vsall"
    settings = Settings(model=model, dim=16, epochs=30, loop=loop, optimizer="Adam", batch_size=64, learning_rate=0.02)  # type: ignore[arg-type]
    triples = blocks()
    trained = train(triples, settings)
    assert evaluate(trained.vectors, triples.test, triples.known).mrr > 0.2


def test_same_seed_same_vectors() -> None:
    settings = Settings(dim=8, epochs=4, device="cpu", loss=OneVsAll(dropout=0.1, candidates=30))
    first, second = train(blocks(), settings), train(blocks(), settings)
    assert (first.vectors.entity == second.vectors.entity).all()
    other = train(blocks(), replace(settings, seed=1))
    assert (first.vectors.entity != other.vectors.entity).any()


def test_training_stops_when_validation_stalls_and_keeps_the_best() -> None:
    settings = Settings(dim=8, epochs=400, check_every=1, patience=2, sample=50)
    trained = train(blocks(), settings)
    assert len(trained.losses) < 400
    triples = blocks()
    best = max(mrr for _, mrr in trained.validation)
    known = np.concatenate([triples.train, triples.valid])
    chosen = np.sort(np.random.default_rng(0).permutation(len(triples.valid))[:50])
    assert evaluate(trained.vectors, triples.valid[chosen], known).mrr == pytest.approx(best)


def test_direction_is_learnt() -> None:
    triples = blocks()
    vectors = train(triples, Settings(dim=16, epochs=40, loss=OneVsAll(n3=0.01))).vectors
    above = triples.train[triples.train[:, 1] == triples.relations.index("above")]
    right = vectors.score(above) > vectors.score(above[:, [2, 1, 0]])
    assert right.mean() > 0.95


def read_blocks(triples: Triples, missing: int | None = None) -> tuple[Floats, Floats]:
    """Texts of the entities, which tell their block, and those of the ten blocks."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, 12)).astype(np.float32)
    block = np.array([int(name[1:]) // 6 for name in triples.entities])
    texts = (centres[block] + 0.05 * rng.normal(size=(len(block), 12))).astype(np.float32)
    if missing is not None:
        texts[missing] = np.nan
    return texts, centres


@pytest.mark.parametrize("model", ["ComplEx", "RotatE", "TransE", "QuatE", "MuRE"])
def test_entities_read_and_newcomers_have_a_vector(model: str, tmp_path: Path) -> None:
    triples = blocks()
    texts, centres = read_blocks(triples, missing=7)
    settings = {"model": model, "dim": 16, "epochs": 40}
    report = train_embeddings(triples, out=tmp_path / "model", settings=settings, texts=texts)
    assert report.text_r2 is not None and report.text_r2 > 0.2
    scorer = Scorer.load(tmp_path / "model").with_texts({"new": centres[2]})
    nearest = [name for name, _ in scorer.neighbours("new", 5)]
    assert sum(12 <= int(name[1:]) < 18 for name in nearest) >= 4
    inside, outside = scorer.probabilities([("new", "likes", "e13"), ("new", "likes", "e40")])
    assert inside is not None and outside is not None and inside > 0.5 > outside
    assert not (tmp_path / "model.run").exists()


def test_an_entity_without_triples_is_ranked_by_its_text(tmp_path: Path) -> None:
    whole = blocks()
    kept = [one for one in whole.labelled(whole.train) if "e20" not in one]
    held = [one for one in whole.labelled(whole.train) if one[0] == "e20" and one[1] == "likes"]
    triples = Triples.of(kept, whole.labelled(whole.valid)[:20], held)
    assert triples.entities[triples.trained :] == ("e20",)
    texts, _ = read_blocks(triples)
    read = train_embeddings(triples, out=tmp_path / "read", settings={"dim": 16}, texts=texts)
    blind = train_embeddings(
        triples, out=tmp_path / "blind", settings={"dim": 16, "entities": "structure"}, texts=texts
    )
    assert read.ranks.mrr > 0.2 > blind.ranks.mrr and read.entities == blind.entities + 1
    assert "e20" in Scorer.load(tmp_path / "read") and "e20" not in Scorer.load(tmp_path / "blind")


def test_a_killed_training_ends_as_if_nothing_had_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    triples = blocks()
    texts, _ = read_blocks(triples)
    settings = {"dim": 8, "epochs": 12, "check_every": 3, "device": "cpu"}
    whole = train_embeddings(triples, out=tmp_path / "whole", settings=settings, texts=texts)
    save = Keeper.save

    def killed(self: Keeper, state: Mapping[str, Any]) -> None:
        save(self, state)
        if state["epoch"] == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(Keeper, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        train_embeddings(triples, out=tmp_path / "half", settings=settings, texts=texts)
    monkeypatch.undo()
    with pytest.raises(InputError, match="holds an unfinished run of another kind: dim was 8 and is 16 now"):
        train_embeddings(triples, out=tmp_path / "half", settings={**settings, "dim": 16}, texts=texts)
    resumed = train_embeddings(triples, out=tmp_path / "half", settings=settings, texts=texts)
    assert (resumed.version, resumed.epochs) == (whole.version, whole.epochs)


def test_a_training_that_diverges_says_what_to_do(tmp_path: Path) -> None:
    settings = {"dim": 8, "learning_rate": 1e30}
    with pytest.raises(InputError, match=r"diverged: with learning_rate = .* the loss is no longer a number; try 1e"):
        train_embeddings(blocks(), out=tmp_path / "model", settings=settings)


def test_short_memory_halves_the_batch(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    process = OneVsAllTrainingLoop._process_batch

    def tight(self: OneVsAllTrainingLoop, batch: Batch, *args: Any, **options: Any) -> torch.Tensor:
        if len(batch.fixed) > 32:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return process(self, batch, *args, **options)

    monkeypatch.setattr(OneVsAllTrainingLoop, "_process_batch", tight)
    trained = train(blocks(), Settings(dim=8, epochs=2, batch_size=128))
    assert len(trained.losses) == 2
    assert "batches of 64" in caplog.text and "batches of 32" in caplog.text


def test_texts_beside_triples(tmp_path: Path) -> None:
    lines = [
        "oak\tisA\ttree",
        "elm\tisA\ttree",
        "cod\tisA\tfish",
        "eel\tisA\tfish",
        "tree\tisA\tplant",
        "fish\tisA\tanimal",
    ]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    (tmp_path / "names.tsv").write_text("oak\tOak tree\nelm\tElm tree\ncod\tCod, a fish\n")
    out = tmp_path / "out"
    command = ["train", "embeddings", "--triples", str(tmp_path), "--texts", str(tmp_path / "names.tsv"), "--dim", "4"]
    ran = main(*command, "--epochs", "2", "--out", str(out))
    assert ran.code == 0, ran.stderr
    scorer = Scorer.load(out)
    assert scorer.text_map is not None and (out / "encoder.onnx").is_file()
    assert scorer.neighbours("oak", 1)[0][0] == "elm" and scorer.neighbours("eel") == []
    (tmp_path / "names.tsv").write_text("oak Oak tree\n")
    ran = main(*command, "--out", out)
    assert ran.code == 2 and "entity TAB text expected, not 'oak Oak tree'" in ran.stderr


def test_a_taxonomy_with_items_trains_and_records_its_revision(tmp_path: Path) -> None:
    taxonomy = Taxonomy.of(shop_data())
    report = train_graph(
        taxonomy,
        together=shop_items(per_type=4),
        encoder=None,
        out=tmp_path / "model",
        stamp=Stamp(taxonomy.revision, 7, "2026.08.0"),
        settings={"dim": 16, "epochs": 10},
        audit_folds=0,
    )
    scorer = Scorer.load(tmp_path / "model")
    assert scorer.taxonomy_revision == taxonomy.revision
    assert (scorer.taxonomy_version, scorer.taxonomy_release) == (7, "2026.08.0")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    for name in ("taxonomy_version", "taxonomy_release"):
        del config[name]
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    (tmp_path / "model" / "manifest.json").unlink()
    assert Scorer.load(tmp_path / "model").taxonomy_version is None, "a directory from before there were versions"
    assert report.entities == len(taxonomy)
    assert scorer.relations == ("applies_to", "broader", "occurs_in", "occurs_with", "value_of")


def test_bad_requests_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown embedding model 'Tarot'; expected one of ComplEx"):
        train_embeddings(blocks(), out=tmp_path / "model", settings={"model": "Tarot"})
    with pytest.raises(InputError, match="3 text embeddings given for 60 entities"):
        train_embeddings(blocks(), out=tmp_path / "model", texts=np.zeros((3, 4), dtype=np.float32))


ROOT = Path(__file__).parents[3]
CONFIGS = sorted(ROOT.glob("benchmarks/configs/kge-*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_committed_configs_are_valid_and_explained(path: Path) -> None:
    found = read_settings(path)
    assert replace(Settings(), **found) != Settings()
    head = path.read_text(encoding="utf-8")
    assert "# kgtag train embeddings --config" in head and "Expected: " in head and "Data: " in head


def test_published_configs_are_committed() -> None:
    assert {"kge-fashion_kg", "kge-codex_s"} <= {path.stem for path in CONFIGS}


def test_a_config_file_trains_and_the_command_line_wins(tmp_path: Path) -> None:
    for part, rows in (("train", blocks().train), ("valid", blocks().valid), ("test", blocks().test)):
        triples = blocks()
        lines = [f"{triples.entities[h]}\t{triples.relations[r]}\t{triples.entities[t]}\n" for h, r, t in rows]
        (tmp_path / f"{part}.txt").write_text("".join(lines))
    file = tmp_path / "kge.toml"
    file.write_text('model = "DistMult"\ndim = 8\nepochs = 9\nseed = 3\nsides = ["tail"]\nn3 = 0.01\n')
    args = ("train", "embeddings", "--triples", tmp_path, "--config", file, "--device", "cpu", "--json")
    ran = main(*args, "--out", tmp_path / "one", "--epochs", "2")
    assert ran.code == 0, ran.stderr
    assert (ran.json["model"], ran.json["dim"], ran.json["epochs"]) == ("DistMult", 8, 2)
    again = main(*args, "--out", tmp_path / "two", "--epochs", "2", "--kge-model", "distmult", "--seed", "3")
    assert again.json["version"] == ran.json["version"]
    other = main(*args, "--out", tmp_path / "three", "--epochs", "2", "--seed", "4")
    assert other.json["version"] != ran.json["version"]


def test_a_model_that_cannot_be_served_names_those_that_can() -> None:
    with pytest.raises(InputError, match="ConvE is a network that would need torch to be served; expected one of Com"):
        parse_model("conve")
    with pytest.raises(InputError, match="unknown embedding model 'TransQ'; expected one of ComplEx, "):
        parse_model("TransQ")
    assert [parse_model(name) for name in ("tucker", "MURE", "um")] == ["TuckER", "MuRE", "UM"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 2", "sets 'epoch', an unknown option; did you mean 'epochs'"),
        ('dim = "wide"', "option dim is 'wide'; expected a valid integer"),
        ("progress = true", "sets 'progress', an unknown option"),
    ],
)
def test_what_a_config_file_can_t_set(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "kge.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_settings(file)
