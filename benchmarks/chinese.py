"""Chinese products and brands in titles (Taobao NER), with an encoder trained here, beside two rivals.

    python benchmarks/chinese.py --data DIR [--encoder PATH [--adapt]] [--no-lexicon] [--dev] [--keep DIR] [--seed N]

DIR holds `taobao_ner/{train,dev,test}.txt.bieos.gz`, its gazetteers in `taobao_ner/dics`, and Chinese text:
`openbg_align`, `multi_cpr`, `google_taxonomy` and `shopify_categories`. Without --encoder a character-level encoder is
pretrained on that text and the training titles, from nothing; with it, that encoder is taken, with --adapt after
pretraining it further. The extractor is then fine-tuned on train with the gazetteers as its lexicon; the dev set
chooses its epoch and bias. The test set is looked at once; --dev measures on the dev set instead, for choosing.
Dev and test titles that are in train are left out of train.

Rivals: max-match with the entities of train of two and more characters; a lattice-free BiLSTM-CRF over characters and
pairs of characters, without lexicon, its epoch chosen on dev. Prints a table on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from common import arguments, machine, report, table, training_config
from torch import Tensor, nn

from kgtag.data import read_annotated
from kgtag.evaluation.extraction import LabelledSpan, evaluate_extractor, evaluate_spans
from kgtag.extract.decode import Chain, find_spans, span_tags
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.encoder.loop import PretrainOptions, Watching
from kgtag.train.encoder.run import pretrain
from kgtag.train.extractor.network import ChainCRF
from kgtag.train.extractor.run import train_extractor
from kgtag.types import AnnotatedProduct

LABELS = ("HC", "HP")
_PARTS = re.compile(r"[\n\t；]|Item \d: |Query: |Doc: |Candidate Document: ")


def read(data: Path, split: str) -> list[AnnotatedProduct]:
    return list(read_annotated(data / "taobao_ner" / f"{split}.txt.bieos.gz", format="bieos", lang="zh"))


def gazetteers(data: Path) -> dict[str, list[str]]:
    found = defaultdict(list)
    for file in sorted((data / "taobao_ner" / "dics").glob("*.dic.gz")):
        found["HP" if file.name.startswith("brand") else "HC"] += [line.strip() for line in _lines(file)]
    return {name: [value for value in values if value] for name, values in found.items()}


def texts(data: Path, train: Sequence[AnnotatedProduct]) -> list[str]:
    """Unlabelled Chinese product text of six and more characters, each once; nothing of dev or test."""
    found = [one.product.title for one in train]
    for folder in ("openbg_align", "multi_cpr"):
        for file in sorted((data / folder).glob("*.jsonl.gz")):
            for line in _lines(file):
                whole = json.loads(line)["sentences"].replace("#:#", "：").replace("#;#", "；")
                found += [part.strip().rstrip(",.") for part in _PARTS.split(whole)]
    for line in _lines(data / "google_taxonomy" / "taxonomy-with-ids.zh-CN.txt.gz"):
        found.append(line.rpartition(" > ")[2].rpartition(" - ")[2].strip())
    shop = json.loads("".join(_lines(data / "shopify_categories" / "zh-CN.json.gz")))
    found += [one["name"] for vertical in shop["verticals"] for one in vertical["categories"]]
    return [text for text in dict.fromkeys(found) if len(text) >= 6]


def max_match(train: Sequence[AnnotatedProduct], test: Sequence[AnnotatedProduct]) -> list[list[LabelledSpan]]:
    """The longest entity of train first, from left to right; its commonest label."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for one in train:
        for label, span in one.spans:
            seen[one.product.title[span.start : span.end]][label] += 1
    label_of = {entity: counts.most_common(1)[0][0] for entity, counts in seen.items() if len(entity) >= 2}
    longest = max(map(len, label_of))
    answers = []
    for one in test:
        found, at, title = [], 0, one.product.title
        while at < len(title):
            sizes = range(min(longest, len(title) - at), 1, -1)
            size = next((size for size in sizes if title[at : at + size] in label_of), 0)
            if size:
                found.append((at, at + size, label_of[title[at : at + size]]))
            at += size or 1
        answers.append(found)
    return answers


class Recurrent(nn.Module):
    """BiLSTM over embeddings of characters and of pairs of characters; a chain CRF for each label."""

    def __init__(self, characters: int, pairs: int, *, width: int = 128) -> None:
        super().__init__()
        self.character = nn.Embedding(characters, 64, padding_idx=0)
        self.pair = nn.Embedding(pairs, 64, padding_idx=0)
        self.lstm = nn.LSTM(128, width, batch_first=True, bidirectional=True)
        self.emit = nn.Linear(2 * width, 5 * len(LABELS))
        self.dropout = nn.Dropout(0.5)
        self.crf = ChainCRF()

    def forward(self, characters: Tensor, pairs: Tensor, lengths: Tensor) -> Tensor:
        """(B, labels, T, 5) of two (B, T) int64."""
        inputs = self.dropout(torch.cat([self.character(characters), self.pair(pairs)], dim=-1))
        packed = nn.utils.rnn.pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        emissions: Tensor = self.emit(self.dropout(states))
        return emissions.unflatten(-1, (len(LABELS), 5)).transpose(1, 2)


class Baseline:
    """Trains a Recurrent, and finds spans with it."""

    def __init__(self, train: Sequence[AnnotatedProduct], *, seed: int) -> None:
        torch.manual_seed(seed)
        self.seed = seed
        counts = Counter(piece for one in train for pieces in _pieces(one.product.title) for piece in pieces)
        kept = sorted(piece for piece, count in counts.items() if count > 1)
        self.index = {piece: number for number, piece in enumerate(kept, start=2)}
        self.network = Recurrent(len(kept) + 2, len(kept) + 2)
        self.train = list(train)

    def fit(self, dev: Sequence[AnnotatedProduct], epochs: int) -> None:
        optimiser = torch.optim.Adam(self.network.parameters(), lr=2e-3)
        rng = random.Random(self.seed)
        best, state = -1.0, {}
        for epoch in range(epochs):
            self.network.train()
            for chunk in _chunks(self.train, 32, rng):
                optimiser.zero_grad()
                self.loss(chunk).backward()
                nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
                optimiser.step()
            for group in optimiser.param_groups:
                group["lr"] *= 0.9
            f1 = evaluate_spans(_gold(dev), self.find(dev))["micro"]["f1"]
            _log(f"BiLSTM-CRF epoch {epoch + 1}: dev F1 {100 * f1:.1f}")
            if f1 > best:
                best, state = f1, {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(state)

    def loss(self, chunk: Sequence[AnnotatedProduct]) -> Tensor:
        characters, pairs, lengths = self.arrays(chunk)
        emissions = self.network(characters, pairs, lengths)
        tags = torch.zeros(emissions.shape[:3], dtype=torch.int64)
        for row, one in enumerate(chunk):
            for column, label in enumerate(LABELS):
                spans = [(span.start, span.end - 1) for name, span in one.spans if name == label]
                tags[row, column, : lengths[row]] = torch.as_tensor(span_tags(spans, int(lengths[row])))
        rows = lengths.repeat_interleave(len(LABELS))
        loss = self.network.crf.negative_log_likelihood(emissions.flatten(0, 1), tags.flatten(0, 1), rows)
        return loss.sum() / len(chunk)

    def find(self, data: Sequence[AnnotatedProduct]) -> list[list[LabelledSpan]]:
        self.network.eval()
        answers = []
        with torch.no_grad():
            chain = Chain(*(part.double().numpy() for part in self.network.crf.scores()))
            for one in data:
                characters, pairs, lengths = self.arrays([one])
                emissions = self.network(characters, pairs, lengths)[0].double().numpy()
                spans = find_spans([emissions], chain)
                columns = zip(spans.first.tolist(), spans.last.tolist(), spans.row.tolist(), strict=True)
                answers.append([(first, last + 1, LABELS[row]) for first, last, row in columns])
        return answers

    def arrays(self, chunk: Sequence[AnnotatedProduct]) -> tuple[Tensor, Tensor, Tensor]:
        lengths = [len(one.product.title) for one in chunk]
        found = torch.zeros(2, len(chunk), max(lengths), dtype=torch.int64)
        for row, one in enumerate(chunk):
            for at, pieces in enumerate(_pieces(one.product.title)):
                for kind, piece in enumerate(pieces):
                    found[kind, row, at] = self.index.get(piece, 1)
        return found[0], found[1], torch.tensor(lengths)


def _pieces(title: str) -> Iterator[tuple[str, str]]:
    """Each character, and with the one behind it."""
    for at, character in enumerate(title):
        yield character, character + (title[at + 1 : at + 2] or "\n")


def _chunks(data: list[AnnotatedProduct], size: int, rng: random.Random) -> list[list[AnnotatedProduct]]:
    order = sorted(data, key=lambda one: (len(one.product.title), rng.random()))
    chunks = [order[n : n + size] for n in range(0, len(order), size)]
    rng.shuffle(chunks)
    return chunks


def _gold(data: Sequence[AnnotatedProduct]) -> list[set[LabelledSpan]]:
    return [{(span.start, span.end, name) for name, span in one.spans} for one in data]


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from file


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def encoder_of(
    given: argparse.Namespace, train: Sequence[AnnotatedProduct], scratch: Path
) -> tuple[str, dict[str, Any]]:
    """The encoder's path, and what its pretraining measured."""
    if given.encoder is not None and not given.adapt:
        return str(given.encoder), {}
    options = PretrainOptions(epochs=given.pretraining, layers=given.layers, width=given.width)
    unlabelled = texts(given.data, train)
    _log(f"{len(unlabelled)} texts, {sum(map(len, unlabelled))} characters")
    name = str(given.encoder) if given.encoder is not None else None
    made = pretrain(
        unlabelled, out=scratch / "encoder", encoder=name, seed=given.seed, options=options, watching=Watching(_log)
    )
    measured = {"before": made.before, "after": made.after, "chance": made.chance, "seconds": made.seconds}
    return str(made.directory), {name: round(value, 1) for name, value in measured.items()}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--adapt", action="store_true")
    parser.add_argument("--no-lexicon", action="store_true")
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--keep", type=Path, help="keep encoder and model here")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--pretraining", type=int, default=8, help="epochs, at most")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rival-epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write-gazetteers", type=Path, help="write them for `kgtag import annotated`, train nothing")
    given = parser.parse_args()
    if given.write_gazetteers is not None:
        row = {"title": "gazetteers", "attributes": gazetteers(given.data)}
        given.write_gazetteers.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    host = machine()
    train, dev, test = (read(given.data, split) for split in ("train", "dev", "test"))
    apart = {one.product.title for one in (*dev, *test)}
    train = [one for one in train if one.product.title not in apart]
    test = dev if given.dev else test
    _, options = training_config("taobao-scratch" if given.encoder is None else "taobao")
    options = replace(options, epochs=given.epochs or options.epochs)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = given.keep or Path(temporary)
        started = time.monotonic()
        encoder, pretrained = encoder_of(given, train, scratch)
        lexicon = {} if given.no_lexicon else gazetteers(given.data)
        train_extractor(
            train, dev=dev, out=scratch / "model", encoder=encoder, seed=given.seed, options=options, lexicon=lexicon,
            progress=_log,
        )  # fmt: skip
        seconds = time.monotonic() - started
        found = {"kgtag": evaluate_extractor(SequenceExtractor.load(scratch / "model"), test, protocol="spans")}
    gold = _gold(test)
    found["max-match"] = evaluate_spans(gold, max_match(train, test))
    if given.rival_epochs:
        rival = Baseline(train, seed=given.seed)
        rival.fit(dev, given.rival_epochs)
        found["BiLSTM-CRF"] = evaluate_spans(gold, rival.find(test))
    labels = list(found["kgtag"]["per_label"])
    rows = [
        [name, *(one["micro"][rate] for rate in ("precision", "recall", "f1"))]
        + [one["per_label"][label]["f1"] if label in one["per_label"] else "" for label in labels]
        for name, one in found.items()
    ]
    columns = ["", "P", "R", "F1", *(f"F1 {label}" for label in labels)]
    table(f"{len(test)} sentences", columns, rows, rivals=[name for name in found if name != "kgtag"], file=sys.stderr)
    report(
        "chinese", "taobao_ner", host, save=given.save,
        n=len(test), split="dev" if given.dev else "test", seed=given.seed,
        encoder=given.encoder.name if given.encoder else f"{given.layers}x{given.width} from nothing",
        adapted=given.adapt, lexicon=not given.no_lexicon, pretraining=pretrained, train_seconds=round(seconds, 1),
        **{name: {"micro": one["micro"], "per_label": one["per_label"]} for name, one in found.items()},
    )  # fmt: skip


if __name__ == "__main__":
    main()
