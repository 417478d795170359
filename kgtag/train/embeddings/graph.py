"""Trains embeddings of a taxonomy and of concepts that occur together on items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from graph.history.releases import Stamp
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.embed.geometry import Floats
from kgtag.embed.triples import concepts_of
from kgtag.evaluation.tagging import gold_concepts
from kgtag.train.embeddings.run import EmbeddingReport, Encode, train_taxonomy_embeddings
from kgtag.train.encoder import pretrained
from kgtag.types import AnnotatedProduct


def train_graph(
    taxonomy: Taxonomy,
    *,
    out: Path,
    stamp: Stamp | None = None,
    items: Iterable[TaggedItem] = (),
    annotated: Iterable[AnnotatedProduct] = (),
    encode: Encode | None = None,
    settings: Mapping[str, Any] | None = None,
    audit_folds: int = 3,
) -> EmbeddingReport:
    """Train on the taxonomy, on the accepted tags of `items` and on the annotators' links of `annotated`.

    Args:
        stamp: version of the taxonomy in its store.
        encode: gives text embeddings of labels; the default encoder when left out.
        settings: fields of `Settings` that replace those for the size of the data.
        audit_folds: further models for the learned audit check.
    """
    together = [*concepts_of(items), *(frozenset(gold_concepts(one, taxonomy)) for one in annotated)]
    return train_taxonomy_embeddings(
        taxonomy,
        out=out,
        stamp=stamp,
        items=together,
        encode=encode or sentence_encode,
        settings=settings,
        audit_folds=audit_folds,
    )


def sentence_encode(texts: Sequence[str]) -> Floats:
    """Encode texts with the default encoder, (texts, 384) float32 of length 1."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(pretrained.resolve()), device="cpu")
    vectors: Floats = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    return vectors
