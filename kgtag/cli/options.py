"""Options that several commands share, one by one and in groups, and the store that they name."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import update_wrapper
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from graph.errors import InputError

if TYPE_CHECKING:
    from graph.stores import MigratableStore
    from graph.taxonomy import Taxonomy
    from kgtag.extract.files import Precision as Numbers

Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="KGTAG_STORE",
        show_default="sqlite:///kgtag.db",
        help="Where the taxonomy is kept: sqlite:///file.db, neo4j://user:password@host:7687 or bolt://…",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else there.")]
Model = Annotated[Path, typer.Option("--model", envvar="KGTAG_MODEL", help="A model directory from `train extractor`.")]
Precision = Annotated[
    str, typer.Option("--precision", envvar="KGTAG_PRECISION", help="fp32, or int8: quicker, and very nearly as good.")
]
QueryModel = Annotated[
    Path | None,
    typer.Option(
        "--query-model", envvar="KGTAG_QUERY_MODEL", help="A model trained on search queries (`train extractor`)."
    ),
]
Embeddings = Annotated[
    Path | None,
    typer.Option("--embeddings", envvar="KGTAG_EMBEDDINGS", help="An embeddings directory from `train embeddings`."),
]
Rows = Annotated[Path | None, typer.Option(help="JSONL file to write; stdout when left out.")]
Lang = Annotated[str | None, typer.Option(help="Language of products that name none.")]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="FIELD=HEADER",
        help="What a column of the products holds, such as at=created_at; repeatable.",
    ),
]

# Of training.
Out = Annotated[Path, typer.Option("--out", help="Directory to write; it appears complete or not at all.")]
Data = Annotated[list[Path], typer.Option("--data", help="Annotated products; repeatable.")]
_FORMATS = "annotated, spans, extractgpt, bio or bieos."
_SEED = "Same seed, data and machine: same model."
Format = Annotated[str, typer.Option(help=_FORMATS)]
Encoder = Annotated[
    str | None, typer.Option(help="Hub name or path of a transformers encoder.", show_default="all-MiniLM-L6-v2")
]
Seed = Annotated[int, typer.Option(help=_SEED)]
ConfigSeed = Annotated[int | None, typer.Option(help=_SEED, show_default="0")]


@dataclass(frozen=True, slots=True)
class DataOptions:
    """What an extractor is trained on, and from. None: a config file may say it."""

    dev: Annotated[Path | None, typer.Option(help="Held-out products; a tenth of the data when left out.")] = None
    format: Annotated[str | None, typer.Option(help=_FORMATS, show_default="annotated")] = None
    lang: Annotated[str | None, typer.Option(help="Language of products without one.")] = None
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            envvar="KGTAG_STORE",
            metavar="URL",
            help="Bind the model to this taxonomy, and train a linker for it.",
        ),
    ] = None
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Learn from the store's feedback as well (kgtag feedback export).")
    ] = False
    encoder: Encoder = None


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How an extractor is trained. None: a config file may say it."""

    config: Annotated[
        str | None,
        typer.Option(metavar="FILE.toml", help="Config file or preset with more options; the command line wins."),
    ] = None
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any option of a config file; repeatable.")
    ] = None
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.", show_default="10")] = None
    learning_rate: Annotated[
        float | None, typer.Option(min=0, max=1, help="Peak rate of the encoder.", show_default="2e-4")
    ] = None
    seed: ConfigSeed = None
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.", show_default="auto")] = None


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A decorator: the command takes the fields of a parameter that is a dataclass as options in its place."""
    parameters: list[Parameter] = []
    groups: dict[str, type] = {}
    hints = get_type_hints(command, include_extras=True)
    for one in signature(command).parameters.values():
        group = hints[one.name]
        if not isinstance(group, type) or not is_dataclass(group):
            parameters.append(one.replace(kind=Parameter.KEYWORD_ONLY, annotation=group))
            continue
        groups[one.name] = group
        own = get_type_hints(group, include_extras=True)
        defaults = ((f.name, Parameter.empty if f.default is MISSING else f.default) for f in fields(group))
        parameters += [Parameter(n, Parameter.KEYWORD_ONLY, default=d, annotation=own[n]) for n, d in defaults]

    def run(**given: Any) -> None:
        made = {name: group(**{f.name: given.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        command(**given, **made)

    update_wrapper(run, command)
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return run


def read_precision(given: str) -> Numbers:
    """Raises InputError for an unsupported precision."""
    from kgtag.extract.files import PRECISIONS

    for known in PRECISIONS:
        if known == given:
            return known
    raise InputError(f"unsupported precision {given!r}; {' or '.join(PRECISIONS)} is expected")


def open_store(url: str | None = None) -> MigratableStore:
    """The store at `url`, else KGTAG_STORE's, else the default. Raises InputError for an unsupported URL."""
    from kgtag.serve.settings import read_settings

    return read_settings().open_store(url)


def load_taxonomy(url: str | None = None) -> Taxonomy:
    """A snapshot of that store."""
    from graph import stores

    return stores.load_taxonomy(open_store(url))


def login(author: str | None) -> str:
    """The author, else the name of the user who runs the command."""
    return author or getpass.getuser()
