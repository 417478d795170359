"""What a job is asked for with, by kind: its options and files, and the command line that they become."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from api.schemas import Body, Id, Language, ProductBody
from graph.api_keys import Scope
from graph.audit import CHECKS, check_names
from graph.history.versions import NAME
from kgtag.data import FORMATS
from kgtag.data.importing import import_formats
from kgtag.rows.concepts import JobKind, JobState
from kgtag.rows.service import JobFile
from kgtag.train.extractor.config import OPTION_NAMES, PRESETS

STATES: tuple[JobState, ...] = get_args(JobState)
SCOPES: Mapping[JobKind, Scope] = {"import": "edit", "tag": "tag", "train": "admin", "audit": "read"}
"""The scope that starts a job of a kind, and that its answers need."""
_FILES = 20
_TRAINS = {
    "extractor": ("data", "dev", "format", "lang", "feedback", "config", "set", "epochs", "learning_rate", "seed"),
    "linker": ("data", "pairs", "usage", "tune", "seed"),
    "embeddings": ("data", "format", "kge_model", "dim", "epochs", "seed"),
    "recommender": ("interactions", "seed"),
}
"""The fields that each trained model takes."""
_LEARNED = ("implausible_broader", "implausible_tag")
_NEEDS = {"extractor": "data", "recommender": "interactions"}


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[^\W_][\w .()+-]*", name) or len(name) > 150:
        raise ValueError("a file's name begins with a letter or digit and has no slashes or unusual characters")
    return name


class FileBody(Body):
    """A file in a JSON body. Larger ones, and those that are not text, are sent as `multipart/form-data`.

    Example:
        {"name": "shop.csv", "content": "id,label\\nshoes,Shoes\\n"}
    """

    name: Annotated[str, AfterValidator(_file_name)]
    content: str


Files = Annotated[list[FileBody], Field(max_length=_FILES)]


class _Job(Body):
    @model_validator(mode="after")
    def _names_differ(self) -> _Job:
        names = [file.name for files in self.files().values() for file in files]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two files are named {twice!r}; give them names that differ")
        return self

    def files(self) -> dict[str, list[FileBody]]:
        """The files by the field that they were sent in."""
        return {role: found for role in ROLES if (found := getattr(self, role, None))}

    def options(self) -> dict[str, Any]:
        """The options that were given."""
        return self.model_dump(exclude_unset=True, exclude={"kind", "products", *ROLES})


ROLES = ("file", "data", "dev", "interactions", "pairs", "usage")
"""Fields with files."""


class TagJob(_Job):
    """Tag many products, as `kgtag tag` does: either `products` or one `file` (JSONL, CSV, TSV, Parquet).

    Example:
        {"kind": "tag", "products": [{"id": "1", "title": "Red leather trainers"}], "explain": true}
    """

    kind: Literal["tag"]
    products: Annotated[list[ProductBody], Field(min_length=1)] | None = None
    file: Annotated[Files, Field(max_length=1)] = Field(default=[])
    store: bool = Field(default=False, description="Keep the tags with the items in the store.")
    explain: bool = Field(default=False, description="Say in a sentence, `why`, for each tag.")
    scheme: Id | None = Field(default=None, description="Give each tag in the terms of this scheme as well.")
    lang: Language | None = Field(default=None, description="Language of products that name none.")
    column: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=20)] = Field(
        default=[], description="FIELD=HEADER, what a column of the file holds, such as at=created_at."
    )

    @model_validator(mode="after")
    def _one_source(self) -> TagJob:
        if (self.products is None) == (not self.file):
            raise ValueError("give either products or one file")
        return self


class ImportJob(_Job):
    """Import a taxonomy, as `kgtag import` does: as a whole or not at all.

    Example:
        {"kind": "import", "format": "csv", "file": [{"name": "shop.csv", "content": "id,label\\nshoes,Shoes\\n"}],
         "lang": "en"}
    """

    kind: Literal["import"]
    format: str = Field(json_schema_extra={"enum": list(import_formats())})
    file: Annotated[Files, Field(min_length=1)]
    scheme: Id | None = None
    lang: Language | None = Field(default=None, description="Language of labels without one.")
    rows: Literal["annotated", "spans", "extractgpt"] | None = Field(default=None, description="For `annotated`.")
    id_prefix: Annotated[str, Field(max_length=100)] | None = None
    replace: bool = Field(default=False, description="The file is the whole truth about its scheme.")
    keep_local: bool = Field(default=False, description="With `replace`: keep what editors added since.")
    strict: bool = Field(default=False, description="Refuse a file with something wrong in it, in place of a note.")
    syntax: Literal["turtle", "ntriples", "nquads", "trig", "rdfxml", "jsonld"] | None = None
    column: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=50)] = Field(
        default=[], description="For `csv`: ROLE=HEADER, what a column holds."
    )
    separator: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    dry_run: bool = Field(default=False, description="Check and count, and write nothing.")

    @model_validator(mode="after")
    def _known(self) -> ImportJob:
        if self.format not in import_formats():
            raise ValueError(f"no format {self.format!r}; there is {', '.join(import_formats())}")
        if self.keep_local and not self.replace:
            raise ValueError("keep_local is for replace: an import without it removes nothing")
        return self


class AuditJob(_Job):
    """Audit the taxonomy, as `kgtag audit` does. With `file`, a SKOS file in place of the store.

    Example:
        {"kind": "audit", "check": ["orphan", "ambiguous_label"]}
    """

    kind: Literal["audit"]
    check: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)] = Field(
        default=[], description="Only these checks."
    )
    since: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="Only what is new or touched since a version or a release."
    )
    budget: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Findings of each learned check at most, as a share of the edges or tags."
    )
    file: Annotated[Files, Field(max_length=1)] = Field(default=[])

    @model_validator(mode="after")
    def _named(self) -> AuditJob:
        version = re.compile(rf"[0-9]+|{NAME.pattern}")  # A file's name or a store's URL would be read there.
        if self.since is not None and not version.fullmatch(self.since):
            raise ValueError(f"{self.since!r} is not a version (5) or a release (2026.08.0)")
        if self.file and (self.check or self.since):
            raise ValueError("check and since are for the store; leave them out with a file")
        known = (*check_names(), *_LEARNED)
        if wrong := [name for name in self.check if name not in known]:
            near = get_close_matches(wrong[0], known, n=3, cutoff=0)
            raise ValueError(f"no check {wrong[0]!r}; did you mean {', '.join(near)}?")
        return self


class TrainJob(_Job):
    """Train a model, as `kgtag train` does; its directory is the result, as a tar file.

    Example:
        {"kind": "train", "model": "recommender", "interactions": [{"name": "orders.tsv", "content": "ann\\tsku-1\\n"}]}
    """

    kind: Literal["train"]
    model: Literal["extractor", "linker", "embeddings", "recommender"]
    data: Files = Field(default=[], description="Annotated products.")
    dev: Annotated[Files, Field(max_length=1)] = Field(default=[], description="Held-out products.")
    interactions: Files = Field(default=[], description="For a recommender: rows of user TAB item.")
    pairs: Annotated[Files, Field(max_length=1)] = Field(default=[], description="For a linker: further synonyms.")
    usage: Annotated[Files, Field(max_length=1)] = Field(default=[], description="For a linker: counts of concepts.")
    format: Literal[FORMATS] | None = Field(default=None, description="Format of data and dev.")  # type: ignore[valid-type]
    lang: Language | None = None
    feedback: bool = Field(default=False, description="Learn from the store's feedback as well.")
    config: Literal[PRESETS] | None = Field(default=None, description="A preset.")  # type: ignore[valid-type]
    set: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=50)] = Field(
        default=[], description="NAME=VALUE: options of an extractor that are numbers or true or false."
    )
    kge_model: Literal["ComplEx", "DistMult", "TransE", "RotatE"] | None = None
    dim: Annotated[int, Field(ge=2, le=4096)] | None = None
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = None
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    tune: bool = Field(default=False, description="For a linker: fine-tune the encoder.")
    seed: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> TrainJob:
        takes = _TRAINS[self.model]
        wrong = sorted(self.model_fields_set - {"kind", "model", *takes})
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not for model {self.model!r}, which takes {', '.join(takes)}")
        need = _NEEDS.get(self.model)
        if need is not None and not getattr(self, need):
            raise ValueError(f"training of {self.model} needs files in the field {need!r}")
        for one in self.set:
            name, _, value = one.partition("=")
            if name not in OPTION_NAMES or not re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?|true|false", value):
                raise ValueError(f"set {one!r} is not NAME=VALUE of an option that is a number, or true or false")
        return self


AnyJob = TagJob | ImportJob | AuditJob | TrainJob
BODIES: Mapping[str, type[AnyJob]] = {"import": ImportJob, "tag": TagJob, "train": TrainJob, "audit": AuditJob}


def output(kind: JobKind) -> tuple[str, str]:
    """The result of a kind: what its command writes in the job's directory, and its media type."""
    return {"tag": ("tags.jsonl", "application/x-ndjson"), "train": ("model", "application/x-tar")}.get(
        kind, ("stdout", "application/json")
    )


def amount(kind: JobKind, options: Mapping[str, Any], files: list[JobFile]) -> tuple[int | None, str]:
    """The total of the progress as far as it is known beforehand, and its unit."""
    if kind == "audit":
        return None if files else len(options.get("check") or CHECKS), "checks"
    if kind == "import":
        return len(files), "files"
    return (None, "products") if kind == "tag" else (None, "steps")


def arguments(
    kind: JobKind, options: Mapping[str, Any], files: list[JobFile], directory: Path, author: str
) -> list[str]:
    """The command line of a job, to run where its files are. A tag job and an extractor's training continue what is
    there."""
    out = f"--out={directory / output(kind)[0]}"
    given = {name: value for name, value in options.items() if name not in ("format", "model", "store")}
    paths = {role: [one["name"] for one in files if one["role"] == role] for role in ROLES}
    if kind == "tag":
        record = ["--record"] if options.get("store") else []
        return ["tag", *paths["file"], out, "--resume", "--json", *record, *_flags(given)]
    if kind == "import":
        return ["import", options["format"], *paths["file"], "--json", f"--author={author}", *_flags(given)]
    if kind == "audit":
        return ["audit", "--json", *(f"--skos={file}" for file in paths["file"]), *_flags(given)]
    uploads = [f"--{role}={path}" for role in ROLES for path in paths[role]]
    given |= {"format": options["format"]} if "format" in options else {}
    return ["train", options["model"], out, "--json", *uploads, *_flags(given)]


def _flags(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            yield from [flag] if value else []
        elif value is not None:
            yield from (f"{flag}={one}" for one in (value if isinstance(value, list) else [value]))
