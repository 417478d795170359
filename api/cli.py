"""The command `kgtag`: every command of kgtag.cli, and `serve`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kgtag.cli import demo, main
from kgtag.cli.app import app
from kgtag.cli.challenger import Decisions
from kgtag.cli.console import log
from kgtag.cli.options import Embeddings, Precision, QueryModel, Store, read_precision

__all__ = ["app", "main", "serve"]


def _serve_demo(directory: Path, port: int) -> None:
    """Serve a demo to this machine alone, and open the page with a new key."""
    import webbrowser

    import uvicorn

    from api.app import create_app
    from api.protocol import server_options
    from graph.api_keys import create_key
    from graph.stores import open_store
    from kgtag.serve.settings import read_settings

    url = f"sqlite:///{directory / 'shop.db'}"
    store = open_store(url)
    store.migrate()
    _, key = create_key(store, name="demo", scopes=["admin"])
    store.close()
    page = f"http://127.0.0.1:{port}/#key={key}"
    log(f"the page to work in, with a key of its own: {page}\nControl+C ends it.")
    settings = read_settings(store=url, model=str(directory / "model"), embeddings=directory / "embeddings")

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started and sys.stdout.isatty():
                webbrowser.open(page)

    options = {**server_options(settings), "log_level": "warning"}
    Server(uvicorn.Config(create_app(settings), host="127.0.0.1", port=port, **options)).run()


demo.serve_demo = _serve_demo


@app.command()
def serve(
    model: Annotated[
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="A model directory; without one, /v1/tag answers 503.")
    ] = None,
    store: Store = None,
    embeddings: Embeddings = None,
    recommender: Annotated[
        Path | None, typer.Option(envvar="KGTAG_RECOMMENDER", help="A directory from `train recommender`.")
    ] = None,
    query_model: QueryModel = None,
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
    jobs: Annotated[
        Path | None,
        typer.Option(
            envvar="KGTAG_JOBS", help="A directory for /v1/jobs.", show_default="FILE.jobs beside sqlite:///FILE"
        ),
    ] = None,
    job_slots: Annotated[
        int | None, typer.Option(min=0, envvar="KGTAG_JOB_SLOTS", help="Jobs that run at a time.", show_default="1")
    ] = None,
    challenger: Annotated[
        Path | None, typer.Option(envvar="KGTAG_CHALLENGER", help="A second model, for a share of the products.")
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(envvar="KGTAG_CHALLENGER_SHARE", help="The challenger's share, 0 to 1.", show_default="0.1"),
    ] = None,
    challenge: Annotated[
        str | None,
        typer.Option(
            envvar="KGTAG_CHALLENGE",
            help="split: the challenger answers for its share. shadow: it tags them too, and nobody sees it.",
            show_default="split",
        ),
    ] = None,
    decisions: Decisions = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; each holds its own snapshot.")] = 1,
) -> None:
    """Serve tags and graph neighbours over HTTP.

    Example: `kgtag serve --store sqlite:///kgtag.db --model models/shop --port 8000`
    """
    import uvicorn

    from api.app import create_app
    from api.protocol import server_options
    from api.workers import run_workers
    from kgtag.serve.assemble import open_models
    from kgtag.serve.settings import read_settings

    settings = read_settings(
        store=store,
        model=str(model) if model is not None else None,
        embeddings=embeddings,
        recommender=recommender,
        query_model=query_model,
        snapshot=snapshot,
        precision=read_precision(precision),
        jobs=jobs,
        job_slots=job_slots,
        challenger=challenger,
        challenger_share=share,
        challenge=challenge,
        decisions=decisions,
    )
    if settings.challenger is not None:
        settings.decisions_directory()
    models = open_models(settings)  # a damaged directory is one line here; in the app, uvicorn would print a traceback
    log(f"serving on http://{host}:{port}, a page to work in; documentation under /docs, with a key as the password")
    options = {"host": host, "port": port, **server_options(settings)}
    if workers == 1:
        uvicorn.run(create_app(settings, models=models), **options)
        return
    del models  # each worker loads its own
    run_workers(settings, workers, options)
