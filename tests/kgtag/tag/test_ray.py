"""`kgtag tag --engine ray` on a cluster of two nodes gives what one process gives, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.stores import open_store
from kgtag.data import read_annotated, sample
from tests.kgtag.running import Ran, run
from tests.kgtag.tag.test_batch import _rows, _write

pytest.importorskip("ray", reason="Ray is not installed; pip install 'kgtag[ray]'")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a cluster with two nodes, each of one core."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        cluster.shutdown()


@pytest.fixture
def products(tmp_path: Path) -> Path:
    """The sample's titles, twice, and some rows that can't be tagged."""
    rows: list[dict[str, object]] = [
        {"id": f"{n}-{one.product.id}", "title": one.product.title, "lang": one.product.lang}
        for n in range(2)
        for one in read_annotated(sample.TRAIN)
    ]
    rows[100:100] = [{"id": "bad"}, {"id": "worse", "title": 5}, {"title": "red socks", "category": "nothing"}]
    return _write(tmp_path / "products.jsonl", rows)


def tag(shop: str, address: str, *args: str | Path) -> Ran:
    how = ("--engine", "ray", "--store", shop)
    return run("tag", *args, *how, env={"RAY_ADDRESS": address, "OMP_NUM_THREADS": "1"})


def test_two_nodes_give_the_same_bytes_and_resume(shop: str, address: str, products: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert run("tag", products, "--out", whole, "--store", shop).code == 1
    ran = tag(shop, address, products, "--out", out, "--record", "--json")
    assert ran.code == 1 and ran.stdout, ran.stderr
    assert ran.json["failed"] == 3
    assert out.read_bytes() == whole.read_bytes()
    assert {item.id for item in open_store(shop).items()} == {row["id"] for row in _rows(whole) if "error" not in row}

    lines = whole.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:301]) + lines[301][:20])
    resumed = tag(shop, address, products, "--out", out, "--resume")
    assert "301 done before" in resumed.stderr and out.read_bytes() == whole.read_bytes()


def test_a_cluster_that_is_not_there_and_standard_input(shop: str, products: Path, tmp_path: Path) -> None:
    gone = tag(shop, "127.0.0.1:1", products, "--out", tmp_path / "out.jsonl")
    assert gone.code == 2 and "no Ray cluster at '127.0.0.1:1'" in gone.stderr
    piped = run("tag", "--engine", "ray", "--store", shop, stdin=json.dumps({"title": "red"}))
    assert piped.code == 2 and "standard input is read by one process" in piped.stderr
    other = run("tag", products, "--engine", "dask", "--store", shop)
    assert other.code == 2 and "unsupported engine 'dask'; local or ray" in other.stderr
