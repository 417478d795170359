"""The Linker port over one taxonomy snapshot; mentions in, JSONL out."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache

from graph.errors import FileFormatError, InputError, UnknownConcept
from graph.formats import reading
from graph.lookup import require_concept
from graph.taxonomy import Taxonomy
from kgtag.compute import blas_on_one_core, parallel_map
from kgtag.link.candidates.retrieve import NEAR
from kgtag.link.encoder import SentenceEncoder
from kgtag.link.features.build import CandidateFinder
from kgtag.link.files import LinkerFiles, read_linker
from kgtag.link.models import DEFAULT_MODEL, LinkModel, RankModel
from kgtag.types import Candidate, Linked, Linker, Query

UNTRAINED = "untrained"
_NOTHING = Linked((), None)
_BATCH, _ROWS = 512, 64
"""Queries that are linked together; lines that are read together."""
_SHOWN = 10
_CACHED = 50_000


class TaxonomyLinker:
    """Links surfaces to active and candidate concepts of the taxonomy (of `scheme`, when given).

    Without `model_dir` it finds candidates by lookup and shared letters alone and weighs them with built-in weights.
    `earlier`, the linker of the snapshot before, lends its label vectors, so that only new labels are encoded.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        *,
        model_dir: Path | None = None,
        scheme: str | None = None,
        earlier: TaxonomyLinker | None = None,
    ) -> None:
        if scheme is not None and scheme not in taxonomy.schemes:
            raise UnknownConcept(scheme, kind="scheme", near=[repr(known) for known in taxonomy.schemes])
        files = read_linker(model_dir) if model_dir is not None else None
        self.taxonomy = taxonomy
        self.version = files.version if files else UNTRAINED
        self.model: LinkModel | RankModel = files.model if files else DEFAULT_MODEL
        if files is None:
            self._finder = CandidateFinder(taxonomy, scheme=scheme)
        else:
            self._finder = _dense_finder(taxonomy, scheme, files, earlier._finder if earlier else None)
        self._cache: LRUCache[Query, Linked] = LRUCache(_CACHED)
        self._lock = threading.Lock()

    @property
    def encoder(self) -> SentenceEncoder | None:
        """What reads labels; None without a trained linker."""
        return self._finder.encoder

    def link(self, queries: Sequence[Query]) -> list[Linked]:
        """One answer per query, in order, at most ten candidates each, best first, ties by id.

        Raises UnknownConcept when a query's attribute or category is unknown.
        """
        with self._lock:
            known = {query: self._cache[query] for query in queries if query in self._cache}
        new = list(dict.fromkeys(query for query in queries if query not in known))
        with blas_on_one_core():
            linked = dict(zip(new, self._link_all(new), strict=True))
        with self._lock:
            self._cache.update(linked)
        found = known | linked
        return [found[query] for query in queries]

    def _link_all(self, queries: Sequence[Query]) -> list[Linked]:
        """Link batches in parallel: most of the time is spent in libraries that release the interpreter lock."""
        batches = [queries[start : start + _BATCH] for start in range(0, len(queries), _BATCH)]
        return list(chain.from_iterable(parallel_map(self._link, batches)))

    def _link(self, queries: Sequence[Query]) -> list[Linked]:
        found = self._finder.find(queries)
        odds = self.model.log_odds(found.features, found.lookup)
        scores, probabilities = self.model.score(odds), self.model.probability(odds)
        order = np.lexsort((found.concept, -odds, found.lookup))
        starts = np.searchsorted(found.lookup[order], np.arange(len(queries) + 1))
        answers = []
        for number in range(len(queries)):
            candidates = tuple(
                Candidate(
                    concept=self.taxonomy.ids[found.concept[i]],
                    score=float(scores[i]),
                    probability=float(probabilities[i]),
                    method="exact" if found.level[i] != NEAR else "dense" if found.dense[i] else "fuzzy",
                )
                for i in order[starts[number] : starts[number + 1]][:_SHOWN]
            )
            answers.append(_decided(candidates, self.model))
        return answers


def _dense_finder(
    taxonomy: Taxonomy, scheme: str | None, files: LinkerFiles, earlier: CandidateFinder | None
) -> CandidateFinder:
    """With the encoder of the files; its session and vectors are taken over from `earlier` when that has the same."""
    encoder = earlier.encoder if earlier is not None else None
    if encoder is None or encoder.onnx != files.onnx or encoder.digest != files.encoder_digest:
        encoder, earlier = SentenceEncoder(files.onnx, files.tokenizer, digest=files.encoder_digest), None
    lent = earlier.vectors if earlier is not None else None
    return CandidateFinder(
        taxonomy, scheme=scheme, encoder=encoder, cache=files.vectors, earlier=lent, state=files.state
    )


def _decided(candidates: tuple[Candidate, ...], model: LinkModel | RankModel) -> Linked:
    if not candidates:
        return _NOTHING
    return Linked(candidates, candidates[0] if candidates[0].probability >= model.threshold else None)


@dataclass(frozen=True, slots=True)
class LinkExample:
    """A query and its gold concept id; None says that the taxonomy has no concept for it (NIL)."""

    query: Query
    concept: str | None


def link_rows(linker: Linker, taxonomy: Taxonomy, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Link mentions line by line, in order; a line that is not a mention gets `{"id", "error"}`.

    Args:
        linker: The linker.
        taxonomy: Its snapshot.
        lines: JSONL rows with `text` and, if known, `id`, `category`, `attribute`, `lang`.
    """
    numbered = ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
    while batch := list(islice(numbered, _ROWS)):
        asked = [_asked(line, n, taxonomy) for n, line in batch]
        links = iter(linker.link([query for _, query in asked if isinstance(query, Query)]))
        for id, query in asked:
            if isinstance(query, Query):
                yield {"id": id, **_labelled(next(links), taxonomy, query.lang).to_dict()}
            else:
                yield {"id": id, "error": query.to_dict()}


def _asked(line: bytes, number: int, taxonomy: Taxonomy) -> tuple[Any, Query | InputError]:
    id: Any = number
    try:
        row = reading.json_object(reading.decode(line, "<stdin>", number), "<stdin>", line=number)
        id = row.get("id", number)
        return id, _query(row, number, taxonomy)
    except InputError as error:
        return id, error


def _query(row: dict[str, Any], number: int, taxonomy: Taxonomy) -> Query:
    if not isinstance(row.get("text"), str) or not row["text"].strip():
        raise FileFormatError("<stdin>", "'text' must be a string with something in it", line=number)
    named = {field: row.get(field) for field in ("attribute", "category", "lang")}
    for field, value in named.items():
        if value is not None and not isinstance(value, str):
            message = f"{field!r} must be a string, not {reading.kind_of(value)}"
            raise FileFormatError("<stdin>", message, line=number)
    attribute = require_concept(taxonomy, named["attribute"], "attribute") if named["attribute"] else None
    category = require_concept(taxonomy, named["category"], "category") if named["category"] else None
    return Query(row["text"], attribute, category, named["lang"])


def _labelled(linked: Linked, taxonomy: Taxonomy, lang: str | None) -> Linked:
    return linked.labelled(lambda id: taxonomy[id].label(lang))
