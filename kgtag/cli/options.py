"""The training options as options of a command: each field of TrainOptions, in the panel it names, from one place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from kgtag.train.extractor.options import TrainOptions, made, read_options, settings, types

_FILE = Annotated[
    Path | None,
    typer.Option(
        "--options",
        help="A TOML file of training options, as a model directory's options.toml or `train search` has it; options"
        " given here count more.",
    ),
]


def with_train_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with `--options FILE` and an option for each field of TrainOptions.

    Its parameter `given` gets, as one function from a base to the options asked for, what the user wrote of them.
    Typer reads signatures, so this writes one, in place of forty parameters written by hand for each command.
    """
    hints = get_type_hints(command, include_extras=True)
    own = inspect.signature(command).parameters
    kept = [one.replace(annotation=hints[name]) for name, one in own.items() if name != "given"]
    added = [_parameter("options", _FILE), *(_parameter(one.name, _annotation(one)) for one in settings())]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        file = values.pop("options")
        chosen = {one.name: values.pop(one.name) for one in settings()}
        asked = {name: value for name, value in chosen.items() if value is not None and value != []}
        from_file = read_options(file) if file is not None else {}
        command(**values, given=lambda base: made(base, from_file, asked))

    run.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*kept, *added)}
    return run


Given = Callable[[TrainOptions], TrainOptions]
"""What the user asked for, put over a base."""


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _annotation(one: Any) -> Any:
    """Optional, so that what wasn't given can be told from what was; the panel and the range are the field's."""
    kind, about = types()[one.name], one.metadata
    many = kind == tuple[str, ...]
    said: Mapping[str, Any] = {
        "help": about["help"],
        "rich_help_panel": about["panel"],
        "show_default": False if many else str(one.default),
    }
    bounds = {"min": about["low"], "max": about["high"]} if kind in (int, float) else {}
    name = "--teacher" if many else f"--{one.name.replace('_', '-')}"
    return Annotated[(list[str] if many else kind) | None, typer.Option(name, **said, **bounds)]
