"""Hidden tags, baskets and held-out items of public data, beside popularity, cosine and EASE.

    python benchmarks/related.py --data DIR --set tags|baskets|listens|movies [--save NAME]

DIR holds `lastfm_hetrec/` (HetRec 2011, GroupLens, for research: artists with tags and listeners), `groceries_baskets/`
(R package arules) and `movielens_small/` (GroupLens: ratings with time). Settings are chosen on pairs held out of the
training files. `tags` hides a tag of an artist; `baskets` one item of each basket of three or more; `listens` held-out
artists of each user, with the artists' tags; `movies` each user's last tenth, with genres. `shop` needs
no data: the neighbours of kgtag's own sample catalogue against lists that a person rated, whether scores are shares
of right neighbours (with DIR, on public sets as well), and the time that recommending takes.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, machine, percentile, report, table, timed

from graph.columns.assemble import TaxonomyData
from graph.formats import jsonl
from graph.model import Concept
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated, sample
from kgtag.evaluation.calibration import reliability
from kgtag.evaluation.ranking import evaluate_recommender, evaluate_related
from kgtag.evaluation.tagging import gold_concepts
from kgtag.recommend import CoOccurrence, Recommender
from kgtag.recommend.evidence import ODDS, SLOPE
from kgtag.recommend.interactions import Pair, read_pairs
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


def shop(host: dict[str, Any], save: str | None, data: Path | None) -> None:
    """Precision at ten of rated lists, by kind, what the scores are worth, and milliseconds of a recommendation."""
    parsed = jsonl.read([sample.TAXONOMY], scheme=sample.SCHEME)
    taxonomy = Taxonomy.of(TaxonomyData.of(1, tuple(parsed.concepts), tuple(parsed.relations)))
    products = [one for file in (sample.TRAIN, sample.DEV, sample.TEST) for one in read_annotated(file)]
    tags = [gold_concepts(one, taxonomy) for one in products]
    recommender = Recommender(taxonomy, cooccurrence=CoOccurrence.of(taxonomy, tags))
    shares: dict[str, list[float]] = {"category": [], "value": []}
    scored: list[tuple[float, bool, int]] = []
    for line in RATED.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        found = recommender.neighbours(one["concept"], limit=100)
        right = [row.concept in one["right"] for row in found]
        shares[taxonomy[one["concept"]].kind].append(statistics.mean(right[:10]))
        rated = {*one["right"], *one["wrong"]}
        number = sum(map(len, shares.values()))
        scored += [(row.score, fits, number) for row, fits in zip(found, right, strict=True) if row.concept in rated]
    everything = [share for each in shares.values() for share in each]
    rows = [
        [kind, len(each), round(statistics.mean(each), 3), round(min(each), 2)]
        for kind, each in {**shares, "all": everything}.items()
    ]
    title = f"Sample catalogue, {len(products)} products: rated neighbour lists"
    table(title, ["kind", "lists", "precision at ten", "worst list"], rows)
    calibration = by_folds(scored) | again("sample catalogue", taxonomy, tags)
    if data is not None:
        baskets, artists = (read_pairs(data / file).pairs for file in (
            "groceries_baskets/baskets_train.tsv.gz", "lastfm_hetrec/taggings_train.tsv.gz"))  # fmt: skip
        calibration |= again("groceries", *flat(baskets)) | again("Last.fm's tags", *flat(artists))
    columns = [
        "neighbours",
        "n",
        "right",
        "ECE of the strength",
        "ECE of the score",
        "Brier",
        "Brier of the mean",
        "AUC",
    ]
    table("What scores are worth", columns, [[name, *row] for name, row in calibration.items()])
    recommender.recommend(tags[0])  # EASE is learned at the first call.
    times = [1_000 * timed(lambda given=given: recommender.recommend(given))[0] for given in tags if given]
    table("Recommending concepts for a product's tags", ["", "p50 ms", "p99 ms"],
          [["kgtag", round(percentile(times, 0.5), 2), round(percentile(times, 0.99), 2)]])  # fmt: skip
    report("related", title, host, save=save, precision=round(statistics.mean(everything), 4), calibration=calibration)


def odds(score: float) -> float:
    """Log-odds, bounded."""
    bounded = min(max(score, 1e-4), 1 - 1e-6)
    return math.log(bounded / (1 - bounded))


def strength_of(score: float) -> float:
    """What `calibrated` made the score of."""
    return 1 / (1 + math.exp((math.log(ODDS) - odds(score)) / SLOPE))


def by_folds(scored: Sequence[tuple[float, bool, int]]) -> dict[str, list[object]]:
    """Scores of rated neighbours, the regression fitted anew in ten folds by list; prints its constants on all."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    scores, right, lists = (np.array(column) for column in zip(*scored, strict=True))
    strengths = np.array([strength_of(one) for one in scores])
    x, found = np.array([[odds(one)] for one in strengths]), np.zeros(len(right))
    for kept, held in GroupKFold(10).split(x, right, lists):
        found[held] = LogisticRegression(C=10).fit(x[kept], right[kept]).predict_proba(x[held])[:, 1]
    whole = LogisticRegression(C=10).fit(x, right)
    print(f"\nslope {whole.coef_[0, 0]:.3f}, odds {math.exp(whole.intercept_[0]):.2f}", file=sys.stderr)
    return {f"rated, all relations, {len(set(lists.tolist()))} lists": measures(strengths, found, right)}


def again(name: str, taxonomy: Taxonomy, sets: Sequence[Sequence[str]]) -> dict[str, list[object]]:
    """Pairs counted on half of the items, right when they occur on the other half half as often again as usual."""
    chance = random.Random(0)
    halves: tuple[list[Sequence[str]], list[Sequence[str]]] = ([], [])
    for one in sets:
        halves[chance.random() < 0.5].append(one)
    counted, other = (CoOccurrence.of(taxonomy, half) for half in halves)
    recommender, scores, right = Recommender(taxonomy, cooccurrence=counted), [], []
    for i, id in enumerate(taxonomy.ids):
        if counted.count(i) >= 3 and other.count(i) >= 5:
            for row in recommender.neighbours(id, relation="occurs_with"):
                j = taxonomy.index(row.concept)
                both = other.together(i).get(j, 0)
                scores.append(row.score)
                right.append(both > 0 and both / other.count(i) >= 1.5 * other.count(j) / other.items)
    strengths = np.array([strength_of(one) for one in scores])
    return {f"goes with, on the other half of the {name}": measures(strengths, np.array(scores), np.array(right))}


def measures(strengths: Any, scores: Any, right: Any) -> list[object]:
    found, mean = reliability(scores, right), float(right.mean())
    figures = (mean, reliability(strengths, right).ece, found.ece, found.brier, mean * (1 - mean), found.auc)
    return [found.n, *(round(one, 3) for one in figures)]


def flat(pairs: Sequence[Pair]) -> tuple[Taxonomy, list[list[str]]]:
    """A taxonomy without relations, and the columns of each row."""
    rows: dict[str, list[str]] = {}
    for pair in pairs:
        rows.setdefault(pair.row, []).append(pair.column)
    names = sorted({pair.column for pair in pairs})
    concepts = tuple(Concept(name, "flat", "category", {"en": name}) for name in names)
    return Taxonomy.of(TaxonomyData.of(0, concepts, ())), list(rows.values())


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--set", choices=("tags", "baskets", "listens", "movies", "shop"), required=True)
    options = parser.parse_args()
    host = machine()
    if options.set == "shop":
        shop(host, options.save, options.data)
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
