"""Render docs/benchmarks.md from benchmarks/page.md and the stored results.

    python benchmarks/report.py [--check]

A line `<!-- result: NAME -->` of the page becomes the tables and notes of benchmarks/results/NAME.json, which a
benchmark writes with `--save NAME`. With --check nothing is written; exit code 1 means out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
RESULTS = HERE / "results"
NOTICE = "<!-- Written by benchmarks/report.py: edit benchmarks/page.md or run a benchmark with --save. -->"
PLACE = re.compile(r"^<!-- result: (\S+) -->$", re.MULTILINE)


def render() -> str:
    """The whole page.

    Raises:
        SystemExit: A result is named but not stored, or stored but not named.
    """
    template = (HERE / "page.md").read_text(encoding="utf-8")
    named, stored = PLACE.findall(template), [path.stem for path in RESULTS.glob("*.json")]
    if sorted(named) != sorted(stored):
        different = ", ".join(sorted(set(named) ^ set(stored))) or "a name stands twice"
        raise SystemExit(f"page.md and results/ differ: {different}")
    text = PLACE.sub(lambda place: "\n".join(_result(_read(place[1]))).strip(), template)
    return f"{NOTICE}\n\n{text}"


def _read(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


def _result(result: dict[str, Any]) -> Iterator[str]:
    yield f"**{result['data']}**"
    yield ""
    yield f"`{result['command']}`, {_machine(result)}{result['measured']}"
    for table in result["tables"]:
        yield ""
        yield from _table(table)
    for note in result.get("notes", []):
        yield ""
        yield note if isinstance(note, str) else f"{note['text']} ({note['measured']})"


def _machine(result: dict[str, Any]) -> str:
    """The machine where it is not the page's usual one."""
    host = result.get("machine") or {}
    load = f", load {host['load']} a core" if host.get("load", 0) and host["load"] > 0.5 else ""
    return f"{host['cores']} cores of {host['cpu']}{load}, " if host.get("cpu") else ""


def _table(table: dict[str, Any]) -> Iterator[str]:
    if table.get("title"):
        yield f"{table['title'][:1].upper()}{table['title'][1:]}:"
        yield ""
    rivals = set(table.get("rivals", []))
    yield f"| {' | '.join(table['columns'])} |"
    yield "|" + "---|" * len(table["columns"])
    for row in table["rows"]:
        cells = [_cell(cell) for cell in row]
        yield f"| {' | '.join([f'*{cells[0]}*' if row[0] in rivals else cells[0], *cells[1:]])} |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value).replace("|", "\\|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare")
    page = render()
    if not parser.parse_args().check:
        PAGE.write_text(page, encoding="utf-8")
    elif page != PAGE.read_text(encoding="utf-8"):
        sys.exit("docs/benchmarks.md differs from benchmarks/results: run python benchmarks/report.py")


if __name__ == "__main__":
    main()
