"""Search queries read by labels alone, and with a model trained on queries: QueryNER (MIT; bltlab/query-ner on GitHub).

    python benchmarks/queries.py --data DIR --model QUERY_MODEL [--split dev|test_visible] [--save NAME]

DIR holds `queryner/dev.jsonl` and `shopify_categories/en.json`, where categories are looked for; values are looked for
in kgtag's own sample. QUERY_MODEL is trained on the training queries:

    kgtag train extractor --config benchmarks/configs/queryner.toml --data queryner/train.jsonl \\
        --dev queryner/dev.jsonl --set epochs=2 --out QUERY_MODEL

A category counts as right on words that are labelled `core_product_type`; a colour or material on words that are
labelled so. A value on words that are labelled as a brand, a title or the like (`creator`, `product_name`, `content`,
`product_number`) is counted as wrong whatever it is.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
from common import arguments, machine, report, table
from link_synonyms import read

from graph.sources import Taxonomy
from kgtag.data import sample
from kgtag.search.parsed import QuerySpan
from kgtag.search.query import QueryParser
from kgtag.search.tagged import HEAD, NAMES
from kgtag.tag.models import load_models
from kgtag.types import Extractor, Product

Typed = tuple[str, int, int]
"""Type, start and end in characters."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--split", choices=("dev", "test_visible"), default="dev")
    options = parser.parse_args()
    host = machine()
    asked = list(queries(read(options.data / "queryner" / f"{options.split}.jsonl")))
    tagger = load_models(query_model=options.model).queries
    assert tagger is not None
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "en.json"
        file.write_bytes(read(options.data / "shopify_categories" / "en.json"))
        shopify = Taxonomy.load(file, format="shopify")
    found = {}
    for name, used in (("labels alone", None), ("labels and the model", tagger)):
        categories, _ = counted(QueryParser(shopify, tagger=used), asked)
        values, milliseconds = counted(QueryParser(Taxonomy.load(sample.TAXONOMY), tagger=used), asked)
        found[name] = [*row(categories, HEAD), *row(values, "color"), *row(values, "material"),
                       values["in names"] / max(values["values"], 1), milliseconds]  # fmt: skip
    spans = alone(tagger, asked)
    found["the model's spans"] = [*row(spans, HEAD), *row(spans, "color"), *row(spans, "material"), "", ""]
    columns = ["", "product type precision", "recall", "color precision", "recall", "material precision", "recall",
               "values in names", "ms a query"]  # fmt: skip
    data = f"QueryNER, {len(asked)} queries of {options.split}"
    table(data, columns, [[name, *cells] for name, cells in found.items()])
    report("queries", data, host, save=options.save, found=found)


def queries(lines: bytes) -> Iterator[tuple[str, list[Typed]]]:
    """Texts, tokens joined by blanks, with their labelled spans."""
    for raw in map(orjson.loads, lines.splitlines()):
        spans: list[Typed] = []
        at = 0
        for token, label in zip(raw["tokens"], raw["labels"], strict=True):
            end = at + len(token)
            if label.startswith("B-"):
                spans.append((label[2:], at, end))
            elif label.startswith("I-"):
                spans[-1] = (*spans[-1][:2], end)
            at = end + 1
        yield " ".join(raw["tokens"]), spans


def counted(parser: QueryParser, asked: list[tuple[str, list[Typed]]]) -> tuple[Counter[str], float]:
    """Counts, and the median milliseconds of a query."""
    parser.warm()
    counts: Counter[str] = Counter()
    times = []
    for text, gold in asked:
        started = time.perf_counter()
        spans = [span for span in parser.parse(text).spans if span.rule is None]
        times.append(1_000 * (time.perf_counter() - started))
        compare(counts, [(_type(span), span.start, span.end) for span in spans], gold)
        values = [("", span.start, span.end) for span in spans if span.type == "value"]
        counts["values"] += len(values)
        counts["in names"] += sum(any(_overlap(one, name) for name in gold if name[0] in NAMES) for one in values)
    return counts, float(np.median(times))


def alone(tagger: Extractor, asked: list[tuple[str, list[Typed]]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    read = tagger.extract([Product(str(n), text) for n, (text, _) in enumerate(asked)])
    for (_, gold), found in zip(asked, read, strict=True):
        compare(counts, [(one.attribute, one.span.start, one.span.end) for one in found.mentions], gold)
    return counts


def compare(counts: Counter[str], found: list[Typed], gold: list[Typed]) -> None:
    for type in (HEAD, "color", "material"):
        ours, theirs = ([one for one in spans if one[0] == type] for spans in (found, gold))
        counts[f"{type} found"] += len(ours)
        counts[f"{type} right"] += sum(any(_overlap(one, other) for other in theirs) for one in ours)
        counts[f"{type} gold"] += len(theirs)
        counts[f"{type} met"] += sum(any(_overlap(one, other) for one in ours) for other in theirs)


def row(counts: Counter[str], type: str) -> tuple[float, float]:
    """Precision and recall of spans that overlap."""
    return (
        counts[f"{type} right"] / max(counts[f"{type} found"], 1),
        counts[f"{type} met"] / max(counts[f"{type} gold"], 1),
    )


def _type(span: QuerySpan) -> str:
    return HEAD if span.type == "category" else span.attribute or span.type


def _overlap(one: Typed, other: Typed) -> bool:
    return one[1] < other[2] and other[1] < one[2]


if __name__ == "__main__":
    main()
