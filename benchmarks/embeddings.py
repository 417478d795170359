"""Link prediction on public data, beside what is published or a simple floor.

    python benchmarks/embeddings.py --data DIR --set fashion_kg|codex_s|wn18rr [--out DIR]

DIR holds a folder per set with train, valid and test triples. Only train is trained on; valid decides when to stop and
calibrates; test is looked at once. Settings are those of `configs/kge-*.toml`. Prints one JSON line.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from common import CONFIGS, arguments, machine, report, table

from kgtag.embed.scorer import Scorer
from kgtag.embed.triples import Triples, read_triples
from kgtag.evaluation.embeddings import evaluate_scorer
from kgtag.train.embeddings.run import train_embeddings
from kgtag.train.embeddings.settings import read_settings

SETS = ("fashion_kg", "codex_s", "wn18rr")
PUBLISHED = {
    "codex_s": {"mrr": 0.465, "hits_at_1": 0.372, "hits_at_10": 0.646, "source": "tsafavi/codex README, ComplEx"},
    "wn18rr": {"mrr": 0.475, "hits_at_10": 0.547, "source": "ComplEx, trendingtechnology/tucker README"},
}


def frequency_floor(triples: Triples) -> dict[str, float]:
    """Tails by how often they stand with the product's article type in train, ties and gaps by how often at all."""
    instance_of = triples.relations.index("instanceOf")
    type_of = {h: t for h, r, t in triples.train.tolist() if r == instance_of}
    overall: dict[int, Counter[int]] = defaultdict(Counter)
    given: dict[tuple[int, int | None], Counter[int]] = defaultdict(Counter)
    for h, r, t in triples.train.tolist():
        overall[r][t] += 1
        given[r, type_of.get(h) if r != instance_of else None][t] += 1
    ranks = []
    for h, r, t in triples.test.tolist():
        scores = np.zeros(len(triples.entities))
        for tail, count in overall[r].items():
            scores[tail] = count / (len(triples.train) + 1)
        for tail, count in given[r, type_of.get(h) if r != instance_of else None].items():
            scores[tail] += count
        ranks.append((scores > scores[t]).sum() + ((scores == scores[t]).sum() + 1) / 2)
    array = np.array(ranks)
    hits = {f"hits_at_{k}": float((array <= k).mean()) for k in (1, 3, 10)}
    return {"mrr": float((1 / array).mean()), **hits}


def run(data: Path, name: str, out: Path) -> dict[str, Any]:
    triples = read_triples(data / name if (data / name).is_dir() else data)
    trained = train_embeddings(triples, out=out, settings=read_settings(CONFIGS / f"kge-{name}.toml"))
    scorer = Scorer.load(out)
    result: dict[str, Any] = {"seconds": round(trained.seconds), "epochs": trained.epochs, "dim": trained.dim}
    if name == "fashion_kg":
        result["floor: frequency given articleType"] = frequency_floor(triples)
        for filtered in (False, True):
            ranked = evaluate_scorer(scorer, triples, triples.test, filtered=filtered, tail_only=True)
            result["filtered" if filtered else "unfiltered"] = ranked.to_json()
    else:
        result["filtered"] = evaluate_scorer(scorer, triples, triples.test).to_json()
        result["published"] = PUBLISHED[name]
    result["reliability"] = trained.reliability.to_json()
    return result


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--out", type=Path, help="keep the exported embeddings here")
    options = parser.parse_args()
    host = machine()
    with tempfile.TemporaryDirectory() as scratch:
        measured = run(options.data, options.set, options.out or Path(scratch) / "embeddings")
    columns = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")
    ranked = {name: one for name, one in measured.items() if isinstance(one, dict) and "mrr" in one}
    rows = [[name, *(one.get(column, "") for column in columns)] for name, one in ranked.items()]
    rivals = [name for name in ranked if name.startswith(("floor", "published"))]
    table(f"{options.set}, test", ["", *columns], rows, rivals=rivals)
    report("embeddings", options.set, host, save=options.save, **measured)


if __name__ == "__main__":
    main()
