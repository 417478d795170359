"""Titles a second of a trained extractor, int8 and fp32, beside the same model in eager torch and a spaCy NER pipe.

    python benchmarks/extraction_speed.py --data DIR --model DIR [--titles N] [--cores N] [--spacy PYTHON]

--model is one of `kgtag train extractor` on AE-110K (`benchmarks/extraction.py --set ae110k --out DIR`).
DIR/amazon_titles_24k/products.tsv.gz gives titles without a category (it is predicted), 20 tokens long on average, and
DIR/ae110k_sample/train.jsonl.gz titles with theirs, 21 tokens; of both as many as are asked for, drawn by hash.

The rival reads batches of 32 in the order of the file, padded to the longest, in eager torch with as many threads, and
decodes title by title; it predicts categories as we do, and keeps their states as we do. Every contender takes its turn
in every round, and the fastest round counts. `f1` (with a category) is over the dev split, which chose the epoch.

--spacy names a Python that has spaCy (it isn't among kgtag's dependencies): an untrained transition-based NER pipe, for
its speed alone, at spaCy's usual size (96 wide, 4 layers) and at one like MiniLM's (384 wide, 6 layers).
GLiNER can't be had from a package index: its weights are on a model hub only.
Prints a table on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from common import arguments, machine, report, table
from extraction import splits
from safetensors.torch import load_file

from kgtag.evaluation.extraction import evaluate_extractor
from kgtag.extract.decode import find_spans
from kgtag.extract.files import read_config
from kgtag.extract.inputs import attribute_inputs, encoder_inputs, tokenize
from kgtag.extract.sequence import CERTAIN, POSSIBLE, SequenceExtractor
from kgtag.text import clean
from kgtag.train.encoder import pretrained
from kgtag.train.extractor.network import TagNetwork, load_encoder, plain_embedding
from kgtag.types import Product

ROUNDS = 3

SPACY = """
import json, sys, time
import spacy
spacy.util.fix_random_seed(0)
asked = json.load(sys.stdin)
found = {}
for name, width, depth in (("usual", 96, 4), ("like MiniLM", 384, 6)):
    nlp = spacy.blank("en")
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "width": width, "depth": depth, "embed_size": 2000,
               "window_size": 1, "maxout_pieces": 3, "subword_features": True, "pretrained_vectors": None}
    model = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner", "extra_state_tokens": False,
             "hidden_width": 64, "maxout_pieces": 2, "use_upper": True, "tok2vec": tok2vec}
    ner = nlp.add_pipe("ner", config={"model": model})
    for label in asked["labels"]:
        ner.add_label(label)
    nlp.initialize()
    best = cpu = 1e9
    for _ in range(asked["rounds"] + 1):
        started, used = time.perf_counter(), time.process_time()
        for _ in nlp.pipe(asked["titles"], batch_size=64, n_process=1):
            pass
        best = min(best, time.perf_counter() - started)
        cpu = min(cpu, time.process_time() - used)
    size = sum(node.get_param(p).size for node in ner.model.walk() for p in node.param_names if node.has_param(p))
    count = len(asked["titles"])
    found[name] = {"titles_per_second": round(count / best, 1), "titles_per_cpu_second": round(count / cpu, 1),
                   "parameters": int(size)}
json.dump(found, sys.stdout)
"""


class Eager:
    """The extractor's network in torch, as a plain script would run it."""

    def __init__(self, directory: Path, ours: SequenceExtractor) -> None:
        self.config, _ = read_config(directory)
        self.ours = ours
        state = load_file(directory / "model.safetensors")
        body = load_encoder(pretrained.resolve(pretrained.DEFAULT))
        body.set_input_embeddings(
            plain_embedding(torch.zeros(state["encoder.embeddings.word_embeddings.weight"].shape))
        )
        self.network = TagNetwork(
            body, attributes=len(self.config.attributes), categories=max(len(self.config.categories), 1)
        )
        self.network.load_state_dict(state)
        self.network.eval()

    def extract(self, products: Sequence[Product]) -> int:
        """How many mentions were found."""
        found = 0
        with torch.inference_mode():
            for start in range(0, len(products), 32):
                found += self._batch(products[start : start + 32])
        return found

    def _batch(self, products: Sequence[Product]) -> int:
        config, ours = self.config, self.ours
        tokens = tokenize(ours._tokenizer, [clean(product.title) for product in products])
        categories = [ours.category(product.category) for product in products]
        states, logits = self._encode(tokens, categories)
        attributes = [config.applicable[category] if category is not None else () for category in categories]
        again = []
        for row, odds in enumerate(torch.softmax(logits.double(), dim=1).tolist()):
            if categories[row] is None:
                best = max(range(len(odds)), key=odds.__getitem__)
                likely = [name for name, p in zip(config.categories, odds, strict=True) if p >= POSSIBLE]
                attributes[row] = tuple(sorted({a for name in likely for a in config.applicable[name]}))
                if odds[best] >= CERTAIN:
                    categories[row] = config.categories[best]
                    attributes[row] = config.applicable[config.categories[best]]
                    again.append(row)
        if again:
            second, _ = self._encode([tokens[row] for row in again], [categories[row] for row in again])
            for number, row in enumerate(again):
                length = len(tokens[row])
                states[row, 1 : 1 + length] = second[number, 1 : 1 + length]
        longest = max(map(len, tokens))
        codes = [ours._lexicon.codes(one, a) for one, a in zip(tokens, attributes, strict=True)]
        rows, lexicon = attribute_inputs(attributes, codes, longest)
        scores = self.network.emissions(states[:, 1 : 1 + longest], torch.from_numpy(rows), torch.from_numpy(lexicon))
        found = 0
        for one, mine, emissions in zip(tokens, attributes, scores.double().numpy(), strict=True):
            found += len(find_spans([emissions[: len(mine), : len(one)]], ours.chain, bias=config.bias).row)
        return found

    def _encode(self, tokens: Sequence[Any], categories: Sequence[str | None]) -> tuple[torch.Tensor, torch.Tensor]:
        suffixes = [self.ours._suffixes.get(category or "", []) for category in categories]
        arrays = encoder_inputs(tokens, suffixes, self.config.special)
        return self.network.encode(*map(torch.from_numpy, arrays))


def amazon(data: Path, count: int) -> list[Product]:
    with gzip.open(data / "amazon_titles_24k" / "products.tsv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    return _drawn([Product(row[0], row[-1]) for row in rows], count)


def categorised(data: Path, count: int) -> list[Product]:
    train, dev, _ = splits(data, "ae110k")
    return _drawn([one.product for one in (*train, *dev)], count)


def _drawn(products: list[Product], count: int) -> list[Product]:
    """By hash, so in no order."""
    return sorted(products, key=lambda one: hashlib.sha256(one.title.encode()).digest())[:count]


def race(contenders: dict[str, Callable[[], object]], titles: int) -> dict[str, dict[str, float]]:
    """The fastest of ROUNDS by wall clock and by processor time, each, in titles a second."""
    best = {name: [float("inf"), float("inf")] for name in contenders}
    for _ in range(ROUNDS):
        for name, work in contenders.items():
            started, used = time.perf_counter(), time.process_time()
            work()
            best[name][0] = min(best[name][0], time.perf_counter() - started)
            best[name][1] = min(best[name][1], time.process_time() - used)
    return {
        name: {"titles_per_second": round(titles / wall, 1), "titles_per_cpu_second": round(titles / cpu, 1)}
        for name, (wall, cpu) in best.items()
    }


def spacy(python: str, products: Sequence[Product], labels: Sequence[str]) -> dict[str, Any]:
    asked = {"titles": [one.title for one in products], "labels": list(labels), "rounds": ROUNDS}
    done = subprocess.run(
        [python, "-c", SPACY], input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=600
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--titles", type=int, default=512)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--spacy", metavar="PYTHON")
    given = parser.parse_args()
    host = machine()
    torch.set_num_threads(given.cores)
    int8 = SequenceExtractor.load(given.model, threads=given.cores, precision="int8")
    fp32 = SequenceExtractor.load(given.model, threads=given.cores)
    eager = Eager(given.model, fp32)
    found: dict[str, Any] = {"cores": given.cores}
    for title, products in (
        ("no category", amazon(given.data, given.titles)),
        ("category given", categorised(given.data, given.titles)),
    ):
        lengths = [len(one) for one in tokenize(fp32._tokenizer, [clean(one.title) for one in products])]
        longest = [max(lengths[n : n + 32]) for n in range(0, len(lengths), 32)]
        result: dict[str, Any] = race(
            {
                "eager torch": lambda p=products: eager.extract(p),  # type: ignore[misc]
                "kgtag fp32": lambda p=products: fp32.extract(p),  # type: ignore[misc]
                "kgtag int8": lambda p=products: int8.extract(p),  # type: ignore[misc]
            },
            len(products),
        )
        for one in result.values():
            one["times"] = round(one["titles_per_second"] / result["eager torch"]["titles_per_second"], 2)
            one["times_cpu"] = round(one["titles_per_cpu_second"] / result["eager torch"]["titles_per_cpu_second"], 2)
        if given.spacy:
            for kind, one in spacy(given.spacy, products, fp32.attributes).items():
                result[f"spaCy NER, {kind}"] = one | {
                    name: round(one[rate] / result["eager torch"][rate], 2)
                    for name, rate in (("times", "titles_per_second"), ("times_cpu", "titles_per_cpu_second"))
                }
        table(
            f"{len(products)} titles, {sum(lengths) / len(lengths):.1f} tokens on average, {title}; padded in "
            f"batches of 32: {sum(longest) / len(longest):.1f}",
            ("contender", "titles/s", "× eager", "× eager, processor time"),
            [(kind, one["titles_per_second"], one["times"], one.get("times_cpu", "")) for kind, one in result.items()],
            rivals=[kind for kind in result if not kind.startswith("kgtag")],
            file=sys.stderr,
        )
        found[title] = {"titles": len(products), "tokens": round(sum(lengths) / len(lengths), 1), **result}
    _, dev, _ = splits(given.data, "ae110k")
    for name, extractor in (("fp32", fp32), ("int8", int8)):
        found[f"dev_f1_{name}"] = evaluate_extractor(extractor, dev, protocol="extractgpt")["micro"]["f1"]
    print(f"dev F1: fp32 {100 * found['dev_f1_fp32']:.2f}, int8 {100 * found['dev_f1_int8']:.2f}", file=sys.stderr)
    report("extraction_speed", "amazon titles, AE-110K", host, save=given.save, **found)


if __name__ == "__main__":
    main()
