"""Chinese search queries to titles: Multi-CPR's e-commerce part (Long et al. 2022), one right title among four.

    python benchmarks/multi_cpr.py --data DIR [--save NAME]

DIR holds `multi_cpr/product_select_2.jsonl` (a query and four candidate titles) and the taxonomy, `shopify_categories`
(en and zh-CN). BM25 over single characters and pairs of them ranks the titles, alone and with what `kgtag search` makes
of the query: its expansions as phrases, each with its weight, as in the body for Elasticsearch, and the categories that
query and title both name.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
from common import arguments, machine, report, table
from link_synonyms import read

from graph.columns.assemble import TaxonomyData
from graph.formats import shopify
from graph.labels import normal_form
from graph.taxonomy import Taxonomy
from kgtag.search.query import QueryParser

_K, _B = 1.2, 0.75
_SHARED = 3.0
"""What a category counts for that a query and a title name."""
Question = tuple[str, list[str], int]
"""Query, titles, number of the right one."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    host = machine()
    asked = list(questions(read(options.data / "multi_cpr" / "product_select_2.jsonl")))
    with tempfile.TemporaryDirectory() as scratch:
        files = [Path(scratch) / f"{lang}.json" for lang in ("en", "zh-CN")]
        for file in files:
            file.write_bytes(read(options.data / "shopify_categories" / file.name))
        parsed_files = shopify.read(files)
    taxonomy = Taxonomy.of(TaxonomyData.of(0, parsed_files.concepts, parsed_files.relations))
    reader = QueryParser(taxonomy)
    ranker = BM25([title for _, titles, _ in asked for title in titles])
    right: Counter[str] = Counter()
    named = 0
    for query, titles, gold in asked:
        parsed = reader.parse(query[:300])
        wanted = _categories(reader, query)
        named += bool(wanted)
        plain = [ranker.score(query, title) for title in titles]
        expanded = [
            score
            + sum(one.weight * ranker.score(one.text, title) for one in parsed.expansions if _has(title, one.text))
            for score, title in zip(plain, titles, strict=True)
        ]
        both = [
            score + _SHARED * bool(wanted & _categories(reader, title))
            for score, title in zip(expanded, titles, strict=True)
        ]
        for name, scores in (("BM25", plain), ("BM25 and expansions", expanded), ("and categories", both)):
            right[name] += scores.index(max(scores)) == gold
    data = f"Multi-CPR, {len(asked)} queries with four titles; {named} name a category of Shopify"
    rows = [[name, right[name] / len(asked)] for name in ("BM25", "BM25 and expansions", "and categories")]
    table(data, ["", "accuracy"], rows, rivals=["BM25"])
    report("multi_cpr", data, host, save=options.save, found=dict(rows))


def questions(lines: bytes) -> Iterator[Question]:
    """Those whose right title is one of the four."""
    for row in map(orjson.loads, lines.splitlines()):
        query, _, rest = row["sentences"].removeprefix("Query: ").partition("\nCandidate Document: ")
        titles, gold = rest.rstrip(".").split(", "), row["spans"][0]["term"]
        if gold in titles and len(titles) == 4:
            yield query, titles, titles.index(gold)


def _categories(reader: QueryParser, text: str) -> set[str]:
    spans = reader.parse(text[:300]).spans
    return {one.concept for span in spans if span.type == "category" for one in span.concepts}


def _has(title: str, phrase: str) -> bool:
    return normal_form(phrase) in normal_form(title)


class BM25:
    """Okapi's weights over characters and pairs of them."""

    def __init__(self, texts: Sequence[str]) -> None:
        found = [_terms(text) for text in texts]
        self._size = sum(map(len, found)) / len(found)
        self._documents = len(found)
        self._having = Counter(term for one in found for term in set(one))

    def score(self, query: str, text: str) -> float:
        terms = _terms(text)
        counts, length = Counter(terms), _K * (1 - _B + _B * len(terms) / self._size)
        return sum(
            math.log(1 + (self._documents - self._having[term] + 0.5) / (self._having[term] + 0.5))
            * counts[term] * (_K + 1) / (counts[term] + length)
            for term in set(_terms(query))
        )  # fmt: skip


def _terms(text: str) -> list[str]:
    plain = "".join(normal_form(text).split())
    return [*plain, *(plain[i : i + 2] for i in range(len(plain) - 1))]


if __name__ == "__main__":
    main()
