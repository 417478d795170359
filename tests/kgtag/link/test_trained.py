"""A real linker, trained on the small shop: exported encoder, cached vectors, serving without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from graph.errors import InputError
from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.evaluation.tagging import evaluate_linking
from kgtag.link import LinkExample, TaxonomyLinker
from kgtag.link.encoder import SentenceEncoder
from kgtag.train.encoder.pretrained import resolve
from kgtag.train.linker.run import Material, train_linker
from kgtag.types import Query
from tests.kgtag.link.small import small_taxonomy

TEXTS = [
    "orange",
    "a navy blue crew-neck t-shirt made of organic cotton",
    "黑色连衣裙",
    "500 ml",
    "x",
    "crème brûlée 🍮",
    "Men's",
]


def test_vectors_equal_sentence_transformers(linker_dir: Path) -> None:
    encoder = SentenceEncoder(linker_dir / "encoder.onnx", linker_dir / "tokenizer.json")
    reference = SentenceTransformer(str(resolve()), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert np.abs(encoder.encode(TEXTS) - reference).max() < 1e-4


def test_it_records_its_taxonomy(linker_dir: Path, shop: Taxonomy) -> None:
    said = json.loads((linker_dir / "weights.json").read_text())
    assert said["taxonomy_revision"] == shop.revision
    assert (said["taxonomy_version"], said["taxonomy_release"]) == (3, "2026.08.1")


def test_a_vector_does_not_depend_on_its_batch(linker_dir: Path) -> None:
    encoder = SentenceEncoder(linker_dir / "encoder.onnx", linker_dir / "tokenizer.json")
    texts = [f"{text} {n}" for n in range(9) for text in TEXTS]
    together = encoder.encode_uncached(texts)
    assert np.array_equal(together[::-1], encoder.encode_uncached(texts[::-1]))
    assert np.array_equal(together[10], encoder.encode_uncached([texts[10]])[0])


def test_the_trained_linker_knows_variants_and_meanings(trained: TaxonomyLinker) -> None:
    queries = [
        Query("orange", "flavor"),
        Query("lether", "material"),
        Query("黑色", "color"),
        Query("charcoal gray", "color"),
    ]
    answers = trained.link(queries)
    best = [answer.candidates[0].concept for answer in answers]
    assert best == ["flavor.orange", "material.leather", "color.black", "color.grey"]
    assert trained.link(queries[::-1]) == answers[::-1]
    assert [trained.link([query])[0] for query in queries] == answers


def test_a_second_linker_answers_alike(shop: Taxonomy, linker_dir: Path, trained: TaxonomyLinker) -> None:
    queries = [Query("spots", "pattern"), Query("kids clothing"), Query("")]
    assert TaxonomyLinker(shop, model_dir=linker_dir).link(queries) == trained.link(queries)


def test_metrics_are_kept_with_the_model(linker_dir: Path) -> None:
    kept = json.loads((linker_dir / "weights.json").read_text())
    assert kept["metrics"]["exact"]["acc@1"] > 0.7
    assert kept["metrics"]["all"]["ece"] < 0.35
    assert kept["slope"] > 0
    assert 0 < kept["threshold"] < 1


def test_a_new_label_needs_no_other_to_be_encoded_again(
    linker_dir: Path, trained: TaxonomyLinker, tmp_path: Path
) -> None:
    copy = tmp_path / "model"
    shutil.copytree(linker_dir, copy)
    before = {path.name for path in (copy / "vectors").iterdir()}
    taxonomy = small_taxonomy(extra=(Concept("kettles", "small", "category", {"en": "Kettles"}),))
    first = TaxonomyLinker(taxonomy, model_dir=copy)
    assert len({path.name for path in (copy / "vectors").iterdir()} - before) == 2
    later = TaxonomyLinker(taxonomy, model_dir=linker_dir, earlier=trained)
    query = Query("a kettle for the stove")
    assert first.link([query]) == later.link([query])
    assert first.link([query])[0].candidates[0].concept == "kettles"


def test_without_a_place_for_the_cache_vectors_stay_in_memory(linker_dir: Path, shop: Taxonomy, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(linker_dir, copy, ignore=shutil.ignore_patterns("vectors"))
    (copy / "vectors").write_text("a file where the folder should be")
    answer = TaxonomyLinker(shop, model_dir=copy).link([Query("orange", "color")])[0]
    assert answer.link is not None


def test_a_damaged_directory_says_so(linker_dir: Path, shop: Taxonomy, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(linker_dir, copy)
    (copy / "weights.json").write_text("{}")
    with pytest.raises(InputError, match=r"weights\.json"):
        TaxonomyLinker(shop, model_dir=copy)
    with pytest.raises(InputError, match="no linker directory"):
        TaxonomyLinker(shop, model_dir=tmp_path / "nowhere")


def test_training_refuses_what_it_cannot_use(shop: Taxonomy, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mauve"):
        train_linker(shop, Material([LinkExample(Query("purple"), "color.mauve")]), out=tmp_path / "m")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="other files"):
        train_linker(shop, out=tmp_path / "taken")


def test_serving_imports_neither_torch_nor_transformers(linker_dir: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from kgtag.link import TaxonomyLinker\nfrom kgtag.types import Query\n"
        "from tests.kgtag.link.small import small_taxonomy\n"
        f"linker = TaxonomyLinker(small_taxonomy(), model_dir=Path({str(linker_dir)!r}))\n"
        "assert linker.link([Query('jet-black', 'color')])[0].link.concept == 'color.black'\n"
        "assert linker.link([Query('something like cotton')])[0].candidates\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[3], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_evaluation_counts_links_and_nil(untrained: TaxonomyLinker) -> None:
    examples = [
        LinkExample(Query("orange", "color"), "color.orange"),
        LinkExample(Query("lether", "material"), "material.leather"),
        LinkExample(Query("titanium", "material"), None),
        LinkExample(Query("black", "color"), "color.navy"),
    ]
    found = evaluate_linking(untrained, examples)
    assert (found["n"], found["n_nil"]) == (4, 1)
    assert found["acc@1"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["nil"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert found["linked"]["precision"] == pytest.approx(2 / 3, abs=1e-6)
    assert 0 <= found["ece"] <= 1
    assert evaluate_linking(untrained, [])["acc@1"] is None
