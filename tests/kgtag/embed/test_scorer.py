"""The served scorer against real PyKEEN models, and its directory on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pykeen.models import ERModel
from pykeen.triples import CoreTriplesFactory

from graph.columns.assemble import TaxonomyData
from graph.errors import InputError, ModelMismatch, UnknownConcept
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.embed.export import Export, write_export
from kgtag.embed.scorer import Scorer
from kgtag.embed.vectors import MODELS, Floats, Folds, ModelName, TextMap
from kgtag.train.embeddings.kinds import model_of, vectors_of
from kgtag.train.embeddings.settings import Settings

E, R, DIM = 40, 5, 7
NAMES = tuple(f"e{i:02}" for i in range(E))
RELATIONS = tuple(f"r{i}" for i in range(R))


def pykeen_model(name: str) -> tuple[ModelName, ERModel]:
    """An untrained model of random weights, its constraints applied as after a training step."""
    factory = CoreTriplesFactory(torch.tensor([[0, 0, 1]]), num_entities=E, num_relations=R)
    short: ModelName = name.split(",")[0]  # type: ignore[assignment]
    model = model_of(factory, Settings(model=short, dim=DIM, seed=3, init_scale=1.0), None, one_vs_all=False)
    if name == "TransE, p=2":
        model.interaction.p = 2
    model.reset_parameters_()
    for name_of, tensor in model.interaction.state_dict().items():
        if "batches" not in name_of and name_of != "table":
            torch.nn.init.uniform_(tensor, 0.2 if "norm" in name_of else -1.0, 1.0)
    model.post_parameter_update()
    model.eval()
    return short, model


def exported(directory: Path, name: str = "ComplEx", *, text: bool = False) -> Scorer:
    short, model = pykeen_model(name)
    vectors = vectors_of(model, short)
    text_map = TextMap(np.ones((4, vectors.entity.shape[1]), dtype=np.float32), 0.5) if text else None
    write_export(Export(NAMES, RELATIONS, vectors, text_map=text_map), directory)
    return Scorer.load(directory)


@pytest.mark.parametrize("name", [*MODELS, "TransE, p=2"])
def test_scores_equal_pykeens(name: str, tmp_path: Path) -> None:
    scorer = exported(tmp_path / "model", name)
    _, model = pykeen_model(name)
    rng = np.random.default_rng(0)
    triples = np.column_stack([rng.integers(E, size=60), rng.integers(R, size=60), rng.integers(E, size=60)])
    batch = torch.from_numpy(triples)
    with torch.inference_mode():
        hrt = model.score_hrt(batch).numpy()[:, 0]
        tails = model.score_t(batch[:, :2]).numpy()
        heads = model.score_h(batch[:, 1:]).numpy()
    for i, (h, r, t) in enumerate(triples.tolist()):
        assert scorer.score(NAMES[h], RELATIONS[r], NAMES[t]) == pytest.approx(hrt[i], rel=1e-5, abs=1e-5)
    ours = scorer.vectors.tails(triples[:, 0], triples[:, 1]), scorer.vectors.heads(triples[:, 1], triples[:, 2])
    np.testing.assert_allclose(ours[0], tails, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours[1], heads, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(scorer.vectors.score(triples), hrt, rtol=1e-5, atol=1e-5)
    few = np.array([3, 1, 7])
    np.testing.assert_allclose(
        scorer.vectors.tails(triples[:, 0], triples[:, 1], few), tails[:, few], rtol=1e-5, atol=1e-5
    )


def test_which_models_are_blind_to_direction(tmp_path: Path) -> None:
    blind = set()
    for name in MODELS:
        scorer = exported(tmp_path / name, name)
        there, back = scorer.score("e01", "r0", "e02"), scorer.score("e02", "r0", "e01")
        blind |= {name} if there == pytest.approx(back, rel=1e-5) else set()
    assert blind == {"DistMult", "DistMA", "SimplE", "UM"}


def test_among_gives_the_asked_entities_in_their_order(tmp_path: Path) -> None:
    scorer = exported(tmp_path / "model")
    head, relation = np.array([3]), np.array([1])
    everything = scorer.vectors.tails(head, relation)[0]
    some = scorer.vectors.tails(head, relation, np.array([9, 1]))[0]
    np.testing.assert_allclose(some, everything[[9, 1]], rtol=1e-5)


def test_neighbours_are_the_nearest_by_cosine(tmp_path: Path) -> None:
    scorer = exported(tmp_path / "model")
    rows = np.asarray(scorer.vectors.entity)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosine = unit @ unit[5]
    wanted = [NAMES[i] for i in np.argsort(-cosine) if i != 5][:6]
    found = scorer.neighbours("e05", 6)
    assert [name for name, _ in found] == wanted
    assert found[0][1] == pytest.approx(float(np.sort(cosine)[-2]), rel=1e-4)
    assert len(scorer.neighbours("e05", 1000)) == E - 1
    assert scorer.neighbours("e05", 0) == []


def test_what_it_does_not_know(tmp_path: Path) -> None:
    scorer = exported(tmp_path / "model")
    assert scorer.probabilities([("e01", "r0", "nobody"), ("e01", "nothing", "e02")]) == [None, None]
    with pytest.raises(UnknownConcept, match="nobody"):
        scorer.score("nobody", "r0", "e01")
    with pytest.raises(InputError, match="know no relation 'likes'; they know r0, r1"):
        scorer.score("e00", "likes", "e01")


def test_arrays_are_memory_mapped_and_version_follows_content(tmp_path: Path) -> None:
    scorer = exported(tmp_path / "a")
    assert isinstance(scorer.vectors.entity, np.memmap)
    assert exported(tmp_path / "b").version == scorer.version
    assert exported(tmp_path / "c", "RotatE").version != scorer.version


def test_replacing_a_directory_leaves_nothing_else(tmp_path: Path) -> None:
    before = exported(tmp_path / "model")
    after = exported(tmp_path / "model", "TransE")
    assert before.version != after.version
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert before.score("e01", "r0", "e02") == before.score("e01", "r0", "e02")


def test_a_directory_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear to me")
    with pytest.raises(InputError, match="other files"):
        exported(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b'{"format": 1, "model": "Tarot"}'),
        ("entity.npy", b""),
        ("entity.npy", b"\x93NUMPY\x01\x00 garbage"),
        ("relation.npy", None),
        ("entities.txt", b"one\n"),
        ("relations.txt", b"\xff\xfe\n"),
    ],
)
def test_a_damaged_directory_is_an_input_error(file: str, content: bytes | None, tmp_path: Path) -> None:
    for directory in (tmp_path / "model", tmp_path / "old"):
        exported(directory)
        if content is None:
            (directory / file).unlink()
        else:
            (directory / file).write_bytes(content)
    (tmp_path / "old" / "manifest.json").unlink()
    for directory in (tmp_path / "model", tmp_path / "old"):
        with pytest.raises(InputError, match=file.replace(".", r"\.") if content is None else str(directory)):
            Scorer.load(directory)


def test_a_truncated_array_is_an_input_error(tmp_path: Path) -> None:
    exported(tmp_path / "model")
    file = tmp_path / "model" / "entity.npy"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"entity\.npy' does not match its manifest"):
        Scorer.load(tmp_path / "model")


def test_embeddings_from_before_there_was_a_manifest(tmp_path: Path) -> None:
    version = exported(tmp_path / "model").version
    (tmp_path / "model" / "manifest.json").unlink()
    assert Scorer.load(tmp_path / "model").version == version
    assert exported(tmp_path / "model").version == version
    assert (tmp_path / "model" / "manifest.json").is_file()


def test_wrong_types_in_the_config_are_an_input_error(tmp_path: Path) -> None:
    exported(tmp_path / "model")
    (tmp_path / "model" / "manifest.json").unlink()
    file = tmp_path / "model" / "config.json"
    config = json.loads(file.read_text())
    for name, wrong in (("dim", "7"), ("calibration", {"-1": {}}), ("folds", None), ("calibration", [])):
        file.write_text(json.dumps(config | {name: wrong}))
        with pytest.raises(InputError):
            Scorer.load(tmp_path / "model")


def test_weights_of_an_interaction_are_checked(tmp_path: Path) -> None:
    exported(tmp_path / "model", "TuckER")
    (tmp_path / "model" / "manifest.json").unlink()
    file = tmp_path / "model" / "config.json"
    config = json.loads(file.read_text())
    parts = config["parts"]
    for wrong in (None, {"entity": [[7]]}, parts | {"entity": [[8]]}, parts | {"weights": {"core_tensor": [7, 7, 8]}}):
        file.write_text(json.dumps(config | {"parts": wrong}))
        with pytest.raises(InputError):
            Scorer.load(tmp_path / "model")


def test_each_fold_has_weights_of_its_own(tmp_path: Path) -> None:
    short, model = pykeen_model("TuckER")
    one = vectors_of(model, short)
    two = replace(one, parts=replace(one.parts, weights={name: 2 * row for name, row in one.parts.weights.items()}))
    held_out = np.zeros((1, 5), dtype=np.int64)
    write_export(Export(NAMES, RELATIONS, one, folds=Folds((one, two), held_out)), tmp_path / "model")
    read = Scorer.load(tmp_path / "model").folds
    assert read is not None
    triples = np.array([[1, 2, 3], [4, 0, 6]])
    for wanted, found in zip((one, two), read.vectors, strict=True):
        np.testing.assert_array_equal(found.score(triples), wanted.score(triples))


def test_no_directory_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="kgtag train embeddings"):
        Scorer.load(tmp_path / "nowhere")


def test_a_concept_added_later_has_a_vector_from_its_text(tmp_path: Path) -> None:
    scorer = exported(tmp_path / "model", text=True)
    text: Floats = np.array([1, 2, 3], dtype=np.float32)
    extended = scorer.with_texts({"new": text, "e01": text})
    assert "new" in extended and "new" not in scorer
    np.testing.assert_allclose(np.asarray(extended.vectors.entity[-1]), 7.0)
    assert extended.score("e01", "r0", "e02") == scorer.score("e01", "r0", "e02")
    with pytest.raises(ModelMismatch, match="trained on 3"):
        scorer.with_texts({"new": text[:2]})
    with pytest.raises(ModelMismatch, match="without text"):
        exported(tmp_path / "plain").with_texts({"new": text})


def test_successors_inherit_the_vector(tmp_path: Path) -> None:
    scorer = exported(tmp_path / "model")
    old = Concept("e01", "s", "category", {"en": "Trainers"}, status="deprecated")
    new = replace(old, id="sneakers", status="active")
    taxonomy = Taxonomy.of(TaxonomyData.of(1, (old, new), (Relation("replaced_by", "e01", "sneakers"),)))
    aligned = scorer.aligned(taxonomy)
    assert aligned.score("sneakers", "r0", "e02") == scorer.score("e01", "r0", "e02")
    with pytest.raises(ModelMismatch, match="know none of"):
        scorer.aligned(Taxonomy.of(TaxonomyData.of(1, (new,), ())))


def test_serving_needs_neither_torch_nor_pykeen() -> None:
    modules = "kgtag.embed.scorer, kgtag.train.embeddings.run, kgtag.evaluation.embeddings"
    code = f"import sys, {modules}; print(*sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"torch", "pykeen", "sklearn"}.isdisjoint(ran.stdout.split())
