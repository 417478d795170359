"""`python -m kgtag`: every command but `serve`."""

import typer

from kgtag.cli import main
from kgtag.cli.app import app
from kgtag.cli.console import log_error


@app.command(hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def serve() -> None:
    """Show how to start the service: `kgtag serve`."""
    log_error("the service has a package of its own: run `kgtag serve`, or `python -m api serve`")
    raise typer.Exit(2)


if __name__ == "__main__":
    main()
