"""Mutants of every import format for as long as you like; the first that isn't read or refused ends it.

    python benchmarks/fuzz.py [--seconds 600] [--seed 1] [--format FORMAT] [--structured]

The mutations are those of `tests/fuzzing.py`; `--structured` runs its attacks on memory and time as well. Exit code 1
when a file does anything but read or give an InputError; the file is kept then, and named.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from common import arguments, machine, report, table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from kgtag.data.importing import import_formats  # noqa: E402
from tests.fuzzing import Fuzzer, mutants  # noqa: E402


def run(format: str, seconds: float, rng: random.Random) -> tuple[Counter[str], float]:
    """Outcomes, and the longest that one file took."""
    found: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        fuzzer = Fuzzer(format, Path(scratch))
        until = time.perf_counter() + seconds
        for file in mutants(format, rng):
            started = time.perf_counter()
            if started > until:
                return found, slowest
            try:
                found[fuzzer.outcome(file).split(":")[0]] += 1
            except Exception:
                found["FAILED"] += 1
                traceback.print_exc()
                kept = Path(tempfile.mkdtemp(prefix="kgtag-fuzz-")) / file.name
                kept.write_bytes(file.content)
                print(f"import {format} {kept} --rows {file.rows}", file=sys.stderr)
                return found, slowest
            slowest = max(slowest, time.perf_counter() - started)
    raise AssertionError("mutants never end")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="for all formats together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", choices=import_formats())
    parser.add_argument("--structured", action="store_true")
    options = parser.parse_args()
    host = machine()
    formats = [options.format] if options.format else list(import_formats())
    rows, failed, files = [], 0, 0
    for format in formats:
        found, slowest = run(format, options.seconds / len(formats), random.Random(f"{options.seed}:{format}"))
        rows.append([format, found.total(), found["read"], found["FAILED"], slowest])
        failed, files = failed + found["FAILED"], files + found.total()
        if options.structured:
            with tempfile.TemporaryDirectory() as scratch:
                command = [sys.executable, "-m", "tests.fuzzing", format, scratch]
                failed += subprocess.run(command, check=False, cwd=ROOT).returncode != 0
    table("Mutants", ["format", "files", "read", "failed", "slowest (s)"], rows)
    report("fuzz", f"seed {options.seed}", host, save=options.save, files=files, failed=failed)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
