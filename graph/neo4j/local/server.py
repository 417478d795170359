"""Local Neo4j servers without Docker: the Community server and its Browser from Maven, run by Java.

The jars are fetched once into the cache (`~/.cache/kgtag`, or `KGTAG_CACHE`). Each named server keeps its data between
runs. It listens on 127.0.0.1 alone, and needs a password only if it was first started with one.
"""

import base64
import json
import os
import re
import socket
import struct
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from graph.errors import InputError, StoreUnavailable
from graph.neo4j.local import jars as local_jars
from graph.neo4j.local.jars import locked

USER = "neo4j"

_JAVA_PACKAGES = (
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
)
_JAVA_OPTIONS = (
    "-XX:+UseG1GC",
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djdk.tls.ephemeralDHKeySize=2048",
    "-Djdk.tls.rejectClientInitiatedRenegotiation=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dlog4j2.disable.jmx=true",
    "-Dfile.encoding=UTF-8",
)

_CONF = """server.default_listen_address=127.0.0.1
server.default_advertised_address=127.0.0.1
server.bolt.enabled=true
server.bolt.listen_address=127.0.0.1:{bolt}
server.bolt.advertised_address=127.0.0.1:{bolt}
server.http.enabled=true
server.http.listen_address=127.0.0.1:{http}
server.http.advertised_address=127.0.0.1:{http}
server.https.enabled=false
server.memory.heap.initial_size={heap}m
server.memory.heap.max_size={heap}m
server.memory.pagecache.size={pages}m
db.tx_log.preallocate=false
db.tx_log.rotation.retention_policy=256M size
dbms.security.auth_enabled={auth}
dbms.usage_report.enabled=false
internal.server.bolt.thread_pool_shutdown_wait_time=200ms
"""


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A running server; `url` is its store URL without a password, `http` that of Neo4j Browser."""

    name: str
    pid: int
    url: str
    http: str
    home: str
    auth: bool = False


def up(
    name: str = "default",
    *,
    port: int = 0,
    http_port: int = 0,
    password: str | None = None,
    cache: Path | None = None,
    home: Path | None = None,
    heap_mb: int = 512,
    pagecache_mb: int = 128,
    wait_seconds: float = 120.0,
) -> LocalServer:
    """Start a server unless it runs, and wait until it answers; port 0 means any free one.

    The password is set on the first start; Neo4j keeps it with the data. A million concepts need `heap_mb` and
    `pagecache_mb` of 1,000 or more. Raises InputError for a port that is taken, and without Java or Maven.
    """
    home = _place(name, home, cache)
    home.mkdir(parents=True, exist_ok=True)
    with locked(home):
        running = _running(home)
        if running is not None:
            if port and not running.url.endswith(f":{port}"):
                raise InputError(
                    f"the server {name!r} already runs at {running.url}; take it down first to change ports"
                )
            return running
        java, version = local_jars.java()
        jars = local_jars.jars(cache)
        classes = _classes(java, jars, jars.parent / f"classes-{version}.jsa")
        ports = (_port(port), _port(http_port))
        if password is not None and not (home / "data" / "databases").exists():
            _set_initial_password(java, jars, home, password)
        auth = password is not None or (home / "auth").exists()
        command = [java, *_JAVA_OPTIONS, *([f"-XX:SharedArchiveFile={classes}"] if classes.stat().st_size else [])]
        server = _start(command, jars, home, name=name, ports=ports, auth=auth, memory=(heap_mb, pagecache_mb))
        _wait(server, home, wait_seconds, password)
        return server


def down(
    name: str = "default", *, cache: Path | None = None, home: Path | None = None, wait_seconds: float = 30.0
) -> bool:
    """Stop a server, by force after `wait_seconds`; whether it was running."""
    home = _place(name, home, cache)
    if not home.exists():
        return False
    with locked(home):
        server = _running(home)
        if server is not None:
            _stop(server, wait_seconds)
        _state(home).unlink(missing_ok=True)
        return server is not None


def status(name: str = "default", *, cache: Path | None = None, home: Path | None = None) -> LocalServer | None:
    """The server if it runs, else None."""
    return _running(_place(name, home, cache))


def answers(host: str, port: int, timeout: float = 1.0) -> bool:
    """Whether a Bolt server answers there."""
    hello = struct.pack(">5I", 0x6060B017, 0x00040405, 0x00000404, 0x00000304, 0)
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(hello)
            version = connection.recv(4)
    except OSError:
        return False
    return len(version) == 4 and version != b"\0\0\0\0"


def _classes(java: str, jars: Path, file: Path) -> Path:
    """The classes that a server loads, as one file that Java maps (class data sharing): it starts in half the time.

    Made once by a server that runs for a moment; empty when Java wrote none.
    """
    with locked(jars.parent):
        if file.exists():
            return file
        fresh = file.with_suffix(".partial")
        fresh.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix="kgtag-neo4j-") as folder:
            home = Path(folder)
            command = [java, *_JAVA_OPTIONS, f"-XX:ArchiveClassesAtExit={fresh}", "-Xlog:disable"]
            ports = (_port(0), _port(0))
            server = _start(command, jars, home, name="classes", ports=ports, auth=False, memory=(512, 128))
            _wait(server, home, 120.0, None)
            _stop(server, 120.0)
        fresh.touch()
        fresh.rename(file)
    return file


def _start(
    java: list[str], jars: Path, home: Path, *, name: str, ports: tuple[int, int], auth: bool, memory: tuple[int, int]
) -> LocalServer:
    conf = home / "conf"
    for folder in (conf, home / "logs", home / "data", home / "run", home / "plugins", home / "import"):
        folder.mkdir(parents=True, exist_ok=True)
    bolt, http = ports
    heap, pages = memory
    text = _CONF.format(bolt=bolt, http=http, heap=heap, pages=pages, auth=str(auth).lower())
    (conf / "neo4j.conf").write_text(text, encoding="utf-8")
    command = [*java, f"-Xms{heap}m", f"-Xmx{heap}m", *_JAVA_PACKAGES, "-cp", f"{jars}/*"]
    command += ["org.neo4j.server.CommunityEntryPoint", f"--home-dir={home}", f"--config-dir={conf}", "--console-mode"]
    with _log(home).open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=home, start_new_session=True
        )
    process.returncode = 0  # The server outlives this process; else Popen would warn of it.
    urls = (f"bolt://127.0.0.1:{bolt}", f"http://127.0.0.1:{http}/browser/")
    server = LocalServer(name, process.pid, *urls, str(home), auth)
    _state(home).write_text(json.dumps(asdict(server)), encoding="utf-8")
    return server


def _wait(server: LocalServer, home: Path, seconds: float, password: str | None) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answers("127.0.0.1", port) and _serves_queries(server, password):
            return
        if _ended(server):
            _state(home).unlink(missing_ok=True)
            raise StoreUnavailable(f"Neo4j stopped while starting; the end of {_log(home)}:\n{_tail(home)}")
        time.sleep(0.1)
    _stop(server, 0.0)
    _state(home).unlink(missing_ok=True)
    raise StoreUnavailable(f"Neo4j did not answer within {seconds:.0f} s; the end of {_log(home)}:\n{_tail(home)}")


def _stop(server: LocalServer, seconds: float) -> None:
    process = _process(server)
    if process is None:
        return
    try:
        process.terminate()
        process.wait(seconds)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(10.0)
    except psutil.NoSuchProcess:
        pass


def _serves_queries(server: LocalServer, password: str | None) -> bool:
    """Whether the database is open, by HTTP: Bolt answers before. 401 suffices when the password is unknown."""
    body = json.dumps({"statements": [{"statement": "RETURN 1"}]}).encode()
    headers = {"Content-Type": "application/json"}
    if password is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()
    connection = HTTPConnection(urlsplit(server.http).netloc, timeout=5.0)
    try:
        connection.request("POST", "/db/neo4j/tx/commit", body, headers)
        answer = connection.getresponse()
        return answer.status == 401 or (answer.status == 200 and json.loads(answer.read()).get("errors") == [])
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _running(home: Path) -> LocalServer | None:
    try:
        server = LocalServer(**json.loads(_state(home).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return server if _process(server) is not None else None


def _process(server: LocalServer) -> psutil.Process | None:
    """The server's process, which must be a Java started for its home: pids are reused after a reboot."""
    try:
        process = psutil.Process(server.pid)
        return process if f"--home-dir={server.home}" in process.cmdline() else None
    except psutil.Error:
        return None


def _ended(server: LocalServer) -> bool:
    """Whether a process that was just started is gone. Its command line may be empty for a moment."""
    try:
        return bool(psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _set_initial_password(java: str, jars: Path, home: Path, password: str) -> None:
    if len(password) < 8:
        raise InputError("Neo4j needs a password of at least 8 characters")
    conf = home / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "neo4j.conf").touch()
    command = [java, *_JAVA_PACKAGES, "-cp", f"{jars}/*", "org.neo4j.cli.AdminTool"]
    command += ["dbms", "set-initial-password", password]
    where = {"NEO4J_HOME": str(home), "NEO4J_CONF": str(conf)}
    done = subprocess.run(command, env={**os.environ, **where}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StoreUnavailable(f"Neo4j refused the password: {(done.stderr or done.stdout).strip()}")
    (home / "auth").touch()


def _place(name: str, home: Path | None, cache: Path | None) -> Path:
    """The folder of a server, `home` if it is given."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise InputError(f"invalid server name {name!r}: letters, digits, '-' and '_' only")
    return (home or local_jars.folder(cache) / "servers" / name).resolve()


def _state(home: Path) -> Path:
    return home / "server.json"


def _log(home: Path) -> Path:
    return home / "logs" / "console.log"


def _tail(home: Path) -> str:
    """The last causes in the log, else its last lines."""
    lines = _log(home).read_text(encoding="utf-8", errors="replace").splitlines()
    causes = [line for line in lines if line.startswith("Caused by:") or " ERROR " in line]
    return "\n".join((causes or lines)[-5:])


def _port(wanted: int) -> int:
    """The port, any free one for 0. Raises InputError when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise InputError(
                f"port {wanted} is not available ({error.strerror}); choose another with --port"
            ) from error
        return int(probe.getsockname()[1])
