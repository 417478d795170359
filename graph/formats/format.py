"""Taxonomy formats: a name, a reader, a writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from graph.formats.parsed import Parsed
from graph.taxonomy import Taxonomy

Expand = Literal["both", "oneway"]


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Options of an export; each format uses those that apply to it.

    Args:
        scheme: Only concepts of this scheme.
        lang: Only labels of this language (`shopify`, `synonyms`).
        xl: Write labels as SKOS-XL (`skos`).
        lossy: Leave out what the format can't hold (`shopify`).
        expand: Make labels equivalent ("both"), or replace them by the preferred one ("oneway") (`synonyms`).
        narrower: Levels below a concept whose labels it finds too (`synonyms`).
    """

    scheme: str | None = None
    lang: str | None = None
    xl: bool = False
    lossy: bool = False
    expand: Expand = "both"
    narrower: int = 0


DEFAULTS = ExportOptions()


class Reader(Protocol):
    """Reads files as one taxonomy; `lang` is the language of labels without one."""

    def __call__(self, files: Sequence[Path], *, scheme: str | None, lang: str | None) -> Parsed: ...


@dataclass(frozen=True, slots=True)
class Exported:
    """The number of concepts written, and notes on what was left out."""

    concepts: int
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, taxonomy: Taxonomy, options: ExportOptions, notes: Sequence[str] | None = None) -> Exported:
        """An export of every concept of the scheme."""
        return cls(sum(options.scheme in (None, concept.scheme) for concept in taxonomy), tuple(notes or ()))


class Writer(Protocol):
    """Writes a file, whole or not at all."""

    def __call__(self, taxonomy: Taxonomy, path: Path, options: ExportOptions, /) -> Exported: ...


@dataclass(frozen=True, slots=True)
class Format:
    """A taxonomy file format. Packages add theirs with an entry point of the group `kgtag.formats`.

    Args:
        name: The name on the command line (`kgtag import NAME FILE`).
        read: Reads files; None for a format that is only written.
        write: Writes a file; None for a format that is only read.
        suffixes: Endings of file names that mean this format (".ttl").
        options: Keyword arguments of `read` besides `scheme` and `lang`: options of the command line.
        complete: Whether a file holds everything about a concept, so that what it lacks is not so.

    Example:
        >>> Format("lines", read=lambda files, *, scheme, lang: Parsed((), ())).suffixes
        ()
    """

    name: str
    read: Reader | None = None
    write: Writer | None = None
    suffixes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    complete: bool = False
