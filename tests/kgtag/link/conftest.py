"""One linker, trained once for all workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.history.versions import Stamp
from graph.taxonomy import Taxonomy
from kgtag.link import TaxonomyLinker
from kgtag.train.linker.run import train_linker
from tests.kgtag.link.small import small_taxonomy
from tests.once import once


@pytest.fixture(scope="session")
def shop() -> Taxonomy:
    return small_taxonomy()


@pytest.fixture(scope="session")
def untrained(shop: Taxonomy) -> TaxonomyLinker:
    return TaxonomyLinker(shop)


@pytest.fixture(scope="session")
def linker_dir(shop: Taxonomy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(out: Path) -> None:
        train_linker(shop, out=out / "model", seed=0, stamp=Stamp(shop.revision, 3, "2026.08.1"))

    return once(tmp_path_factory, "linker", make) / "model"


@pytest.fixture(scope="session")
def trained(shop: Taxonomy, linker_dir: Path) -> TaxonomyLinker:
    return TaxonomyLinker(shop, model_dir=linker_dir)
