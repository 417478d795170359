"""The directory of a shop that improves: its files, the ledger of its rounds, and which model stands where.

gold/             annotated products, any number of files
next.jsonl        what to annotate next; rows with `"checked": true` are moved to gold/ by the next round
model/            the model in use
candidate/        the last one trained, unless it was promoted
previous/         the one in use before
rounds.jsonl      the ledger, a line for each round
round.json        the round that has begun and not ended, for resuming
tags.jsonl        the products that the last round looked at, tagged
accepted.jsonl    products with a value that was proposed and accepted
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from graph.errors import FileFormatError, InputError
from graph.formats import reading
from kgtag.data import read_annotated
from kgtag.extract.files import read_config
from kgtag.serve.promotion import exchange
from kgtag.types import AnnotatedProduct

Decision = Literal["promoted", "kept", "asked", "unchanged", "rolled back"]
CHECKED = "checked"
_PRODUCTS = tuple(f"products{suffix}" for suffix in (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".parquet"))


@dataclass(frozen=True, slots=True)
class Round:
    """A line of the ledger.

    Attributes:
        round: Its number, from 1.
        at: When it ended, UTC.
        decision: "promoted", "kept" (the model before), "asked" (a person decides), "unchanged" (nothing to train on),
            "rolled back"; None while it is not made.
        why: The reason, a sentence.
        model, before: Versions of the model in use after and before; None for labels alone.
        candidate: The version that was trained.
        data: Digest of what it was trained on, and how.
        sizes: Products that the candidate was trained on, by source, and those kept aside.
        tags: Micro F1 of finished tags on what is kept aside: `before`, `candidate`, their paired `difference` and its
            95% `interval`.
        values: Micro F1 of extracted values there, `before` and `candidate`.
        drift: Features in which the products looked at differ from those that the model in use was trained on.
        next: Products to annotate next.
        proposals: New values proposed.
    """

    round: int
    at: str = ""
    decision: Decision | None = None
    why: str = ""
    model: str | None = None
    before: str | None = None
    candidate: str | None = None
    data: str | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, Any] | None = None
    values: Mapping[str, float | None] | None = None
    drift: list[str] = field(default_factory=list)
    next: int = 0
    proposals: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """The directory."""

    root: Path

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def candidate(self) -> Path:
        return self.root / "candidate"

    @property
    def previous(self) -> Path:
        return self.root / "previous"

    @property
    def next(self) -> Path:
        return self.root / "next.jsonl"

    @property
    def accepted(self) -> Path:
        return self.root / "accepted.jsonl"

    @property
    def tags(self) -> Path:
        return self.root / "tags.jsonl"

    def products(self) -> Path:
        """The catalogue. Raises InputError without one."""
        found = next((self.root / name for name in _PRODUCTS if (self.root / name).is_file()), None)
        if found is None:
            raise InputError(f"no products in {str(self.root)!r}; put them there as products.csv or products.jsonl")
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises InputError while another process improves this directory."""
        if not self.root.is_dir():
            raise InputError(f"there is no directory {str(self.root)!r}; make it, and put products.csv there")
        with (self.root / ".improve.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(f"another kgtag improves {str(self.root)!r}; wait for it") from error
            yield

    def gold(self, *, format: str = "annotated", lang: str | None = None) -> list[AnnotatedProduct]:
        """The annotated products, each title once, as the last file by name has it; unchecked suggestions left out."""
        found: dict[str, AnnotatedProduct] = {}
        for path in sorted((self.root / "gold").glob("[!.]*")):
            given = "annotated" if path.name.startswith("answers-") else format
            for one in read_annotated(path, format=given, lang=lang):
                found.pop(one.product.title, None)
                found[one.product.title] = one
        return list(found.values())

    def answers(self) -> list[dict[str, Any]]:
        """The rows of `next.jsonl` that a person checked. Raises FileFormatError for one that does not read."""
        if not self.next.is_file() or not self.next.stat().st_size:
            return []
        checked = [row for _, row in reading.json_rows(self.next) if row.get(CHECKED) is True]
        return [{name: value for name, value in row.items() if name not in (CHECKED, "why")} for row in checked]

    def collect(self, round: int) -> None:
        """Move the checked rows of `next.jsonl` to gold/answers-NNN.jsonl; stopped anywhere, none is lost."""
        if not (rows := self.answers()):
            return
        path = self.root / "gold" / f"answers-{round:03}.jsonl"
        path.parent.mkdir(exist_ok=True)
        before = [row for _, row in reading.json_rows(path)] if path.is_file() else []
        kept = {str(row.get("title")): row for row in (*before, *rows)}
        written = path.with_name(f".{path.name}")
        write(written, kept.values())
        try:
            list(read_annotated(written))
        except FileFormatError as error:
            written.unlink()
            raise InputError(f"{self.next}: a checked row does not read: {error}") from error
        written.replace(path)
        write(self.next, [row for _, row in reading.json_rows(self.next) if row.get(CHECKED) is not True])

    def ledger(self) -> list[Round]:
        """All rounds, the oldest first; a line that was torn by a crash is left out."""
        path = self.root / "rounds.jsonl"
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        try:
            return [Round(**orjson.loads(line)) for line in lines if line.endswith(b"\n")]
        except (orjson.JSONDecodeError, TypeError) as error:
            raise InputError(f"{str(path)!r} does not read as a ledger: {error}") from error

    def begun(self) -> Round | None:
        """The round that was interrupted."""
        path = self.root / "round.json"
        if not path.is_file():
            return None
        row = Round(**orjson.loads(path.read_bytes()))
        return row if all(one.round != row.round for one in self.ledger()) else None

    def keep(self, row: Round) -> Round:
        """Remember how far the round is."""
        reading.write(self.root / "round.json", [orjson.dumps(asdict(row))])
        return row

    def end(self, row: Round) -> Round:
        """Write the round into the ledger."""
        write(self.root / "rounds.jsonl", map(asdict, [*self.ledger(), row]))
        (self.root / "round.json").unlink(missing_ok=True)
        return row

    def stand(self, row: Round) -> None:
        """Put `row.model` in use, in one step, and the one before into previous/; done twice, it changes nothing more.

        Raises InputError when no directory holds that version.
        """
        if row.model is None or row.model == row.before:
            return
        if version(self.model) != row.model:
            source = next((one for one in (self.candidate, self.previous) if version(one) == row.model), None)
            if source is None:
                raise InputError(f"model {row.model} is neither in {self.candidate} nor in {self.previous}")
            if self.model.exists():
                exchange(self.model, source)
            else:
                source.rename(self.model)
        if row.before is not None and version(self.candidate) == row.before:
            shutil.rmtree(self.previous, ignore_errors=True)
            self.candidate.rename(self.previous)


def version(model: Path) -> str | None:
    """The version of the extractor in a model directory; None where there is no directory. Raises InputError."""
    return read_config(model)[1] if model.is_dir() else None


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """JSONL, whole or not at all."""
    reading.write(path, (orjson.dumps(row) + b"\n" for row in rows))
