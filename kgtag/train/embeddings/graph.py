"""Embeddings of a store's taxonomy and of what stands together on its items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.history.releases import Stamp
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.embed.geometry import Floats
from kgtag.embed.triples import concepts_of
from kgtag.evaluation.tagging import gold_concepts
from kgtag.train.embeddings.run import EmbeddingReport, Encode, train_taxonomy_embeddings
from kgtag.train.encoder import pretrained
from kgtag.types import AnnotatedProduct

if TYPE_CHECKING:
    from kgtag.train.embeddings.settings import Device


def train_graph(
    taxonomy: Taxonomy,
    *,
    out: Path,
    stamp: Stamp | None = None,
    items: Iterable[TaggedItem] = (),
    annotated: Iterable[AnnotatedProduct] = (),
    encode: Encode | None = None,
    kge_model: str | None = None,
    dim: int | None = None,
    epochs: int | None = None,
    config: Mapping[str, Any] | None = None,
    device: Device = "auto",
    seed: int = 0,
    progress: bool = False,
    audit_folds: int = 3,
) -> EmbeddingReport:
    """Train on the taxonomy, on the accepted tags of `items` and on the annotators' links of `annotated`.

    `stamp`: what its store calls the taxonomy. Labels are encoded by `encode`, else by the default encoder.
    """
    together = [*concepts_of(items), *(frozenset(gold_concepts(one, taxonomy)) for one in annotated)]
    return train_taxonomy_embeddings(
        taxonomy,
        out=out,
        stamp=stamp,
        items=together,
        encode=encode or sentence_encode,
        kge_model=kge_model,
        dim=dim,
        epochs=epochs,
        config=config,
        device=device,
        seed=seed,
        progress=progress,
        audit_folds=audit_folds,
    )


def sentence_encode(texts: Sequence[str]) -> Floats:
    """(texts, 384) float32 of length 1, by sentence-transformers and the default encoder."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(pretrained.resolve()), device="cpu")
    vectors: Floats = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    return vectors
