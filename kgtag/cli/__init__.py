"""The command line. Start-up stays light: each command imports what it uses when it runs."""

from __future__ import annotations

import logging
import os
import sys

__all__ = ["main"]


def main() -> None:
    """Exit codes: 0 done, 1 findings or a failure that is nobody's wrong use, 2 wrong use or bad input."""
    from graph.errors import InputError, KgtagError
    from kgtag.cli.app import app
    from kgtag.cli.console import log

    logging.basicConfig(
        level=os.environ.get("KGTAG_LOG", "WARNING").upper(), format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        app()
    except KgtagError as error:
        log(f"[bold red]error:[/] {_escaped(error)}")
        sys.exit(2 if isinstance(error, InputError) else 1)
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python must not complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        log("stopped")
        sys.exit(130)


def _escaped(error: Exception) -> str:
    from rich.markup import escape

    return escape(str(error))
