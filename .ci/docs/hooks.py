"""MkDocs hooks: reference pages generated from the code, and the project's own files as pages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import command_line  # noqa: E402
import http_api  # noqa: E402
import problem_types  # noqa: E402
import settings  # noqa: E402

GENERATED = {
    "reference/command-line.md": command_line.render,
    "reference/http.md": http_api.render,
    "reference/problem-types.md": problem_types.render,
    "reference/settings.md": settings.render,
}
COPIED = {"CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md", "CHANGELOG.md": "changelog.md"}


def on_pre_build(config: MkDocsConfig) -> None:
    """Refuse a benchmark page that differs from the stored results."""
    done = subprocess.run(
        [sys.executable, "benchmarks/report.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PluginError(done.stdout + done.stderr)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and those that stand at the repository's top level."""
    for uri, render in GENERATED.items():
        files.append(File.generated(config, uri, content=render()))
    for name, uri in COPIED.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, uri, content=_links_as_pages(text)))
    return files


def _links_as_pages(text: str) -> str:
    """Links as they are on the site: `docs/` is its root, and the files at the top level are pages of it."""
    for name, uri in COPIED.items():
        text = text.replace(f"]({name})", f"]({uri})")
    return re.sub(r"\]\(docs/", "](", text)
