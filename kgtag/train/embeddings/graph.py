"""Trains embeddings of a taxonomy and of concepts that occur together on items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from graph.errors import InputError
from graph.history.versions import Stamp
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.embed.geometry import Floats
from kgtag.embed.triples import Triples, concept_groups, concepts_of, cooccurrence_triples, taxonomy_triples
from kgtag.evaluation.tagging import gold_concepts
from kgtag.train.embeddings.run import EmbeddingReport, train_embeddings
from kgtag.train.encoder import pretrained
from kgtag.types import AnnotatedProduct


def sentence_encode(texts: Sequence[str]) -> Floats:
    """Encode texts with the default encoder, (texts, 384) float32 of length 1."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(pretrained.resolve()), device="cpu")
    vectors: Floats = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    return vectors


def train_graph(
    taxonomy: Taxonomy,
    *,
    out: Path,
    stamp: Stamp | None = None,
    items: Iterable[TaggedItem] = (),
    annotated: Iterable[AnnotatedProduct] = (),
    together: Iterable[Iterable[str]] = (),
    encode: Callable[[Sequence[str]], Floats] | None = sentence_encode,
    settings: Mapping[str, Any] | None = None,
    audit_folds: int = 3,
) -> EmbeddingReport:
    """Train on the taxonomy, on the accepted tags of `items` and on the annotators' links of `annotated`.

    Args:
        stamp: version of the taxonomy in its store.
        together: further sets of concept ids that occur together.
        encode: gives text embeddings of preferred labels, (texts, k) float32; None trains without them.
        settings: fields of `Settings` that replace those for the size of the data.
        audit_folds: further models for the learned audit check.

    Raises:
        InputError: there are neither relations nor concepts that occur together, or an unknown setting.
    """
    sets = [*concepts_of(items), *(frozenset(gold_concepts(one, taxonomy)) for one in annotated), *together]
    found = [*taxonomy_triples(taxonomy), *cooccurrence_triples(taxonomy, sets)]
    if not found:
        raise InputError("the taxonomy has no relations and no items carry tags together: nothing to train on")
    triples = Triples.of(found, groups=concept_groups(taxonomy))
    texts = encode([taxonomy[id].label() for id in triples.entities]) if encode is not None else None
    stamp = stamp or Stamp(taxonomy.revision)
    return train_embeddings(triples, out=out, settings=settings, texts=texts, stamp=stamp, audit_folds=audit_folds)
