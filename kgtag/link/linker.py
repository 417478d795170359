"""The Linker port over one taxonomy snapshot: candidates found and scored, by the query and by the line of JSONL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from graph.errors import FileFormatError, InputError, UnknownConcept
from graph.formats import reading
from graph.labels import folded_form, normal_form
from graph.model import Concept
from graph.taxonomy import Taxonomy, require_concept
from kgtag.compute import BatchCache, blas_on_one_core, parallel_map
from kgtag.link.candidates.label_table import Labels, LabelTable, Usage
from kgtag.link.candidates.retrieve import NEAR, Lookup, Retriever, Rich, Without
from kgtag.link.candidates.vectors import LabelVectors, apply_linear_map
from kgtag.link.candidates.words import Substitutes, Words
from kgtag.link.encoder import SentenceEncoder, Vectors
from kgtag.link.features.candidate_set import CandidateSet, Context, build_candidates
from kgtag.link.models import DEFAULT_MODEL, LinkerFiles, LinkerState, LinkModel, RankModel, read_linker
from kgtag.types import Candidate, Linked, Linker, Query


class CandidateFinder:
    """Label table, indices and context of one taxonomy; with an encoder, also the vectors of its labels.

    `cache`: directory for vectors; `earlier`: vectors to copy from. With the `state` of a training, candidates have
    RICH_FEATURES instead of FEATURES.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        *,
        scheme: str | None = None,
        encoder: SentenceEncoder | None = None,
        cache: Path | None = None,
        earlier: LabelVectors | None = None,
        state: LinkerState | None = None,
    ) -> None:
        self.taxonomy = taxonomy
        self.table = LabelTable(taxonomy, scheme=scheme, mentions=state.mentions if state else ())
        self.encoder = encoder
        self.vectors: LabelVectors | None = None
        if encoder is not None:
            self.vectors = LabelVectors.load(self.table.texts, encoder, cache=cache, earlier=earlier)
        self._rich: Rich | None = None
        if state is not None:
            usage, labels = Usage.of(state.usage, taxonomy), Labels.of(self.table)
            self._rich = self._mapped(Rich(Words(self.table.texts), state.substitutes, usage, labels), state.linear_map)
        searched = self._rich.vectors if self._rich is not None else self.vectors
        prepared = searched.prepare() if searched is not None else None
        self._retriever = Retriever(self.table, encoder=encoder, vectors=prepared, rich=self._rich)
        self._context = Context(self.table)

    def with_statistics(self, substitutes: Substitutes, linear_map: Vectors | None) -> CandidateFinder:
        """Use other statistics with the same labels and indices. Only for finders with a `state`."""
        other = copy(self)
        assert self._rich is not None
        other._rich = self._mapped(replace(self._rich, substitutes=substitutes), linear_map)
        other._retriever = self._retriever.with_rich(other._rich)
        return other

    def _mapped(self, rich: Rich, linear_map: Vectors | None) -> Rich:
        """With the labels' vectors mapped like those of the queries."""
        vectors = self.vectors
        if vectors is not None and linear_map is not None:
            vectors = LabelVectors(apply_linear_map(vectors.matrix, linear_map), vectors.digests)
        return replace(rich, vectors=vectors, linear_map=linear_map)

    def find(self, queries: Sequence[Query], without: Sequence[Without | None] | None = None) -> CandidateSet:
        """The candidates, `lookup` numbering the queries. `without` hides labels, one by one with the queries. Raises
        UnknownConcept when a query's attribute or category is unknown."""
        hidden = without if without is not None else [None] * len(queries)
        asked = [self._lookup(query, part) for query, part in zip(queries, hidden, strict=True)]
        numbers = np.array([number for number, lookup in enumerate(asked) if lookup is not None], dtype=np.int32)
        lookups = [lookup for lookup in asked if lookup is not None]
        with blas_on_one_core():
            pairs = self._retriever.pairs(lookups)
            found = build_candidates(self.table, self._context, lookups=lookups, pairs=pairs, rich=self._rich)
        return CandidateSet(numbers[found.lookup], found.concept, found.level, found.dense, found.features)

    def _lookup(self, query: Query, without: Without | None) -> Lookup | None:
        """None when nothing is left to look up."""
        attribute, category = self._index(query.attribute), self._index(query.category)
        normal = normal_form(query.text)
        return Lookup(normal, folded_form(normal), attribute, category, query.lang, without) if normal else None

    def _index(self, id: str | None) -> int | None:
        return None if id is None else self.taxonomy.index(self.taxonomy.resolve(id))


UNTRAINED = "untrained"
_BATCH, _ROWS = 512, 64
"""Queries that are linked together; lines that are read together."""
_SHOWN = 10
_CACHED = 10_000


class TaxonomyLinker:
    """Links surfaces to active and candidate concepts of the taxonomy (of `scheme`, when given).

    Without `model_dir` it finds candidates by lookup and shared letters alone and weighs them with built-in weights.
    `earlier`, the linker of the snapshot before, lends its label vectors, so that only new labels are encoded, and what
    it read from the same directory.
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
        files: LinkerFiles | None = earlier._files if earlier is not None else None
        if files is None or files.directory != model_dir:
            files = read_linker(model_dir) if model_dir is not None else None
        self._files: LinkerFiles | None = files
        self.taxonomy = taxonomy
        self.version = files.version if files else UNTRAINED
        self.model: LinkModel | RankModel = files.model if files else DEFAULT_MODEL
        if files is None:
            self._finder = CandidateFinder(taxonomy, scheme=scheme)
        else:
            self._finder = _dense_finder(taxonomy, scheme, files, earlier._finder if earlier else None)
        self._cache = BatchCache[Query, Linked](_CACHED)

    @property
    def table(self) -> LabelTable:
        """All labels of the taxonomy (of the scheme)."""
        return self._finder.table

    @property
    def encoder(self) -> SentenceEncoder | None:
        """What reads labels; None without a trained linker."""
        return self._finder.encoder

    def link(self, queries: Sequence[Query]) -> list[Linked]:
        """One answer per query, in order, at most ten candidates each, best first, ties by id. Raises UnknownConcept
        when a query's attribute or category is unknown."""
        with blas_on_one_core():
            return self._cache.results(queries, self._link_all)

    def _link_all(self, queries: Sequence[Query]) -> Iterator[Linked]:
        """Link batches in parallel: most of the time is spent in libraries that release the interpreter lock."""
        batches = [queries[start : start + _BATCH] for start in range(0, len(queries), _BATCH)]
        return chain.from_iterable(parallel_map(self._link, batches))

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
            best = next(iter(candidates), None)
            sure = best is not None and best.probability >= self.model.threshold
            if sure and best is not None and best.method != "exact":
                sure = not _is_other_unit(queries[number].text, self.taxonomy[best.concept])
            answers.append(Linked(candidates, best if sure else None))
        return answers


def _is_other_unit(text: str, concept: Concept) -> bool:
    """Whether a number with a unit is taken for the same number of another: "20 W" for "20 L"."""
    asked = _QUANTITY.fullmatch(text.strip())
    if asked is None:
        return False
    units = {found[2].casefold() for label, *_ in concept.labels() if (found := _QUANTITY.fullmatch(label)) is not None}
    return bool(units) and asked[2].casefold() not in units


_QUANTITY = re.compile(r"(\d[\d.,]*)\s*([a-zA-Z]{1,3})")


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


@dataclass(frozen=True, slots=True)
class LinkExample:
    """A query and its gold concept id; None says that the taxonomy has no concept for it (NIL)."""

    query: Query
    concept: str | None


def link_rows(linker: Linker, taxonomy: Taxonomy, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Link rows of JSONL with `text` and, if known, `id`, `category`, `attribute`, `lang`, in order. A line that is not
    a mention gets `{"id", "error"}`, and its `line` in place of an id when it names none."""
    numbered = ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
    while batch := list(islice(numbered, _ROWS)):
        asked = [_asked(line, n, taxonomy) for n, line in batch]
        links = iter(linker.link([query for _, query in asked if isinstance(query, Query)]))
        for (id, query), (number, _) in zip(asked, batch, strict=True):
            if isinstance(query, Query):
                found = _labelled(next(links), taxonomy, query.lang).to_dict()
                yield {"id": number if id is None else id, **found}
            else:
                yield {"id": id, **({"line": number} if id is None else {}), "error": query.to_dict()}


def _asked(line: bytes, number: int, taxonomy: Taxonomy) -> tuple[Any, Query | InputError]:
    id: Any = None
    try:
        row = reading.json_object(reading.decode(line, "<stdin>", number), "<stdin>", line=number)
        id = row.get("id")
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
