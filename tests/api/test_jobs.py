"""Jobs over HTTP: real services in real processes, whose commands are run, cancelled, killed and resumed."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.jobs.folder import Job, JobFolder, Upload
from api.jobs.runner import Runner
from graph.formats import reading
from graph.sqlite.store import SqliteStore
from kgtag.client import ApiError, AsyncClient, Client
from tests.api import shop
from tests.kgtag.running import main

MANY = 1_200


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A directory with a store, and its keys by scope."""
    path = tmp_path_factory.mktemp("jobs")
    store = SqliteStore.open(path / "kgtag.db")
    store.migrate()
    shop.fill(store)
    keys = shop.keys(store)
    store.close()
    return path, keys


@pytest.fixture(scope="module")
def served(place: tuple[Path, dict[str, str]]) -> Iterator[str]:
    with shop.process(f"sqlite:///{place[0] / 'kgtag.db'}") as (url, _):
        yield url


@pytest.fixture
def admin(served: str, place: tuple[Path, dict[str, str]]) -> Iterator[Client]:
    with Client(served, place[1]["admin"]) as client:
        yield client


def _products(path: Path, count: int) -> Path:
    titles = ("Red leather trainers", "Blue sandals", "红色 运动鞋")
    rows = [json.dumps({"id": f"p{n}", "title": f"{titles[n % 3]} {n}"}) for n in range(count)]
    path.write_text("\n".join(rows) + "\n")
    return path


def _ids(tags: bytes) -> list[str]:
    return [json.loads(line)["id"] for line in tags.split(b"\n") if line]


def _end(client: Client, id: str) -> Any:
    return list(client.job_events(id))[-1]


def _begun(client: Client, id: str) -> None:
    """Wait until the job is in the middle."""
    shop.until(lambda: client.job(id)["progress"]["done"] > 0)
    assert client.job(id)["state"] == "running"


def test_a_tagging_with_its_events_gives_what_the_command_gives(
    served: str, admin: Client, place: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    file = _products(tmp_path / "shop.jsonl", 300)
    with file.open("a") as more:
        more.write('{"id": "broken"}\n')
    job = admin.create_job("tag", {"file": file}, explain=True, store=True, idempotency_key="once")
    assert job["state"] == "queued" and job["files"] == [
        {"role": "file", "name": file.name, "bytes": file.stat().st_size}
    ]
    assert admin.create_job("tag", {"file": file}, idempotency_key="once")["id"] == job["id"]

    async def listen() -> list[Any]:
        async with AsyncClient(served, place[1]["tag"]) as client:
            return [row async for row in client.job_events(job["id"])]

    with ThreadPoolExecutor() as pool:
        heard = pool.submit(asyncio.run, listen())
        rows = list(admin.job_events(job["id"]))
    states = [row["state"] for row in rows]
    done = [row["progress"]["done"] for row in rows]
    assert states == sorted(states, key=["queued", "running", "done"].index) and done == sorted(done)
    assert rows[-1] == heard.result()[-1] == {**admin.job(job["id"])}
    assert rows[-1]["progress"] == {"done": 301, "total": 301, "unit": "products"}
    assert {**rows[-1]["summary"], "seconds": 0} == {"tagged": 300, "failed": 1, "seconds": 0}
    given = ("--store", f"sqlite:///{place[0] / 'kgtag.db'}", "--explain", "--json")
    ran = main("tag", file.name, *given, "--out", "out.jsonl", cwd=tmp_path)
    again = main("tag", file.name, *given, "--out", "out.jsonl", "--resume", cwd=tmp_path)
    assert (ran.code, ran.json["failed"]) == (1, 1) and {**again.json, "seconds": 0} == {**ran.json, "seconds": 0}
    assert main("tag", file.name, *given, cwd=tmp_path).code == 2
    assert admin.job_result(job["id"]) == (tmp_path / "out.jsonl").read_bytes()
    with shop.client(served, place[1]["tag"]) as tagger:
        told = tagger.get(f"/v1/jobs/{job['id']}/events")
        assert told.headers["Content-Type"].startswith("text/event-stream")
        (last,) = (line.removeprefix("id: ") for line in told.text.splitlines() if line.startswith("id: "))
        again = tagger.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": str(int(last) - 1)})
        assert f"id: {last}\n" in again.text
        assert tagger.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": last}).status_code == 204


def test_cancelled_in_the_middle_and_resumed(admin: Client, tmp_path: Path) -> None:
    file = _products(tmp_path / "shop.jsonl", MANY)
    first, second = (admin.create_job("tag", {"file": file})["id"] for _ in range(2))
    _begun(admin, first)
    with pytest.raises(ApiError, match="has no result; follow it"):
        admin.job_result(first)
    waiting = admin.delete_job(second)
    assert waiting is not None and waiting["state"] == "cancelled" and not waiting["result"]
    cancelled = admin.delete_job(first)
    assert cancelled is not None and cancelled["state"] == "cancelled"
    part = _ids(admin.job_result(first))
    assert part == [f"p{n}" for n in range(len(part))] and 0 < len(part) < MANY
    assert admin.resume_job(first)["state"] == "queued"
    with pytest.raises(ApiError, match="only a failed or cancelled job can be resumed"):
        admin.resume_job(first)
    assert _end(admin, first)["summary"]["tagged"] == MANY
    assert _ids(admin.job_result(first)) == [f"p{n}" for n in range(MANY)]
    assert admin.delete_job(first) is None and admin.delete_job(second) is None
    with pytest.raises(ApiError, match="Unknown Job"):
        admin.job(first)


def test_killed_in_the_middle_and_started_again_with_two_workers(
    place: tuple[Path, dict[str, str]], sqlite_store: SqliteStore, tmp_path: Path
) -> None:
    """Not a row is lost or written twice, and any worker answers; a job that was just accepted is there as well."""
    shop.fill(sqlite_store)
    key = shop.keys(sqlite_store)["admin"]
    file = _products(tmp_path / "shop.jsonl", MANY)
    with shop.process(sqlite_store.url) as (url, service), Client(url, key) as client:
        first = client.create_job("tag", {"file": file})["id"]
        _begun(client, first)
        second = client.create_job("audit")["id"]
        service.kill()  # as a machine does that is short of memory; the job's process lives on
    with shop.process(sqlite_store.url, workers=2) as (url, service), Client(url, key) as client:
        for id in (first, second):
            assert _end(client, id)["state"] == "done"
        for _ in range(4):  # each on a connection of its own, so that both workers get some
            with Client(url, key) as other:
                assert _ids(other.job_result(first)) == [f"p{n}" for n in range(MANY)]
        assert 'kgtag_jobs{state="done"} 2.0' in client.metrics()
        third = client.create_job("audit")["id"]
        shop.until(lambda: client.job(third)["state"] == "running")
    folder = JobFolder(tmp_path / "kgtag.db.jobs")
    stopped = folder.find(third)
    assert stopped is not None and (stopped.state, stopped.attempts) == ("queued", 0)
    assert not _alive(stopped.pid)


def _alive(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}").exists()


def test_an_import_is_live_when_it_is_done(admin: Client, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text("id,label,parent\nclogs,Clogs,shoes\n")
    job = admin.create_job("import", {"file": file}, format="csv", lang="en", scheme="shop")
    end = _end(admin, job["id"])
    assert (end["state"], end["summary"]["created"], end["progress"]["done"]) == ("done", 1, 1), end
    assert admin.concept("clogs")["label"] == "Clogs"
    assert json.loads(admin.job_result(job["id"])) == end["summary"]
    newest = admin.versions()["versions"][0]
    assert (newest["author"], newest["reason"]) == ("api:admin", "import csv more.csv")
    other = tmp_path / "kgtag.py"  # as data: an upload is never imported as a module
    other.write_text("raise SystemExit(0)")
    failed = _end(admin, admin.create_job("import", {"file": other}, format="skos", syntax="turtle")["id"])
    assert failed["state"] == "failed" and failed["error"]["type"] == "urn:kgtag:problem:job-failed"
    assert failed["error"]["detail"].startswith("kgtag.py:1:") and "/" not in failed["error"]["detail"]
    with pytest.raises(ApiError, match="failed and has no result: kgtag"):
        admin.job_result(failed["id"])


def test_an_audit(admin: Client) -> None:
    job = admin.create_job("audit", check=["orphan", "single_child"])
    end = _end(admin, job["id"])
    report = json.loads(admin.job_result(job["id"]))
    assert end["state"] == "done" and end["summary"]["findings"] == len(report["findings"]) > 0
    assert {check["name"] for check in report["checks"]} == {"orphan", "single_child"}
    assert [row["id"] for row in admin.jobs(kind="audit", limit=1)["jobs"]] == [job["id"]]


def test_a_training_gives_a_model(admin: Client, tmp_path: Path) -> None:
    orders = tmp_path / "orders.tsv"
    orders.write_text("".join(f"u{n}\tsku-{n * k % 7}\n" for n in range(20) for k in (1, 2, 3)))
    end = _end(admin, admin.create_job("train", {"interactions": orders}, model="recommender")["id"])
    assert end["state"] == "done" and end["summary"]["users"] == 20, end
    with tarfile.open(fileobj=io.BytesIO(admin.job_result(end["id"]))) as tar:
        assert {"model/manifest.json", "model/weights.npy"} <= set(tar.getnames())


def test_a_job_is_for_keys_that_may_start_it(served: str, place: tuple[Path, dict[str, str]], admin: Client) -> None:
    keys = place[1]
    bodies = {
        "tag": {"kind": "tag", "products": [{"title": "red"}]},
        "read": {"kind": "audit"},
        "edit": {"kind": "import", "format": "csv", "file": [{"name": "a.csv", "content": "id,label\nx,X\n"}]},
        "admin": {"kind": "train", "model": "linker"},
    }
    made = admin.create_job("tag", products=[{"title": "red"}])["id"]
    for scope, body in bodies.items():
        other = "read" if scope == "tag" else "tag"
        with shop.client(served, keys[other]) as stranger:
            refused = stranger.post("/v1/jobs", json=body)
            assert (refused.status_code, refused.json()["scope"]) == (403, scope)
    with shop.client(served, keys["read"]) as reader, shop.client(served) as anyone:
        for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/result"), ("POST", "/resume"), ("DELETE", "")):
            assert reader.request(method, f"/v1/jobs/{made}{path}").status_code == 403
            assert anyone.request(method, f"/v1/jobs/{made}{path}").status_code == 401
        assert made not in [job["id"] for job in reader.get("/v1/jobs").json()["jobs"]]


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("no kind", {"json": {}}, 422, "the kind is missing; there is import, tag"),
    ("another kind", {"json": {"kind": "fly"}}, 422, "the kind 'fly' is unknown"),
    ("not JSON", {"content": b"{"}, 400, "the body is not JSON"),
    ("nothing to tag", {"json": {"kind": "tag"}}, 422, "give either products or one file"),
    ("another option", {"json": {"kind": "audit", "colour": 1}}, 422, "body.colour: no such field; there is kind"),
    ("no check", {"json": {"kind": "audit", "check": ["orphans"]}}, 422, "no check 'orphans'; did you mean orphan"),
    ("a file of the server", {"json": {"kind": "audit", "since": "/etc/passwd"}}, 422, "is not a version (5)"),
    ("no data", {"json": {"kind": "train", "model": "extractor"}}, 422, "needs files in the field 'data'"),
    (
        "a path in an option",
        {"data": {"kind": "train", "model": "extractor", "set": "teachers=/x"}, "files": {"data": ("a.jsonl", b"{}")}},
        422,
        "set 'teachers=/x' is not NAME=VALUE",
    ),
    (
        "a name",
        {"json": {"kind": "import", "format": "csv", "file": [{"name": "../x", "content": ""}]}},
        422,
        "slashes",
    ),
    ("a format", {"json": {"kind": "import", "format": "x", "file": [{"name": "x", "content": ""}]}}, 422, "no format"),
    ("a broken row", {"data": {"kind": "tag"}, "files": {"file": ("a.jsonl", b"nonsense\n")}}, 422, "a.jsonl:1:1: no"),
    ("no titles", {"data": {"kind": "tag"}, "files": {"file": ("a.csv", b"a,b\n1,2\n")}}, 422, "no column 'title'"),
    ("an empty file", {"data": {"kind": "tag"}, "files": {"file": ("a.csv", b"")}}, 422, "a.csv: the file is empty"),
    ("a suffix", {"data": {"kind": "tag"}, "files": {"file": ("a.doc", b"x")}}, 422, "a.doc: the suffix '.doc'"),
    (
        "text for a file",
        {"data": {"kind": "tag", "file": "x"}, "files": {"dev": ("x", b"")}},
        422,
        "a file was expected",
    ),
    ("a form by name only", {"data": {"kind": "tag"}}, 415, "send Content-Type: application/json, multipart"),
    (
        "a form without boundary",
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        400,
        "Missing boundary",
    ),
    ("too large", {"json": {"kind": "tag", "products": [{"title": "x" * (1 << 20)}]}}, 413, "send files as multipart"),
]


@pytest.mark.parametrize(("request_", "status", "detail"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_is_wrong_is_named_at_once(steady: httpx.Client, request_: Any, status: int, detail: str) -> None:
    refused = steady.post("/v1/jobs", **request_)
    assert refused.status_code == status and detail in refused.json()["detail"], refused.text
    assert steady.get("/v1/jobs").json()["jobs"] == []


def test_limits(steady: httpx.Client, shop_store: SqliteStore, keys: dict[str, str], monkeypatch: Any) -> None:
    monkeypatch.setattr(reading, "_largest", 1 << 20)
    large = steady.post("/v1/jobs", data={"kind": "tag"}, files={"file": ("a.csv", b"title\n" + b"x\n" * (1 << 20))})
    assert large.status_code == 413 and "KGTAG_MAX_FILE_MB" in large.json()["detail"]
    with shop.serving(shop.app(shop_store.url, job_queue=1)) as url, shop.client(url, keys["admin"]) as client:
        assert client.post("/v1/jobs", json={"kind": "audit"}).status_code == 202
        full = client.post("/v1/jobs", json={"kind": "audit"})
        assert (full.status_code, full.json()["type"]) == (503, "urn:kgtag:problem:queue-full")
        assert "Retry-After" in full.headers
        pages = client.get("/v1/jobs?limit=1&state=queued").json()
        assert len(pages["jobs"]) == 1 and pages["next_cursor"] is None


def test_without_a_place_for_jobs(shop_store: SqliteStore, keys: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with (
        shop.serving(shop.app(shop_store.url, jobs=tmp_path / "taken")) as url,
        shop.client(url, keys["admin"]) as client,
    ):
        off = client.post("/v1/jobs", json={"kind": "audit"})
        assert (off.status_code, off.json()["type"]) == (503, "urn:kgtag:problem:jobs-off")
        assert client.get("/v1/jobs/x").status_code == 404 and client.get("/v1/jobs").json()["jobs"] == []
    assert shop.settings("neo4j://localhost").jobs_directory() is None
    assert shop.settings("sqlite:///a%20b.db").jobs_directory() == Path("a b.db.jobs")


def _made(folder: JobFolder, *, kind: Any = "audit") -> Job:
    source = io.BytesIO(b"title\nx\n")
    uploads = [Upload("file", "x.csv", source)] if kind == "tag" else []
    progress: Any = {"done": 0, "total": None, "unit": "checks"}
    return folder.create(kind, {}, uploads, by="ann", author="api:ann", progress=lambda _: progress)


def test_a_job_that_stops_its_service_each_time_has_failed(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    job = _made(folder)
    (folder.directory(job.id) / "log").write_text("the last line\n")
    folder.change(job.id, state="running", attempts=2, pid=os.getpid(), pid_started=0.0)
    runner = Runner(folder, {}, slots=1, days=1)
    runner.start()
    shop.until(lambda: getattr(folder.find(job.id), "over", False))
    runner.stop()
    found = folder.find(job.id)
    assert found is not None and found.state == "failed" and found.error is not None
    assert found.error["detail"].endswith("3 times while it ran, without progress in between; the last line")


def test_old_and_broken_jobs_go(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "jobs")
    old, new, broken = (_made(folder, kind="tag") for _ in range(3))
    folder.change(old.id, state="done", ended="2020-01-01T00:00:00+00:00")
    folder.cancel(new.id)
    (folder.directory(broken.id) / "job.json").write_text("{")
    assert folder.cancel(old.id) == folder.find(old.id)
    folder.tidy(days=1)
    assert [job.id for job in folder.jobs()] == [new.id] and not folder.directory(old.id).exists()
    with pytest.raises(OSError):
        folder.create(
            "tag", {}, [Upload("file", "a/b", io.BytesIO())], by="", author="", progress=lambda _: new.progress
        )
    assert not list((tmp_path / "jobs").glob(".new-*"))


def test_one_runner_holds_the_lease(tmp_path: Path) -> None:
    folder, other = JobFolder(tmp_path), JobFolder(tmp_path)
    lease = folder.lease()
    assert lease is not None and other.lease() is None
    lease.close()
    again = other.lease()
    assert again is not None
    again.close()
