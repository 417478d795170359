"""Requirements of a local Neo4j: Java, and the server's jars, fetched once with Maven."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from graph.errors import InputError, StoreUnavailable

VERSION = "5.26.30"
BROWSER_VERSION = "5.24.0"

_JAVA_AT_LEAST = 17

_DEPENDENCY = """    <dependency>
      <groupId>{group}</groupId>
      <artifactId>{artifact}</artifactId>
      <version>{version}</version>
    </dependency>
"""
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.kgtag</groupId>
  <artifactId>local-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{dependencies}  </dependencies>
</project>
"""


def java() -> tuple[str, str]:
    """The path of a Java that is new enough, and its version. Raises InputError, with instructions, without one."""
    home = os.environ.get("JAVA_HOME")
    java = (shutil.which("java", path=str(Path(home) / "bin")) if home else None) or shutil.which("java")
    advice = f"install a Java runtime {_JAVA_AT_LEAST} or 21 (Debian, Ubuntu: apt-get install openjdk-17-jre-headless)"
    if java is None:
        raise InputError(f"a local Neo4j needs Java, and there is no `java` on the PATH: {advice}")
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?((\d+)[^"]*)', output)
    if found is None or int(found[2]) < _JAVA_AT_LEAST:
        shown = output.strip().splitlines()[0] if output.strip() else "nothing"
        raise InputError(f"Neo4j {VERSION} needs Java {_JAVA_AT_LEAST}, and {java} reports {shown!r}: {advice}")
    return java, found[1]


def cached(name: str, cache: Path | None = None) -> Path:
    """The folder of downloads under a name."""
    return (cache or Path(os.environ.get("KGTAG_CACHE") or Path.home() / ".cache" / "kgtag")) / name


def folder(cache: Path | None) -> Path:
    return cached(f"neo4j-{VERSION}", cache)


def jars(cache: Path | None) -> Path:
    """The folder of the server's jars, fetched with Maven if it is missing."""
    wanted = (
        ("org.neo4j", "neo4j", VERSION),
        ("org.neo4j.app", "neo4j-server", VERSION),
        ("org.neo4j.client", "neo4j-browser", BROWSER_VERSION),
    )
    return fetched(folder(cache), wanted, title=f"Neo4j {VERSION}")


def fetched(root: Path, wanted: Sequence[tuple[str, str, str]], *, title: str) -> Path:
    """The folder `lib` of `root` with jars (group, artifact, version) and their dependencies from Maven Central.

    It appears whole or not at all. Raises StoreUnavailable when Maven fails, InputError when there is none.
    """
    lib = root / "lib"
    if lib.is_dir():
        return lib
    root.mkdir(parents=True, exist_ok=True)
    with locked(root):
        if lib.is_dir():
            return lib
        maven = shutil.which("mvn")
        if maven is None:
            raise InputError(
                f"fetching {title} needs Maven, and there is no `mvn` on the PATH: install it "
                "(Debian, Ubuntu: apt-get install maven; macOS: brew install maven)"
            )
        dependencies = "".join(_DEPENDENCY.format(group=g, artifact=a, version=v) for g, a, v in wanted)
        (root / "pom.xml").write_text(_POM.format(dependencies=dependencies), encoding="utf-8")
        fresh = root / "lib.partial"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [maven, "-q", "-B", "-f", str(root / "pom.xml"), "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={fresh}", "-DincludeScope=runtime"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        names = (f"{artifact}-{version}.jar" for _, artifact, version in wanted)
        if done.returncode or not all((fresh / name).exists() for name in names):
            last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
            raise StoreUnavailable(f"Maven could not fetch {title}; is the network up?\n{last}")
        fresh.rename(lib)
    return lib


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the lock of a folder, so that two processes do not start one server."""
    with (root / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
