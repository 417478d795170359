"""`kgtag serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from kgtag.cli.console import Embeddings, Precision, Store, log, read_precision


def serve(
    model: Annotated[
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="A model directory; without one, /v1/tag answers 503.")
    ] = None,
    store: Store = None,
    embeddings: Embeddings = None,
    host: Annotated[str, typer.Option(help="0.0.0.0 to be reached from other machines.")] = "127.0.0.1",
    port: Annotated[int, typer.Option()] = 8000,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            envvar="KGTAG_SNAPSHOT",
            help="A file to keep the snapshot in: the next start serves from it at once, whatever the store does.",
        ),
    ] = None,
    precision: Precision = "fp32",
    workers: Annotated[int, typer.Option(min=1, help="Processes; each holds its own snapshot.")] = 1,
) -> None:
    """Serve tags and graph neighbours over HTTP.

    Example: `kgtag serve --store sqlite:///kgtag.db --model models/shop --port 8000`
    """
    import uvicorn

    from kgtag.embed.export import read_export
    from kgtag.extract.files import read_config

    # A damaged directory is one line here; in the app, uvicorn would print a traceback.
    if model is not None and model.exists():  # else an extractor of another package, or an error in the app
        read_config(model)
    if embeddings is not None:
        read_export(embeddings)
    os.environ["KGTAG_PRECISION"] = read_precision(precision)
    given = {"KGTAG_STORE": store, "KGTAG_MODEL": model, "KGTAG_EMBEDDINGS": embeddings, "KGTAG_SNAPSHOT": snapshot}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    log(f"serving on http://{host}:{port} (documentation under /docs)")
    # By import string: the web is above this package, and worker processes import it by themselves.
    uvicorn.run(
        "api.app:create_app", factory=True, host=host, port=port, workers=workers, log_level="info", access_log=False
    )
