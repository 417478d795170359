"""The public names of `import kgtag`: complete, documented, and their examples true."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kgtag
from graph.errors import InputError, TextError, UnknownConcept
from tests.kgtag.extract import tiny

CONTRACT = (
    "load", "Pipeline", "Product", "Tagging", "Tag", "Taxonomy", "open_store", "Extractor", "Linker",
    "train_extractor", "train_embeddings", "evaluate", "__version__",
)  # fmt: skip
EXAMPLES = Path(__file__).parent / "examples"
DOCUMENTED = ("kgtag", "kgtag.pipeline", "kgtag.types", "kgtag.serve.state", "graph.sources", "graph.stores")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with what the examples use."""
    for file in EXAMPLES.iterdir():
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_public_names_are_those_of_the_contract() -> None:
    assert sorted(kgtag.__all__) == sorted(CONTRACT) == sorted(dir(kgtag))
    assert all(getattr(kgtag, name) is not None for name in kgtag.__all__)
    with pytest.raises(AttributeError, match="no attribute 'tagger'"):
        _ = kgtag.tagger  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in CONTRACT if name != "__version__"])
def test_every_public_name_shows_an_example(name: str) -> None:
    found = getattr(kgtag, name)
    assert ">>>" in (inspect.getdoc(found) or ""), f"kgtag.{name} has no example"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_examples_print_what_they_say(name: str, shop: Path) -> None:
    tiny.save_tiny_encoder(shop / "encoder")
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testmod(module, optionflags=flags)
    assert tried and not failed


def test_import_is_light() -> None:
    code = "import sys, kgtag; print(sorted({'numpy', 'pyarrow', 'pydantic', 'torch'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_nothing_is_read_from_the_environment(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kgtag.load(store="tents.jsonl")("green dome tent").to_dict()
    for name, value in {"STORE": "nowhere://", "MODEL": "/none", "THRESHOLD": "0.999", "MODE": "foo"}.items():
        monkeypatch.setenv(f"KGTAG_{name}", value)
    assert kgtag.load(store="tents.jsonl")("green dome tent").to_dict() == before
    assert [name for name in os.environ if name.startswith("KGTAG_T")] == ["KGTAG_THRESHOLD"]


def test_a_store_a_file_and_a_snapshot_answer_alike(shop: Path) -> None:
    from kgtag.data.importing import import_files

    store = kgtag.open_store("sqlite:///shop.db")
    store.migrate()
    import_files(store, "jsonl", [Path("tents.jsonl")], author="test", scheme="camp")
    sources = ("tents.jsonl", Path("tents.jsonl"), kgtag.Taxonomy.load("tents.jsonl"), store, "sqlite:///shop.db")
    rows = [kgtag.load(store=source)("green dome tent").to_dict() for source in sources]
    assert all(row["tags"] == rows[0]["tags"] for row in rows)
    assert isinstance(kgtag.load(store=store).taxonomy, kgtag.Taxonomy)


def test_products_come_as_titles_rows_or_products(shop: Path) -> None:
    pipeline = kgtag.load(store="tents.jsonl")
    product = kgtag.Product("a", "red tent", category="tents")
    row = {"id": "a", "title": "red tent", "category": "Tents"}
    assert pipeline(product) == pipeline(row)
    assert [tagging.id for tagging in pipeline.pipe(["red tent", row, "green tent"], batch_size=2)] == ["1", "a", "3"]


@pytest.mark.parametrize(
    ("product", "error", "message"),
    [
        ("", TextError, "empty"),
        ({"id": "1"}, InputError, "product 1 has no title"),
        (kgtag.Product("1", "tent", category="tets"), UnknownConcept, "tents"),
    ],
)
def test_bad_products_are_named(shop: Path, product: object, error: type[Exception], message: str) -> None:
    pipeline = kgtag.load(store="tents.jsonl")
    with pytest.raises(error, match=message):
        pipeline(product)  # type: ignore[arg-type]
    with pytest.raises(error, match=message):
        list(pipeline.pipe([product]))  # type: ignore[list-item]


def test_one_where_several_are_meant_is_not_read_letter_by_letter(shop: Path) -> None:
    pipeline = kgtag.load(store="tents.jsonl")
    with pytest.raises(InputError, match="pipe takes several products"):
        list(pipeline.pipe("green tent"))
    assert pipeline.recommend("tents") == pipeline.recommend(["tents"])
    for odd in (5, None):
        with pytest.raises(InputError, match=f"not {type(odd).__name__}"):
            pipeline(odd)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"threshold": 7}, {"mode": "foo"}, {"model": "no/such/model"}])
def test_bad_settings_are_named(shop: Path, settings: dict[str, object]) -> None:
    ((_, value),) = settings.items()
    with pytest.raises(InputError, match=str(value)):
        kgtag.load(store="tents.jsonl", **settings)  # type: ignore[arg-type]


def test_a_tagging_prints_and_shows_in_notebooks(shop: Path) -> None:
    tagging = kgtag.load(store="tents.jsonl")("green <b>dome tent</b>")
    assert "color: Green" in repr(tagging) and "category: Dome tents" in repr(tagging)
    html = tagging._repr_html_()
    assert html.startswith("<table>") and "<td>Green</td>" in html and "<b>" not in html
    assert [tag.concept for tag in tagging.by_attribute()["category"]] == ["dome-tents", "tents"]


def test_queries_are_parsed_in_both_languages(shop: Path) -> None:
    pipeline = kgtag.load(store="tents.jsonl")
    found = pipeline.search("便宜 绿色 帐篷", lang="zh")
    assert [(span.surface, span.concepts[0].concept) for span in found.spans] == [("绿色", "green"), ("帐篷", "tents")]
    assert found.remainder == "便宜" and [facet.attribute for facet in found.facets] == ["color"]
    assert {(one.text, one.why) for one in found.expansions} >= {("圆顶帐篷", "narrower"), ("Tents", "translation")}
