"""Data and options of a training command: files read, a taxonomy opened, findings shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.errors import FileFormatError
from kgtag.cli.console import err, print_table
from kgtag.types import AnnotatedProduct

if TYPE_CHECKING:
    from graph.history.versions import Stamp
    from graph.taxonomy import Taxonomy
    from kgtag.train.extractor.config import RunOptions, TrainOptions
    from kgtag.train.extractor.data_checks import DataFinding


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Products of the files, and the taxonomy. `misplaced`: spans out of range, which the products lack."""

    train: list[AnnotatedProduct]
    dev: list[AnnotatedProduct]
    taxonomy: Taxonomy | None
    stamp: Stamp | None
    misplaced: list[FileFormatError] = field(default_factory=list)


def read_data(
    data: Sequence[Path], dev: Path | None, *, format: str, lang: str | None, store: str | None
) -> TrainingData:
    """Read the files and open the store.

    Raises:
        FileFormatError: a file does not read; the message names the line.
    """
    from kgtag.data import read_annotated

    misplaced: list[FileFormatError] = []
    train = [one for file in data for one in read_annotated(file, format=format, lang=lang, misplaced=misplaced)]
    held = [] if dev is None else list(read_annotated(dev, format=format, lang=lang, misplaced=misplaced))
    if store is None:
        return TrainingData(train, held, None, None, misplaced)
    from graph.history.versions import stamped
    from kgtag.cli.settings import open_store

    taxonomy, stamp = stamped(open_store(store))
    return TrainingData(train, held, taxonomy, stamp, misplaced)


def training_options(
    config: str | None, assignments: Sequence[str] | None, given: Mapping[str, Any], *, continued: bool = False
) -> tuple[RunOptions, TrainOptions]:
    """Return the options of a command: config file, then `--set`, then those with an option of their own.

    Args:
        given: by option name; None where the command line has none.
        continued: a trained model is trained further.
    """
    from kgtag.train.extractor.config import read_assignments, read_config, resolve

    file = read_config(config) if config is not None else {}
    here = {name: value for name, value in given.items() if value is not None}
    return resolve(file, read_assignments(assignments or ()), here, continued=continued)


def without_passwords(command: Sequence[str]) -> str:
    """Return the command to write down, passwords in URLs left out."""
    return shlex.join(re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:…@", word) for word in command)


def show_findings(findings: Sequence[DataFinding]) -> None:
    """Print a table on stderr, findings before notes."""
    if findings:
        rows = [(f"{one.count:,}", f"{one.message} ({one.level})", "\n".join(one.examples)) for one in findings]
        print_table("Data, before training", ("count", "what", "for example"), rows, console=err)
