"""What the command of a job leaves: its last error, its counts, whole lines."""

import contextlib
import os
from pathlib import Path
from typing import Any

import orjson


def error_in(lines: list[str]) -> str | None:
    """The error that the log of a command ends with."""
    at = next((n for n in reversed(range(len(lines))) if lines[n].startswith("error: ")), None)
    return None if at is None else "\n".join(lines[at:]).removeprefix("error: ")


def summary_in(stdout: Path) -> dict[str, Any] | None:
    """The JSON document that a command printed, without what makes it long; None when it is not whole."""
    try:
        found = orjson.loads(stdout.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    if not isinstance(found, dict):
        return None
    if "findings" in found:
        counts = {one["name"]: one["count"] for one in found.get("checks", ()) if one.get("count")}
        return {"findings": len(found["findings"]), "revision": found.get("revision"), "checks": counts}
    return {name: value for name, value in found.items() if name != "diff"}


def cut(path: Path) -> None:
    """Cut off a torn last line."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - (1 << 16))
            file.seek(start)
            at = file.read(end - start).rfind(b"\n")
            end = start if at < 0 else start + at + 1
            if at >= 0:
                break
        if end < size:
            file.truncate(end)
