"""What a training command has been given to work on: files read, a taxonomy opened, and a look at both."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from graph.errors import FileFormatError
from kgtag.cli.console import err, print_table
from kgtag.types import AnnotatedProduct

if TYPE_CHECKING:
    from graph.history.releases import Stamp
    from graph.taxonomy import Taxonomy
    from kgtag.train.extractor.data_checks import DataFinding
    from kgtag.train.extractor.options import TrainOptions


@dataclass(frozen=True, slots=True)
class Work:
    """`misplaced`: spans out of range, left out of the products."""

    train: list[AnnotatedProduct]
    dev: list[AnnotatedProduct]
    taxonomy: Taxonomy | None
    stamp: Stamp | None
    misplaced: list[FileFormatError] = field(default_factory=list)

    def inspected(self) -> list[DataFinding]:
        from kgtag.train.extractor.data_checks import inspect_data

        return inspect_data(self.train, self.dev, taxonomy=self.taxonomy, misplaced=self.misplaced)

    def values(self, progress: Callable[[str], None]) -> dict[str, list[str]]:
        """Known values by attribute name, as training will have them."""
        from kgtag.train.model import known_values

        return {} if self.taxonomy is None else known_values(self.train, self.taxonomy, progress)


def read_work(data: Sequence[Path], dev: Path | None, *, format: str, lang: str | None, store: str | None) -> Work:
    """Raises FileFormatError, with the line, for what can't be read."""
    from kgtag.data import read_annotated

    misplaced: list[FileFormatError] = []
    train = [one for file in data for one in read_annotated(file, format=format, lang=lang, misplaced=misplaced)]
    held = [] if dev is None else list(read_annotated(dev, format=format, lang=lang, misplaced=misplaced))
    if store is None:
        return Work(train, held, None, None, misplaced)
    from graph.history.releases import stamped
    from kgtag.cli.settings import open_store

    taxonomy, stamp = stamped(open_store(store))
    return Work(train, held, taxonomy, stamp, misplaced)


def base_options(format: str) -> TrainOptions:
    """The defaults for a kind of gold: ExtractGPT's says of attributes that they are absent, others leave them out; and
    it is judged by values, others by spans."""
    from kgtag.train.extractor.options import TrainOptions

    return TrainOptions(missing="unknown", judged="values") if format == "extractgpt" else TrainOptions()


def told(command: Sequence[str]) -> str:
    """The command as it may be written down: passwords in URLs left out."""
    return shlex.join(re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:…@", word) for word in command)


def show_findings(findings: Sequence[DataFinding]) -> None:
    """A table on stderr, findings before notes."""
    if findings:
        rows = [(f"{one.count:,}", f"{one.message} ({one.level})", "\n".join(one.examples)) for one in findings]
        print_table("Data, before training", ("count", "what", "for example"), rows, console=err)
