"""`kgtag demo`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from graph.errors import InputError


def demo(
    out_dir: Annotated[Path, typer.Option("--out", help="Where everything is written.")] = Path("demo-out"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the extractor; fewer is faster and worse.")] = 6,
) -> None:
    """Run the whole pipeline on the sample shop, then print what to try next.

    Imports a bilingual taxonomy into SQLite, fine-tunes an extractor, trains graph embeddings, audits the graph, tags
    products the models have not seen, and shows where each tag came from. No server, no key, no download.

    Example: `kgtag demo --out demo-out`
    """
    from kgtag.cli.demo_run import run_demo

    if find_spec("pykeen") is None:
        raise InputError("the demo trains models; install what that needs: pip install 'kgtag[train]'")
    run_demo(out_dir, epochs=epochs)
