"""Hidden tags, baskets and held-out items of public data, beside popularity, cosine and EASE.

    python benchmarks/related.py --data DIR --set tags|baskets|listens|movies [--save NAME]

DIR holds `lastfm_hetrec/` (HetRec 2011, GroupLens, for research: artists with tags and listeners), `groceries_baskets/`
(R package arules) and `movielens_small/` (GroupLens: ratings with time). Settings are chosen on pairs held out of the
training files. `tags` hides a tag of an artist; `baskets` one item of each basket of three or more; `listens` held-out
artists of each user, with the artists' tags; `movies` each user's last tenth, with genres. `shop` needs no data: the
neighbours of kgtag's own sample catalogue against lists that a person rated, and the time that recommending takes.
"""

from __future__ import annotations

import csv
import gzip
import json
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import arguments, machine, percentile, report, table, timed

from graph.columns.assemble import TaxonomyData
from graph.formats import jsonl
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated, sample
from kgtag.evaluation.ranking import evaluate_recommender, evaluate_related
from kgtag.evaluation.tagging import gold_concepts
from kgtag.recommend import CoOccurrence, Recommender
from kgtag.train.reranking import fit_reranked

RATED = Path(__file__).parents[1] / "tests" / "kgtag" / "recommend" / "rated.jsonl"
RELATED = ("recall_at_10", "mrr", "coverage_at_10", "novelty_at_10")
RECOMMENDER = ("recall_at_20", "ndcg_at_20", "coverage_at_20", "novelty_at_20")


def by_time(data: Path, out: Path) -> tuple[Path, Path, Path]:
    """Train and test files, each user's last tenth of the ratings in the latter, and the movies' genres."""
    with gzip.open(data / "movielens_small" / "ratings.csv.gz", "rt", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["timestamp"]))
    with gzip.open(data / "movielens_small" / "movies.csv.gz", "rt", encoding="utf-8") as file:
        genres = [f"{row['movieId']}\t{genre}\n" for row in csv.DictReader(file) for genre in row["genres"].split("|")]
    total, seen = Counter(row["userId"] for row in rows), Counter[str]()
    parts: tuple[list[str], list[str]] = ([], [])
    for row in rows:
        seen[row["userId"]] += 1
        late = seen[row["userId"]] > 0.9 * total[row["userId"]]
        parts[late].append(f"{row['userId']}\t{row['movieId']}\t{row['rating']}\n")
    files = tuple(out / name for name in ("train.tsv", "test.tsv", "genres.tsv"))
    for file, part in zip(files, (*parts, genres), strict=True):
        file.write_text("".join(part), encoding="utf-8")
    return files  # type: ignore[return-value]


def measure(name: str, data: Path, scratch: Path) -> tuple[str, Sequence[str], dict[str, Any]]:
    """What was measured, the measures of its table, and the answer of `kgtag evaluate`."""

    def log(line: str) -> None:
        print(line, file=sys.stderr)

    lastfm, baskets = data / "lastfm_hetrec", data / "groceries_baskets"
    if name == "tags":
        files = lastfm / "taggings_train.tsv.gz", lastfm / "taggings_test_visible.tsv.gz"
        answer = evaluate_related(*files, texts=lastfm / "tags.tsv.gz", fit=fit_reranked, log=log)
        return "Last.fm: the hidden tag of an artist", RELATED, answer
    if name == "baskets":
        files = baskets / "baskets_train.tsv.gz", baskets / "baskets_test_visible.tsv.gz"
        return "Groceries: the hidden item of a basket", RELATED, evaluate_related(*files, fit=fit_reranked, log=log)
    if name == "listens":
        files = lastfm / "listens_train.tsv.gz", lastfm / "listens_test_visible.tsv.gz"
        answer = evaluate_recommender(*files, tags=lastfm / "taggings_train.tsv.gz", fit=fit_reranked, log=log)
        return "Last.fm: held-out artists of a user", RECOMMENDER, answer
    train, test, genres = by_time(data, scratch)
    answer = evaluate_recommender(train, test, tags=genres, fit=fit_reranked, log=log)
    return "MovieLens small: the last tenth of each user's ratings", RECOMMENDER, answer


def shop(host: dict[str, Any], save: str | None) -> None:
    """Precision at ten of rated lists, by kind, and milliseconds of a recommendation for the tags of a product."""
    parsed = jsonl.read([sample.TAXONOMY], scheme=sample.SCHEME)
    taxonomy = Taxonomy.of(TaxonomyData.of(1, tuple(parsed.concepts), tuple(parsed.relations)))
    products = [one for file in (sample.TRAIN, sample.DEV, sample.TEST) for one in read_annotated(file)]
    tags = [gold_concepts(one, taxonomy) for one in products]
    recommender = Recommender(taxonomy, cooccurrence=CoOccurrence.of(taxonomy, tags))
    shares: dict[str, list[float]] = {"category": [], "value": []}
    for line in RATED.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        found = [row.concept for row in recommender.neighbours(one["concept"], limit=10)]
        shares[taxonomy[one["concept"]].kind].append(sum(id in one["right"] for id in found) / len(found))
    everything = [share for each in shares.values() for share in each]
    rows = [[kind, len(each), round(statistics.mean(each), 3)] for kind, each in {**shares, "all": everything}.items()]
    title = f"Sample catalogue, {len(products)} products: rated neighbour lists"
    table(title, ["kind", "lists", "precision at ten"], rows)
    recommender.recommend(tags[0])  # EASE is learned at the first call.
    times = [1_000 * timed(lambda given=given: recommender.recommend(given))[0] for given in tags if given]
    table("Recommending concepts for a product's tags", ["", "p50 ms", "p99 ms"],
          [["kgtag", round(percentile(times, 0.5), 2), round(percentile(times, 0.99), 2)]])  # fmt: skip
    report("related", title, host, save=save, precision=round(statistics.mean(everything), 4))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--set", choices=("tags", "baskets", "listens", "movies", "shop"), required=True)
    options = parser.parse_args()
    host = machine()
    if options.set == "shop":
        shop(host, options.save)
        return
    if options.data is None:
        parser.error("--data is required")
    with tempfile.TemporaryDirectory() as scratch:
        seconds, (title, measures, answer) = timed(lambda: measure(options.set, options.data, Path(scratch)))
    rivals = answer["baselines"]
    columns = ["", *(one.replace("_", " ") for one in measures)]
    rows = [[who, *(round(found[one], 3) for one in measures)] for who, found in rivals.items()]
    rows.append(["kgtag", *(round(answer[one], 3) for one in measures)])
    table(f"{title}: {answer['n']:,} cases", columns, rows, rivals=tuple(rivals))
    if "rare" in answer:
        rare = [[who, round(found["rare"]["recall_at_10"], 3)] for who, found in rivals.items()]
        rare.append(["kgtag", round(answer["rare"]["recall_at_10"], 3)])
        count = answer["rare"]["n"]
        table(f"{title}: seen fewer than five times, {count:,} cases", ["", "recall at 10"], rare, rivals=tuple(rivals))
    cold = answer.get("cold_items", {})
    if cold.get("n"):
        chance = [
            ["popularity", round(cold["popularity"]["recall_at_20"], 3)],
            ["kgtag", round(cold["recall_at_20"], 3)],
        ]
        cases = f"{title}: items without users, {cold['n']:,} users, {cold['candidates']:,} candidates"
        table(cases, ["", "recall at 20"], chance, rivals=("popularity",))
    report("related", title, host, save=options.save, seconds=round(seconds), settings=answer["settings"])


if __name__ == "__main__":
    main()
