"""What a service sees of the pipeline while it runs."""

from typing import Protocol

from kgtag.types import Extraction, Product


class Watch(Protocol):
    """Called by a `Tagger`, from the threads that tag."""

    def stage(self, name: str, seconds: float) -> None:
        """Some products went through "extract", "link" or "enforce"."""

    def extracted(self, product: Product, extraction: Extraction) -> None:
        """A product whose category was not given was read; the product is clean."""
