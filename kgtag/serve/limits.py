"""The limits of a service: what one request, one key and one worker process may take."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1 << 20


class Limits(BaseSettings):
    """Limits of the service, each for one worker process; they are kept in its memory and begin anew with it.

    Attributes:
        max_body: Bytes of a JSON body, and of one line of a batch.
        max_batch_bytes: Bytes of a whole batch.
        max_batch_lines: Lines of a whole batch, blank ones counted.
        batch_seconds: How long a batch may take.
        idle_seconds: How long a batch may send nothing.
        body_seconds: How long a JSON body may take to arrive.
        header_seconds: How long the head of a request may take to arrive.
        write_seconds: How long a client may leave an answer unread.
        stop_seconds: How long requests in progress may take after SIGTERM; 7 seconds more end the process.
        max_header: Bytes of the head of a request.
        max_connections: Open connections. Above, one that waits for a request is closed, else the new one gets 503.
        max_body_memory: Bytes of JSON bodies held at a time.
        tag_queue: Single taggings that run or wait at a time, half of them of one key.
        max_batches: Batches at a time, half of them of one key.
        rate: Requests a second for each key, a line of a batch counted as one; 0 for any number.
        rate_burst: Requests that a key may make at once after a pause; 0 for those of two seconds.
        quota: Requests a day (UTC) for each key, a line of a batch counted as one; 0 for any number.
    """

    model_config = SettingsConfigDict(env_prefix="KGTAG_", protected_namespaces=(), extra="forbid")

    max_body: int = Field(default=MIB, ge=1024)
    max_batch_bytes: int = Field(default=1024 * MIB, ge=1024)
    max_batch_lines: int = Field(default=1_000_000, ge=1)
    batch_seconds: float = Field(default=3600.0, gt=0)
    idle_seconds: float = Field(default=300.0, gt=0)
    body_seconds: float = Field(default=30.0, gt=0)
    header_seconds: float = Field(default=10.0, gt=0)
    write_seconds: float = Field(default=60.0, gt=0)
    stop_seconds: float = Field(default=10.0, gt=0)
    max_header: int = Field(default=65_536, ge=1024)
    max_connections: int = Field(default=1000, ge=1)
    max_body_memory: int = Field(default=64 * MIB, ge=1024)
    tag_queue: int = Field(default=128, ge=1)
    max_batches: int = Field(default=16, ge=1)
    rate: float = Field(default=0.0, ge=0)
    rate_burst: float = Field(default=0.0, ge=0)
    quota: int = Field(default=0, ge=0)
