"""What the command line says when disks, files, locks and schemas fail: exit code 2, one line, nothing lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from graph.stores import load_taxonomy, open_store
from kgtag.data import sample
from tests.kgtag import running
from tests.kgtag.running import Ran
from tests.kgtag.running import main as run


def _refused(ran: Ran, expected: str) -> None:
    assert (ran.code, ran.stdout) == (2, ""), ran
    assert ran.stderr.startswith("error: ") and ran.stderr.count("\n") == 1, ran.stderr
    assert expected in ran.stderr


def _limited(size: int, *args: object) -> Ran:
    """`kgtag ARGS` in a process whose files may not grow beyond `size` bytes."""
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        "from kgtag.cli import main\nmain()"
    )
    command = [sys.executable, "-c", code, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_no_room_for_an_import(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    assert run("init", "--store", url).code == 0
    _refused(_limited(100_000, "import", "jsonl", sample.TAXONOMY, "--store", url, "--json"), "check its free space")
    assert len(load_taxonomy(open_store(url))) == 0
    assert run("import", "jsonl", sample.TAXONOMY, "--store", url).code == 0


def test_no_room_for_a_schema(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    _refused(_limited(1_000, "init", "--store", url), "check its free space")
    assert run("init", "--store", url).code == 0


def test_no_room_for_an_export(shop: str, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("before\n")
    _refused(_limited(40_000, "export", "jsonl", out, "--store", shop), f"can't write {str(out)!r}: File too large")
    assert out.read_text() == "before\n"
    assert not list(tmp_path.glob(".out*"))


def test_a_full_device(shop: str, tmp_path: Path) -> None:
    """A device is written to, never exchanged for a file; standard output may be full as well."""
    link = tmp_path / "full.jsonl"
    link.symlink_to("/dev/full")
    _refused(run("export", "jsonl", link, "--store", shop), f"can't write {str(link)!r}: No space left on device")
    assert Path("/dev/full").is_char_device() and link.is_symlink()
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "kgtag", "versions", "--json", "--store", shop]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: No space left on device\n")


def test_an_export_through_a_link_keeps_the_link(shop: str, tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("before\n")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    assert run("export", "jsonl", tmp_path / "link.jsonl", "--store", shop).code == 0
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len((tmp_path / "real.jsonl").read_text().splitlines()) > 600


def test_another_process_holds_the_lock(shop: str) -> None:
    with closing(sqlite3.connect(shop.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ran = run("import", "jsonl", sample.TAXONOMY, "--scheme", "x", "--store", shop, env={"KGTAG_BUSY_SECONDS": "0"})
        assert ran.code == 2  # The ids belong to another scheme: said before anything is locked.
        changed = Path(shop.removeprefix("sqlite:///")).parent / "new.jsonl"
        changed.write_text(json.dumps({"id": "new", "scheme": "x", "kind": "category", "pref_label": {"en": "New"}}))
        ran = run("import", "jsonl", changed, "--store", shop, env={"KGTAG_BUSY_SECONDS": "0.1"})
        _refused(ran, "another process has locked it")
        other.execute("ROLLBACK")
    assert run("import", "jsonl", changed, "--store", shop).code == 0


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("UPDATE schema_migration SET checksum = 'feed'", "was edited after it was applied"),
        ("INSERT INTO schema_migration VALUES ('V9999__later', 'x', 'y')", "is newer than this kgtag"),
        ("DELETE FROM schema_migration", "run `kgtag migrate"),
    ],
)
def test_a_schema_that_is_not_ours(shop: str, damage: str, expected: str) -> None:
    with closing(sqlite3.connect(shop.removeprefix("sqlite:///"))) as db, db:
        db.execute(damage)
    _refused(run("versions", "--store", shop, "--json"), expected)
    _refused(run("import", "jsonl", sample.TAXONOMY, "--store", shop, "--json"), expected)


def test_files_that_are_no_database(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, " * 500)
    for command in (["versions", "--json"], ["init"], ["audit", "--json"]):
        _refused(run(*command, "--store", f"sqlite:///{tmp_path / 'text.db'}"), "it is not a SQLite database")
    assert (tmp_path / "text.db").read_text().startswith("no database")


def test_a_wrong_limit_is_named(shop: str, tmp_path: Path) -> None:
    ran = run("import", "jsonl", sample.TAXONOMY, "--store", shop, env={"KGTAG_MAX_FILE_MB": "many"})
    _refused(ran, "KGTAG_MAX_FILE_MB is 'many'; a whole number of megabytes was expected")


def test_an_empty_model_directory(shop: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    given = ("--store", shop)
    _refused(running.main("tag", "--model", tmp_path / "empty", *given), "is empty; train one with")
    ran = running.run("serve", "--embeddings", tmp_path / "empty", *given, command=("-m", "api"))
    _refused(ran, "is empty; train them with")
