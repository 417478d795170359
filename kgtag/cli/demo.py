"""`kgtag demo`."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from graph.errors import InputError

serve_demo: Callable[[Path, int], None] | None = None
"""Serves a demo's directory on a port; set by the package that has the service."""


def demo(
    out_dir: Annotated[Path, typer.Option("--out", help="Where everything is written.")] = Path("demo-out"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the extractor; fewer is faster and worse.")] = 6,
    serve: Annotated[
        bool, typer.Option("--serve", help="Then open the page with it; an earlier demo in --out is taken as it is.")
    ] = False,
    port: Annotated[int, typer.Option(help="Where the page is served.")] = 8000,
) -> None:
    """Run the whole pipeline on the sample shop, then print what to try next.

    Imports a bilingual taxonomy into SQLite, fine-tunes an extractor, trains graph embeddings, audits the graph, tags
    products the models have not seen, and shows where each tag came from. No server, no key, no download.

    Example: `kgtag demo --serve`
    """
    from kgtag.cli.demo_run import is_complete, run_demo

    if serve and serve_demo is None:
        raise InputError("this is the command line without the service; run `kgtag demo --serve`")
    if not (serve and is_complete(out_dir)):
        if find_spec("pykeen") is None:
            raise InputError("the demo trains models; install what that needs: pip install 'kgtag[train]'")
        run_demo(out_dir, epochs=epochs)
    if serve and serve_demo is not None:
        serve_demo(out_dir, port)
