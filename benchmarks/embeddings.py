"""Link prediction on public data, beside what is published or a simple floor.

    python benchmarks/embeddings.py --data DIR --set fashion_kg|codex_s|wn18rr|shopify [--out DIR]

DIR holds a folder per set with train, valid and test triples. Only train is trained on; valid decides when to stop and
calibrates; test is looked at once. Settings are those of `configs/kge-*.toml`. Of Shopify's product taxonomy
(`shopify_categories/en.json.gz`, 2024-07, MIT) a tenth of the `broader` edges is test and a tenth valid; entities are
vectors of their own (structure), read their labels (text), or both, with the settings that a store gets; no entity is
an alternative to itself. Prints one JSON line.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import CONFIGS, arguments, machine, report, table

from graph.columns.assemble import TaxonomyData
from graph.formats import shopify
from graph.taxonomy import Taxonomy
from kgtag.embed.scorer import Scorer
from kgtag.embed.triples import Triples, hold_out, read_triples, taxonomy_triples
from kgtag.embed.vectors import Vectors
from kgtag.evaluation.embeddings import evaluate, evaluate_scorer
from kgtag.train.embeddings.run import DEFAULT_ENCODER, exported, train_embeddings
from kgtag.train.embeddings.settings import read_settings

SETS = ("fashion_kg", "codex_s", "wn18rr", "shopify")
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


def run_shopify(data: Path, out: Path) -> dict[str, Any]:
    found = shopify.read([data / "shopify_categories" / "en.json.gz"])
    taxonomy = Taxonomy.of(TaxonomyData.of(1, found.concepts, found.relations))
    triples = hold_out(Triples.of(taxonomy_triples(taxonomy)), 0.2, seed=0)
    order = np.random.default_rng(0).permutation(len(triples.valid))
    valid, test = (triples.valid[np.sort(half)] for half in np.array_split(order, 2))
    triples = replace(triples, valid=valid, test=test)
    every = np.arange(len(triples.entities))
    itself = np.stack([every, np.zeros_like(every), every], axis=1)
    asked = replace(triples, train=np.concatenate([triples.train, itself]))
    with exported(DEFAULT_ENCODER) as encoder:
        texts = encoder.encode_uncached([taxonomy[id].label() for id in triples.entities])
    labels = Vectors("DistMult", texts, np.ones((1, texts.shape[1]), dtype=np.float32))
    result: dict[str, Any] = {"floor: cosine of the labels": evaluate(labels, test, asked.known).to_json()}
    for entities in ("structure", "text", "both"):
        trained = train_embeddings(triples, out=out, settings={"entities": entities}, texts=texts, resume="never")
        scores = evaluate_scorer(Scorer.load(out), asked, test).to_json()
        result[entities] = {**scores, "seconds": round(trained.seconds), "ece": round(trained.reliability.ece, 3)}
    return result


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--out", type=Path, help="keep the exported embeddings here")
    options = parser.parse_args()
    host = machine()
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or Path(scratch) / "embeddings"
        read = options.set == "shopify"
        measured = run_shopify(options.data, out) if read else run(options.data, options.set, out)
    columns = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", *(("ece", "seconds") if read else ()))
    ranked = {name: one for name, one in measured.items() if isinstance(one, dict) and "mrr" in one}
    rows = [[name, *(one.get(column, "") for column in columns)] for name, one in ranked.items()]
    rivals = [name for name in ranked if name.startswith(("floor", "published"))]
    table(f"{options.set}, test", ["", *columns], rows, rivals=rivals)
    report("embeddings", options.set, host, save=options.save, **measured)


if __name__ == "__main__":
    main()
