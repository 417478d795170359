"""`kgtag mcp`: the taxonomy and the tagger for language models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log
from kgtag.cli.options import Embeddings, Store, login


def mcp(
    model: Annotated[
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="From `train extractor`; else labels are looked for.")
    ] = None,
    store: Store = None,
    embeddings: Embeddings = None,
    author: Annotated[
        str | None, typer.Option(help="Whose proposals they are; the login name and (mcp) by default.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Streamable HTTP on 127.0.0.1, without keys; else stdio.")
    ] = None,
) -> None:
    """Serve tools to a language model: tag, search, read_query, neighbours, concept, propose (needs kgtag[mcp]).

    The client starts it (docs/how-to/mcp.md). Edits of the store are live within a second; proposals wait for people.

    Example: `kgtag mcp --store sqlite:///shop.db --model models/shop`
    """
    try:
        from kgtag.serve.mcp_server import build
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise InputError("kgtag mcp needs the MCP SDK: pip install 'kgtag[mcp]'") from None
    from kgtag.serve.assemble import follow, open_models
    from kgtag.serve.settings import read_settings
    from kgtag.tag.models import with_labels

    settings = read_settings(store=store, model=str(model) if model is not None else None, embeddings=embeddings)
    models = with_labels(open_models(settings))
    live = follow(settings, settings.open_store(), lambda: models)
    live.load()
    live.start()
    server = build(live, author=author or f"{login(None)} (mcp)")
    try:
        if port is None:
            server.run("stdio")
        else:
            log(f"MCP on http://127.0.0.1:{port}/mcp, for this machine alone")
            server.run("streamable-http", host="127.0.0.1", port=port)
    finally:
        live.stop()
        live.store.close()
