"""Link prediction on public data, beside what is published or a simple floor.

    python benchmarks/embeddings.py --data DIR --set fashion_kg|codex_s|wn18rr|shopify|umls|kinship [--texts DIR]
                                    [--models NAME …] [--out DIR]

DIR holds a folder per set with train, valid and test triples, those of UMLS and Kinship in `kge_small`. Only train is
trained on; valid decides when to stop and calibrates; test is looked at once. Settings are those of
`configs/kge-*.toml`. Of Shopify's product taxonomy (`shopify_categories/en.json.gz`, 2024-07, MIT) a tenth of the
`broader` edges is test and a tenth valid; entities are vectors of their own (structure), read their labels (text), or
both, with the settings that a store gets; no entity is an alternative to itself. WN18RR is measured in the same way,
where `--texts` names the directory of WordNet 3.0's `data.*` and `index.*`, as in Debian's package wordnet-base: an
entity is a synset (`entity_names.tsv.gz` has ids and names), its text the words and the definition. UMLS and Kinship
are learned by every model that can be served, with one setting for all. Prints one JSON line.
"""

from __future__ import annotations

import gzip
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
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
from kgtag.embed.vectors import MODELS, ModelName, Vectors
from kgtag.evaluation.embeddings import evaluate, evaluate_scorer
from kgtag.train.embeddings.run import DEFAULT_ENCODER, exported, train_embeddings
from kgtag.train.embeddings.settings import parse_model, read_settings

SMALL = ("umls", "kinship")
SETS = ("fashion_kg", "codex_s", "wn18rr", "shopify", *SMALL)
PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    "codex_s": {"published: ComplEx (tsafavi/codex README)": {"mrr": 0.465, "hits_at_1": 0.372, "hits_at_10": 0.646}},
    "wn18rr": {
        "published: ComplEx (trendingtechnology/tucker README)": {"mrr": 0.475, "hits_at_10": 0.547},
        "published: RotatE (the same)": {"mrr": 0.478, "hits_at_10": 0.553},
        "published: SimKGC, an encoder fine-tuned on definitions": {"mrr": 0.671},
    },
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
        result |= PUBLISHED[name]
    result["reliability"] = trained.reliability.to_json()
    return result


def run_models(data: Path, name: str, out: Path, models: Sequence[ModelName]) -> dict[str, Any]:
    """One row for each model, all with the settings of `configs/kge-models.toml`."""
    triples, result = read_triples(data / "kge_small" / name), dict[str, Any]()
    for model in models:
        settings = read_settings(CONFIGS / "kge-models.toml") | {"model": model}
        trained = train_embeddings(triples, out=out, settings=settings, resume="never")
        scores = evaluate_scorer(Scorer.load(out), triples, triples.test).to_json()
        result[model] = {**scores, "seconds": round(trained.seconds), "ece": round(trained.reliability.ece, 3)}
    return dict(sorted(result.items(), key=lambda row: -row[1]["mrr"]))


def run_shopify(data: Path, out: Path) -> dict[str, Any]:
    found = shopify.read([data / "shopify_categories" / "en.json.gz"])
    taxonomy = Taxonomy.of(TaxonomyData.of(1, found.concepts, found.relations))
    triples = hold_out(Triples.of(taxonomy_triples(taxonomy)), 0.2, seed=0)
    order = np.random.default_rng(0).permutation(len(triples.valid))
    valid, test = (triples.valid[np.sort(half)] for half in np.array_split(order, 2))
    triples = replace(triples, valid=valid, test=test)
    texts = [taxonomy[id].label() for id in triples.entities]
    return three_ways(triples, texts, out, {way: {} for way in ("structure", "text", "both")}, itself=False)


def run_wordnet(data: Path, directory: Path, out: Path) -> dict[str, Any]:
    triples = read_triples(data / "wn18rr")
    texts = wordnet_texts(directory, data / "wn18rr" / "entity_names.tsv.gz")
    read = read_settings(CONFIGS / "kge-wn18rr-texts.toml")
    settings = {"structure": read_settings(CONFIGS / "kge-wn18rr.toml"), "text": read, "both": read}
    return PUBLISHED["wn18rr"] | three_ways(triples, [texts[id] for id in triples.entities], out, settings)


def wordnet_texts(directory: Path, names: Path) -> dict[str, str]:
    """By the id of a synset, its words and its definition. Found by `names` such as `abandon.v.04`, the fourth sense of
    the verb, because not every edition of WordNet 3.0 has the same offsets."""
    files = dict(zip("nvasr", ("noun", "verb", "adj", "adj", "adv"), strict=True))
    read = {part: dict(_synsets(directory / f"data.{file}")) for part, file in files.items()}
    senses = {part: dict(_senses(directory / f"index.{file}")) for part, file in files.items()}
    found = {}
    with gzip.open(names, "rt", encoding="utf-8") as lines:
        for line in lines:
            id, name = line.rstrip("\n").split("\t")
            word, part, number = name.rsplit(".", 2)
            found[id] = read[part][senses[part][word.lower()][int(number) - 1]]
    return found


def _senses(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Each word with the offsets of its senses."""
    for line in file.read_text(encoding="latin-1").splitlines():
        if not line.startswith(" "):
            word, _, count, *rest = line.split()
            yield word, rest[-int(count) :]


def _synsets(file: Path) -> Iterator[tuple[str, str]]:
    """Each offset with the text of its synset."""
    for line in file.read_text(encoding="latin-1").splitlines():
        if not line.startswith(" "):
            fields, _, gloss = line.partition(" | ")
            offset, _, _, count, *words = fields.split(" ")
            own = ", ".join(word.partition("(")[0].replace("_", " ") for word in words[: 2 * int(count, 16) : 2])
            definition = gloss.partition('; "')[0].strip()
            yield offset, f"{own}: {definition}"


def three_ways(
    triples: Triples, texts: Sequence[str], out: Path, settings: Mapping[str, dict[str, Any]], *, itself: bool = True
) -> dict[str, Any]:
    """The cosine of the texts, and a row for each way in which `settings` have entities. Without `itself`, no entity is
    an alternative to itself; to a cosine it never is."""
    every = np.arange(len(triples.entities))
    loops = [np.stack([every, np.full_like(every, r), every], axis=1) for r in range(len(triples.relations))]
    others = replace(triples, train=np.concatenate([triples.train, *loops]))
    asked = triples if itself else others
    with exported(DEFAULT_ENCODER) as encoder:
        read = encoder.encode_uncached(texts)
    labels = Vectors("DistMult", read, np.ones((len(triples.relations), read.shape[1]), dtype=np.float32))
    result: dict[str, Any] = {"floor: cosine of the texts": evaluate(labels, triples.test, others.known).to_json()}
    for entities, given in settings.items():
        trained = train_embeddings(
            triples, out=out, settings=given | {"entities": entities}, texts=read, resume="never"
        )
        scores = evaluate_scorer(Scorer.load(out), asked, triples.test).to_json()
        result[entities] = {**scores, "seconds": round(trained.seconds), "ece": round(trained.reliability.ece, 3)}
        print(entities, result[entities], flush=True)
    return result


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--texts", type=Path, help="with wn18rr, the directory of WordNet 3.0's data files")
    parser.add_argument("--models", nargs="*", type=parse_model, default=MODELS, help="with umls and kinship; all")
    parser.add_argument("--out", type=Path, help="keep the exported embeddings here")
    options = parser.parse_args()
    host = machine()
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or Path(scratch) / "embeddings"
        if options.set == "shopify":
            measured = run_shopify(options.data, out)
        elif options.set in SMALL:
            measured = run_models(options.data, options.set, out, options.models)
        elif options.texts is not None:
            measured = run_wordnet(options.data, options.texts, out)
        else:
            measured = run(options.data, options.set, out)
    ranked = {name: one for name, one in measured.items() if isinstance(one, dict) and "mrr" in one}
    timed = any("seconds" in one for one in ranked.values())
    columns = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", *(("ece", "seconds") if timed else ()))
    rows = [[name, *(one.get(column, "") for column in columns)] for name, one in ranked.items()]
    rivals = [name for name in ranked if name.startswith(("floor", "published"))]
    table(f"{options.set}, test", ["", *columns], rows, rivals=rivals)
    report("embeddings", options.set, host, save=options.save, **measured)


if __name__ == "__main__":
    main()
