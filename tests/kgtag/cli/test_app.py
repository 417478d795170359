"""What holds for every command: a light start, help with examples, exit codes, and nothing odd on either stream."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import kgtag
from kgtag.cli.app import app
from tests.kgtag.running import run

HEAVY = (
    "torch pykeen transformers sentence_transformers onnxruntime pyarrow pyoxigraph fastapi neo4j uvicorn scipy sklearn"
)


def _commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path, help) of every command that does something."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, getattr(command, "help", "") or ""
    else:
        for name, one in inner.items():
            yield from _commands(one, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(app)))


def test_start_is_light() -> None:
    """Half a second for --help and completion, not the ten that torch takes."""
    code = f"import sys, kgtag.cli.app; print([name for name in {HEAVY.split()!r} if name in sys.modules])"
    assert run(command=("-c", code)).stdout.strip() == "[]"


def test_every_command_of_the_contract_is_there() -> None:
    names = {" ".join(path) for path in COMMANDS}
    wanted = "demo init migrate import export link tag place search audit diff versions show undo release status map"
    assert names >= set(wanted.split())
    for group, verbs in {
        "neo4j": "up down status browser-files",
        "train": "extractor linker embeddings",
        "evaluate": "extractor linker embeddings",
        "keys": "create list revoke",
    }.items():
        assert names >= {f"{group} {verb}" for verb in verbs.split()}


@pytest.mark.parametrize("path", sorted(COMMANDS), ids=" ".join)
def test_every_command_says_how_it_is_used(path: tuple[str, ...]) -> None:
    assert f"kgtag {' '.join(path)}" in COMMANDS[path], "the help shows no example"


def test_the_version_is_the_package_s() -> None:
    ran = run("--version")
    assert (ran.code, ran.stdout) == (0, f"kgtag {kgtag.__version__}\n")


def test_help_and_no_arguments() -> None:
    shown = run("--help")
    assert shown.code == 0 and "kgtag demo" in shown.stdout
    assert run().code == 2


@pytest.mark.parametrize("args", [["fly"], ["tag"], ["init", "--fast"], ["import", "jsonl"], ["train"]], ids=" ".join)
def test_wrong_use_is_2_with_nothing_on_stdout(args: list[str], tmp_path: Path) -> None:
    ran = run(*args, cwd=tmp_path)
    assert ran.code == 2
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("bogus", "unsupported kind of store 'bogus'; expected sqlite:///file.db"),
        ("postgres://host/db", "unsupported kind of store 'postgres'"),
        ("sqlite://shop.db", "names no file; expected sqlite:///relative.db"),
        ("sqlite:////no/such/folder/shop.db", "it can't be opened; check that the folder exists"),
        ("neo4j://", "names no host"),
        ("neo4j://u:hush/hush@host:7687", "no readable host and port"),
        ("bolt://u:hush@host:port", "no readable host and port"),
        ("bolt://u:hush@127.0.0.1:1", "no Neo4j answers at bolt://127.0.0.1:1"),
    ],
)
def test_a_store_that_cannot_be_had(url: str, expected: str, tmp_path: Path) -> None:
    ran = run("init", "--store", url, cwd=tmp_path)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: ") and expected in ran.stderr
    assert "hush" not in ran.stderr and "Traceback" not in ran.stderr


def test_the_password_of_the_environment_is_not_printed(tmp_path: Path) -> None:
    env = {"KGTAG_NEO4J_PASSWORD": "hush-hush", "KGTAG_STORE": "bolt://127.0.0.1:1", "KGTAG_LOG": "debug"}
    ran = run("init", cwd=tmp_path, env=env)
    assert ran.code == 2 and "no Neo4j answers" in ran.stderr
    assert "hush" not in ran.stdout + ran.stderr


def test_what_training_needs_is_named_when_it_is_missing(tmp_path: Path) -> None:
    code = """
import sys
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)
sys.meta_path.insert(0, Gone())
from kgtag.cli import main
main()
"""
    (tmp_path / "data.jsonl").write_text('{"title": "red shoe", "attributes": {"color": ["red"]}}\n')
    ran = run("train", "extractor", "--data", "data.jsonl", "--out", "m", cwd=tmp_path, command=("-c", code))
    assert ran.code == 2
    assert "pip install 'kgtag[train]'" in ran.stderr and "Traceback" not in ran.stderr


def test_a_reader_that_has_seen_enough(shop: str, tmp_path: Path) -> None:
    """`kgtag … | head`: no complaint, whatever was still to be said."""
    (tmp_path / "in.jsonl").write_text('{"text": "navy"}\n' * 5000)
    command = [sys.executable, "-m", "kgtag", "link", "--store", shop]
    with (
        (tmp_path / "in.jsonl").open() as lines,
        subprocess.Popen(command, stdin=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
    ):
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
