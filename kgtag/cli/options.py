"""Options that training commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option("--out", help="Directory to write; it appears complete or not at all.")]
Data = Annotated[list[Path], typer.Option("--data", help="Annotated products; repeatable.")]
Dev = Annotated[Path | None, typer.Option(help="Held-out products; a tenth of the data when left out.")]
FORMATS = "annotated, spans, extractgpt, bio or bieos."
Format = Annotated[str, typer.Option(help=FORMATS)]
Lang = Annotated[str | None, typer.Option(help="Language of products without one.")]
Bind = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="KGTAG_STORE",
        metavar="URL",
        help="Bind the model to this taxonomy, and train a linker for it.",
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(help="Hub name or path of a transformers encoder.", show_default="all-MiniLM-L6-v2"),
]
Seed = Annotated[int, typer.Option(help="Same seed, data and machine: same model.")]

# Options that a config file may set too, so that none has a default of its own.
ConfigFormat = Annotated[str | None, typer.Option(help=FORMATS, show_default="annotated")]
ConfigSeed = Annotated[int | None, typer.Option(help="Same seed, data and machine: same model.", show_default="0")]
Config = Annotated[
    str | None,
    typer.Option(metavar="FILE.toml", help="Config file or preset with more options; the command line wins."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any option of a config file; repeatable."),
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the data.", show_default="10")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Titles in a batch.", show_default="16")]
LearningRate = Annotated[
    float | None, typer.Option(min=0, max=1, help="Peak rate of the encoder.", show_default="2e-4")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.", show_default="auto")]
