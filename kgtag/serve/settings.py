"""Settings of the command line and the service, read once from the environment."""

import sys
from pathlib import Path
from typing import Annotated, Literal, Self, get_args
from urllib.parse import unquote

from pydantic import BeforeValidator, Field, SecretStr, ValidationError

from graph.errors import InputError
from graph.stores import DEFAULT_STORE, MigratableStore, open_store
from kgtag.serve.limits import Limits
from kgtag.tag.decisions import TrialMode

Mode = Literal["off", "symbolic", "full"]
MODES: tuple[Mode, ...] = get_args(Mode)


class Settings(Limits):
    """Settings from variables named KGTAG_ and the field: KGTAG_STORE, KGTAG_MODEL, …, and the limits of the service.

    Attributes:
        store: The store's URL.
        neo4j_password: For a Neo4j URL without a password.
        model: A model directory, or NAME:ARGUMENT for an extractor of another package.
        embeddings: An embeddings directory.
        recommender: A directory of `kgtag train recommender`.
        query_model: A model directory that was trained on search queries.
        challenger: A second model directory, for a share of the products.
        challenger_share: That share, above 0 and below 1.
        challenge: "split": the challenger answers for its share; "shadow": it tags them beside, and nobody sees it.
        decisions: A directory for what both decide; beside the file of a SQLite store by default.
        decisions_mb: How much is kept of that, in megabytes; the oldest goes.
        precision: The extractor's numbers, "fp32" or "int8".
        threshold: The least probability of a tag, 0 to 1.
        mode: What enforcement uses: "off" the threshold alone, "symbolic" the taxonomy, "full" embeddings too.
        poll_seconds: Between two looks at the store.
        snapshot: A file that keeps the served snapshot for the next start.
        busy_seconds: How long a write to SQLite waits for another process.
        new_values: Infer values that the taxonomy got after training from their names.
        mask_personal: Mask personal data in products before they are tagged, stored or shown to editors.
        claims: A file of terms to flag in products, in place of kgtag's own (graph/claims.toml).
        webhook_private: Let webhooks lead into private networks, and over http.
        jobs: A directory for the jobs of the service; beside the file of a SQLite store by default.
        job_slots: Jobs that run at a time; 0 leaves them to another service with the same directory.
        job_queue: Jobs that may wait.
        access_log: Log each request: route, status, time, key id; no addresses, no texts.
        log_format: "text" for people, "json" for machines.
        job_days: After so many days a job that has ended is removed, with its files.
        max_file_mb: The largest line of a file, upload, or file that is read as a whole, in megabytes.
    """

    store: str = DEFAULT_STORE
    neo4j_password: SecretStr | None = None
    model: Annotated[str | None, BeforeValidator(lambda path: path and str(path))] = None
    embeddings: Path | None = None
    recommender: Path | None = None
    query_model: Path | None = None
    challenger: Annotated[str | None, BeforeValidator(lambda path: path and str(path))] = None
    challenger_share: float = Field(default=0.1, gt=0, lt=1)
    challenge: TrialMode = "split"
    decisions: Path | None = None
    decisions_mb: int = Field(default=64, ge=1)
    precision: Literal["fp32", "int8"] = "fp32"
    threshold: float = Field(default=0.5, ge=0, le=1)
    mode: Mode = "full"
    poll_seconds: float = Field(default=0.5, gt=0)
    snapshot: Path | None = None
    busy_seconds: float = Field(default=10.0, ge=0)
    new_values: bool = False
    mask_personal: bool = True
    webhook_private: bool = False
    claims: Path | None = None
    jobs: Path | None = None
    job_slots: int = Field(default=1, ge=0)
    job_queue: int = Field(default=100, ge=1)
    access_log: bool = False
    log_format: Literal["text", "json"] = "text"
    job_days: float = Field(default=7.0, gt=0)
    max_file_mb: int = Field(default=256, ge=1)

    def open_store(self, url: str | None = None) -> MigratableStore:
        """The store at `url`, else the one of the settings. Raises InputError for an unsupported URL."""
        return open_store(url or self.store, neo4j_password=self.password, busy_seconds=self.busy_seconds)

    def jobs_directory(self) -> Path | None:
        """Where the jobs of the service are, `shop.db.jobs` for `sqlite:///shop.db`; None: nowhere, as on Windows."""
        if sys.platform == "win32":
            return None
        return self.jobs or self._beside("jobs")

    def decisions_directory(self) -> Path:
        """Where decisions of champion and challenger are, `shop.db.decisions` for `sqlite:///shop.db`. Raises
        InputError where none is named and the store is not a file."""
        found = self.decisions or self._beside("decisions")
        if found is None:
            raise InputError("where are decisions to be kept? Give --decisions DIR (KGTAG_DECISIONS)")
        return found

    def _beside(self, suffix: str) -> Path | None:
        file = self.store.removeprefix("sqlite:///")
        return Path(f"{unquote(file)}.{suffix}") if file != self.store else None

    def environment(self) -> dict[str, str]:
        """The variables that give a process in any directory these settings."""
        given = self.absolute().model_dump(mode="json", exclude_none=True) | {"neo4j_password": self.password}
        return {f"KGTAG_{name.upper()}": str(value) for name, value in given.items() if value is not None}

    def absolute(self) -> Self:
        """The same settings for a process in any directory."""
        given: dict[str, object] = {}
        file = self.store.removeprefix("sqlite:///")
        if file != self.store:
            given["store"] = f"sqlite:///{Path(file).absolute()}"
        for name in ("model", "embeddings", "recommender", "jobs", "snapshot", "claims"):
            value = getattr(self, name)
            if value is not None and Path(value).exists():
                given[name] = type(value)(Path(value).absolute())
        return self.model_copy(update=given)

    @property
    def password(self) -> str | None:
        """The password in the clear, for those who connect."""
        return self.neo4j_password.get_secret_value() if self.neo4j_password is not None else None


def read_settings(**given: object) -> Settings:
    """Settings from the environment; `given` values count more, those that are None not at all.

    Raises:
        InputError: A value that a setting cannot have: names the variable, the value and what is expected.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]).upper()
        expected = first["msg"][:1].lower() + first["msg"][1:]
        raise InputError(f"KGTAG_{name.removeprefix('KGTAG_')} is {first['input']!r}: {expected}") from None
