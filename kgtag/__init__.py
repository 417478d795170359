"""Knowledge-graph-backed product tagging: product text in, consistent tags linked to a taxonomy out.

Example:
    >>> import kgtag
    >>> shop = kgtag.load(store="tents.jsonl")
    >>> shop("Trailhead dome tent, green")
    Tagging of '1' (model labels-a2c8f13bc224, revision a2c8f13bc224)
      category: Dome tents 0.96 'dome tent'
      category: Tents 0.96 (implied)
      color: Green 0.86 'green'
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph.sources import Taxonomy
    from graph.stores import open_store
    from kgtag.pipeline import Pipeline, evaluate, load, train_embeddings, train_extractor
    from kgtag.types import Extractor, Linker, Product, Tag, Tagging

__all__ = [
    "Extractor",
    "Linker",
    "Pipeline",
    "Product",
    "Tag",
    "Tagging",
    "Taxonomy",
    "__version__",
    "evaluate",
    "load",
    "open_store",
    "train_embeddings",
    "train_extractor",
]

try:
    __version__ = version("kgtag")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    """Import the names on first use: the command line starts without them."""
    if name in __all__:
        from kgtag import pipeline, types

        return getattr(types if hasattr(types, name) else pipeline, name)
    raise AttributeError(f"module 'kgtag' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
