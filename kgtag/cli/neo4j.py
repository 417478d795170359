"""`kgtag neo4j`: a local server for trials and tests."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from graph.neo4j import browser
from graph.neo4j.local import server as local_neo4j
from kgtag.cli.console import log, out, print_json
from kgtag.cli.options import Json

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Option("--name", help="Which server, when there are several; each keeps its own data.")]


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Bolt port; 0 takes any free one.")] = 0,
    http_port: Annotated[int, typer.Option(help="Port of Neo4j Browser; 0 takes any free one.")] = 0,
    name: Name = "default",
    json: Json = False,
) -> None:
    """Start the server unless it runs, and print its store URL once it answers.

    Example: `export KGTAG_STORE=$(kgtag neo4j up)`
    """
    from kgtag.serve.settings import read_settings

    log("starting Neo4j; the first time its jars are fetched by Maven …")
    server = local_neo4j.up(name, port=port, http_port=http_port, password=read_settings().password)
    log(f"Neo4j Browser: {server.http}")
    if json:
        print_json(asdict(server))
    else:
        out.print(server.url, soft_wrap=True)


@app.command()
def down(name: Name = "default") -> None:
    """Stop the server; its data stays.

    Example: `kgtag neo4j down`
    """
    log("stopped" if local_neo4j.down(name) else "it was not running")


@app.command()
def status(name: Name = "default", json: Json = False) -> None:
    """The server's URL. Exit code 1 when it does not run.

    Example: `kgtag neo4j status --json`
    """
    server = local_neo4j.status(name)
    if json:
        print_json({"running": server is not None, **(asdict(server) if server else {})})
    elif server is not None:
        out.print(server.url, soft_wrap=True)
        log(f"Neo4j Browser: {server.http}")
    else:
        log("not running; start it with: kgtag neo4j up")
    if server is None:
        raise typer.Exit(1)


@app.command("browser-files")
def browser_files(
    folder: Annotated[Path, typer.Argument(help="The folder to write to; created if missing.")] = Path("browser"),
) -> None:
    """Write the style sheet, the saved queries and the guide for Neo4j Browser, with instructions.

    Example: `kgtag neo4j browser-files browser`
    """
    for path in browser.write(folder):
        out.print(str(path), markup=False, soft_wrap=True)
    log(f"In Neo4j Browser: drop {browser.STYLE} on the page, then {browser.ARCHIVE} (its queries: the star, left).")
    log(f"The guide, while `kgtag serve` runs: :guide http://localhost:8000/browser/{browser.GUIDE}")
