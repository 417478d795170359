"""From a surface to a concept, or to NIL: candidates by lookup, shared letters and meaning; then one small model."""

from kgtag.link.linker import LinkExample, TaxonomyLinker

__all__ = ["LinkExample", "TaxonomyLinker"]
