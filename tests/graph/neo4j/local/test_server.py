"""A real local server: start, find again, stop; and what it says when something is missing."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from graph.errors import InputError, StoreUnavailable
from graph.model import ChangeSet, Concept, PutConcept
from graph.neo4j.local import server as local_neo4j
from graph.neo4j.local.server import LocalServer
from graph.neo4j.store import Neo4jStore


def test_up_again_is_the_same_server(neo4j_server: LocalServer) -> None:
    home = Path(neo4j_server.home)
    assert local_neo4j.up("tests", home=home) == neo4j_server
    assert local_neo4j.status("tests", home=home) == neo4j_server
    host, port = neo4j_server.url.removeprefix("bolt://").split(":")
    assert host == "127.0.0.1"
    assert local_neo4j.answers(host, int(port))
    with pytest.raises(InputError, match="already runs"):
        local_neo4j.up("tests", home=home, port=1)


def test_password_data_and_down(tmp_path: Path) -> None:
    home = tmp_path / "server"
    server = local_neo4j.up("secret", home=home, password="correct horse", heap_mb=256, pagecache_mb=32)
    assert "pagecache.size=32m" in (home / "conf" / "neo4j.conf").read_text()
    try:
        store = Neo4jStore.open(server.url, user="neo4j", password="correct horse")
        store.migrate()
        store.apply(ChangeSet((PutConcept(Concept("a", "s", "category", {"en": "A"})),), "ann"))
        assert "correct" not in store.url
        store.close()
        for wrong in ("wrong horse", None):
            store = Neo4jStore.open(server.url, password=wrong)
            with pytest.raises(StoreUnavailable, match=r"wrong user or password.*KGTAG_NEO4J_PASSWORD"):
                store.read()
            store.close()
        assert local_neo4j.down("secret", home=home)
        assert not local_neo4j.down("secret", home=home)
        assert local_neo4j.status("secret", home=home) is None
        server = local_neo4j.up("secret", home=home, password="correct horse", heap_mb=256)
        store = Neo4jStore.open(server.url.replace("bolt://", "neo4j://neo4j:correct%20horse@"))
        assert [concept.id for concept in store.read().concepts] == ["a"]
        assert "correct" not in store.url
        store.close()
    finally:
        local_neo4j.down("secret", home=home)
    store = Neo4jStore.open(server.url, password="correct horse")
    with pytest.raises(StoreUnavailable, match=r"no Neo4j answers at bolt://.*check host and port"):
        store.token()
    store.close()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is not available"):
            local_neo4j.up("other", home=tmp_path / "x", port=port)
        assert not local_neo4j.answers("127.0.0.1", port, timeout=0.2)


def test_missing_and_old_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"needs Java.*install"):
        local_neo4j.up("x", home=tmp_path / "x")
    java = tmp_path / "java"
    java.write_text(f"#!{sys.executable}\nimport sys\nprint('openjdk version \"11.0.2\"', file=sys.stderr)\n")
    java.chmod(0o755)
    with pytest.raises(InputError, match=r"needs Java 17.*11\.0\.2"):
        local_neo4j.up("x", home=tmp_path / "x")
    java.write_text(f"#!{sys.executable}\nimport sys\nprint('openjdk version \"21.0.2\"', file=sys.stderr)\n")
    with pytest.raises(InputError, match=r"needs Maven.*install"):
        local_neo4j.up("x", home=tmp_path / "x", cache=tmp_path / "cache")


def test_names_stay_inside_the_cache() -> None:
    with pytest.raises(InputError, match="invalid server name"):
        local_neo4j.up("../escape")
