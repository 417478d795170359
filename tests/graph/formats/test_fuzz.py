"""Whatever is in a file, an importer reads it or says what is wrong: no other exception, no end of memory or time."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import FileFormatError, InputError, InvariantError, KgtagError
from graph.formats import jsonl, reading, shopify
from graph.taxonomy import Taxonomy
from kgtag.data.importing import import_formats
from tests import fuzzing
from tests.fuzzing import File, Fuzzer, Row

MUTANTS = 40


def test_every_format_has_a_seed() -> None:
    missing = [format for format in import_formats() if format not in fuzzing.SEEDS]
    assert not missing, f"add a seed for {', '.join(missing)} to SEEDS in tests/fuzzing.py"


@pytest.mark.parametrize("format", import_formats())
def test_the_seeds_are_sound(format: str, tmp_path: Path) -> None:
    """Else the mutants would all die of the same thing."""
    fuzzer = Fuzzer(format, tmp_path)
    for write in fuzzing.seeds(format):
        assert fuzzer.outcome(write(fuzzing.SMALL)) == "read"


@pytest.mark.parametrize("format", import_formats())
def test_accidents(format: str, tmp_path: Path) -> None:
    fuzzer, rng = Fuzzer(format, tmp_path), random.Random(format)
    mutants = fuzzing.mutants(format, rng)
    for number in range(MUTANTS):
        file = next(mutants)
        started = time.monotonic()
        try:
            fuzzer.outcome(file)
        except Exception as error:
            raise AssertionError(f"mutant {number}, {file.name}: {file.content[:2000]!r}") from error
        assert time.monotonic() - started < 60, f"mutant {number} took too long: {file.content[:2000]!r}"


@pytest.mark.parametrize("format", import_formats())
def test_attacks(format: str, tmp_path: Path) -> None:
    """In a process of its own, with 2 GB of address space and a time limit for each case."""
    command = [sys.executable, "-m", "tests.fuzzing", format, str(tmp_path), "--brief"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=550)
    assert done.returncode == 0 and "FAILED" not in done.stdout, done.stdout + done.stderr


def test_a_seed_that_is_missing_is_named() -> None:
    with pytest.raises(LookupError, match=r"'odd' has no seed.*SEEDS"):
        fuzzing.seeds("odd")


def test_limits_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = "x" * 1_500_000
    files = [tmp_path / name for name in ("a.jsonl", "en.json")]
    for file, write in zip(files, (fuzzing.SEEDS["jsonl"][0], fuzzing.SEEDS["shopify"][0]), strict=True):
        file.write_bytes(write([Row("a", "A"), Row("b", label)]).content)
    monkeypatch.setattr(reading, "_largest", 256 << 20)  # put back at the end
    reading.limit_files(1)
    with pytest.raises(FileFormatError, match=r"a\.jsonl:2: this line is larger than 1 MB; set KGTAG_MAX_FILE_MB"):
        jsonl.read(files[:1])
    with pytest.raises(FileFormatError, match=r"en\.json:1: the file is larger than 1 MB"):
        shopify.read(files[1:])
    files[1].write_text("\n".join(["[", *(" " * 1000 for _ in range(1500)), "]"]))
    with pytest.raises(FileFormatError, match=r"en\.json:\d+: the file is larger than 1 MB"):
        shopify.read(files[1:])
    reading.limit_files(2)
    assert len(jsonl.read(files[:1]).concepts) == 2
    with pytest.raises(InputError, match="at most 0 MB: a whole number of megabytes"):
        reading.limit_files(0)


def test_what_packs_well_is_no_bomb(tmp_path: Path) -> None:
    content = b"".join(b'{"id": "%d"}\n' % n for n in range(400_000))
    (tmp_path / "good.gz").write_bytes(gzip.compress(content))
    assert sum(1 for _ in reading.lines(tmp_path / "good.gz")) == 400_000
    (tmp_path / "small.gz").write_bytes(gzip.compress(b"\n" * 5_000_000))
    assert len(b"".join(raw for _, raw in reading.raw_lines(tmp_path / "small.gz"))) == 5_000_000


def test_long_messages_lose_their_middle() -> None:
    said = str(KgtagError("a" * 10_000 + "b" * 10_000))
    assert said.startswith("aaa") and said.endswith("bbb") and " … " in said and len(said) < 2_000
    assert str(InvariantError([])) == "" and str(KgtagError("short")) == "short"


def test_depth(tmp_path: Path) -> None:
    rows = [Row(f"n{i}", f"N {i}", f"n{i - 1}" if i else None) for i in range(10_000)]
    file: File = fuzzing.SEEDS["jsonl"][0](rows)
    path = tmp_path / file.name
    path.write_bytes(file.content)
    found = jsonl.read([path])
    taxonomy = Taxonomy.of(TaxonomyData.of(0, found.concepts, found.relations))
    assert len(taxonomy.ancestors("n9999")) == 9_999 and len(taxonomy.path("n5000")) == 5_001
