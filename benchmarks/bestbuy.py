"""Search queries to Best Buy's categories (Algolia's demo, github.com/algolia/datasets, query suggestions).

    python benchmarks/bestbuy.py --data DIR [--save NAME]

DIR holds `bestbuy_query_categories/query_suggestions.jsonl`: queries with the categories of their hits. Gold is the
second level's path with the most hits, of those that occur. A query is split by bucket(text): below 50 it tests, the
rest is learned from, with as many uses of a category as queries lead to it. Floors: the most frequent category;
MiniLM's cosine with the path's last name; less 0.2 times the logarithm of the frequency rank, scaled to 1.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import orjson
from common import arguments, bucket, machine, report, table, timed
from link_synonyms import Pairs, read
from wands import counted

from graph.columns.assemble import TaxonomyData
from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.evaluation.tagging import evaluate_linking
from kgtag.link import LinkExample, TaxonomyLinker
from kgtag.link.encoder import SentenceEncoder
from kgtag.link.models import ENCODER, TOKENIZER
from kgtag.train.linker.run import Material, train_linker
from kgtag.types import Query

_LEVEL = "hierarchicalCategories.lvl1"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    host = machine()
    pairs = queries(options.data / "bestbuy_query_categories" / "query_suggestions.jsonl")
    paths = sorted({path for _, path in pairs})
    concepts = tuple(Concept(path, "bestbuy", "category", {"en": path.split(" > ")[-1]}) for path in paths)
    taxonomy = Taxonomy.of(TaxonomyData.of(0, concepts, ()))
    asked = [pair for pair in pairs if bucket(pair[0]) < 50]
    learned = [pair for pair in pairs if bucket(pair[0]) >= 50]
    usage = Counter(path for _, path in learned)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "linker"
        material = Material(mentions=learned, usage={path: float(count) for path, count in usage.items()})
        seconds, _ = timed(lambda: train_linker(taxonomy, material, out=folder))
        encoder = SentenceEncoder(folder / ENCODER, folder / TOKENIZER)
        gold = np.array([paths.index(path) for _, path in asked])
        cosine = encoder.encode([text for text, _ in asked]) @ encoder.encode([p.split(" > ")[-1] for p in paths]).T
        often = np.array([usage[path] for path in paths])
        rank = np.argsort(np.argsort(-often, kind="stable"), kind="stable")
        frequent = np.log1p(rank) / np.log1p(len(paths) - 1)
        found = {
            "most frequent": counted(np.broadcast_to(-frequent, cosine.shape).astype(np.float32), gold),
            "MiniLM cosine": counted(cosine, gold),
            "+ 0.2 log frequency rank": counted(cosine - 0.2 * frequent, gold),
        }
        examples = [LinkExample(Query(text), path) for text, path in asked]
        for name, directory in (("kgtag, untrained", None), ("kgtag, trained", folder)):
            metrics = evaluate_linking(TaxonomyLinker(taxonomy, model_dir=directory), examples)
            found[name] = {"accuracy_at_1": metrics["acc@1"], "recall_at_10": metrics["recall@10"]}
    data = f"Best Buy: {len(asked)} test queries, {len(learned)} learned from, {len(paths)} categories"
    columns = ["accuracy_at_1", "recall_at_10"]
    rows = [[name, *(row[column] for column in columns)] for name, row in found.items()]
    table(data, ["", *columns], rows, rivals=list(found)[:3])
    report("bestbuy", data, host, save=options.save, found=found, training_s=round(seconds))


def queries(path: Path) -> Pairs:
    rows = (orjson.loads(line) for line in read(path).splitlines())
    found = []
    for row in rows:
        facets = row["instant_search"]["facets"]["exact_matches"].get(_LEVEL, ())
        if facets:
            best = max(facets, key=lambda one: (one["count"], one["value"]))
            found.append((row["query"], best["value"]))
    return sorted(set(found))


if __name__ == "__main__":
    main()
