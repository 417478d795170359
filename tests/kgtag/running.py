"""Running the command line as its users do: `run` in a process of its own, `main` without paying for one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from kgtag import cli
from kgtag.cli import console

_COLUMNS = "200"


@dataclass(frozen=True)
class Ran:
    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout; raises when anything else is there."""
        return json.loads(self.stdout)

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.stdout.splitlines()]


def run(
    *args: str | Path,
    stdin: str | bytes = b"",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    command: Sequence[str] = ("-m", "kgtag"),
) -> Ran:
    """`python -m kgtag ARGS`, without any KGTAG_ setting of whoever runs the tests."""
    done = subprocess.run(
        [sys.executable, *command, *map(str, args)],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        cwd=cwd,
        env=_environment(env),
        timeout=500,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def main(
    *args: str | Path, stdin: str | bytes = b"", cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Ran:
    """The same in this process: exit code and streams are those of `kgtag.cli.main`."""
    source = io.TextIOWrapper(io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin))
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    code = 0
    with (
        mock.patch.object(sys, "argv", ["kgtag", *map(str, args)]),
        mock.patch.object(sys, "stdin", source),
        mock.patch.object(console.out, "_width", int(_COLUMNS)),  # They took COLUMNS when they were imported.
        mock.patch.object(console.err, "_width", int(_COLUMNS)),
        mock.patch.dict(os.environ, _environment(env), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(cwd or Path.cwd()),
    ):
        try:
            cli.main()
        except SystemExit as done:
            code = int(done.code or 0)
    return Ran(code, _text(out), _text(err))


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KGTAG_")}
    return {**clean, "COLUMNS": _COLUMNS, **(more or {})}


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()
