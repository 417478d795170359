"""What enforcement buys and costs: off, with the taxonomy, and with embeddings too, on easy and on hard titles.

    python benchmarks/enforcement.py --model DIR --embeddings DIR [--save enforcement]

The models are those of `kgtag demo` (`--keep DIR`), trained on the sample shop's training titles. Its test titles are
tagged with the category given, as they are, and cut to their first three words (eight characters of Chinese): hard,
since the text says little. The suggestions of a plain multi-label model (TF-IDF of character n-grams, one logistic
regression for each tag, on the same training titles) that contradict themselves are enforced too; its threshold is the
best for micro F1 on the dev titles, with enforcement off. Gold is all that annotators gave the whole title; sets of
concepts with everything broader, bootstrap intervals over titles, and the paired difference from "off".

Speed: an item with the plain model's 20 likeliest candidates, without the text model, facts of the taxonomy remembered
from the items before; the rival is the threshold alone.
"""

from __future__ import annotations

import math
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
from common import arguments, machine, report, table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy
from kgtag.data import read_annotated, sample
from kgtag.data.importing import import_files
from kgtag.enforce import Enforcer, EnforceSettings, violations
from kgtag.enforce.enforce import Mode
from kgtag.evaluation.tagging import closed, gold_concepts
from kgtag.tag.models import assemble_tagger, load_models
from kgtag.types import AnnotatedProduct, CandidateTag, Plausibility, Product

MODES: tuple[Mode, ...] = get_args(Mode)
_CANDIDATES, _SAMPLES, _ROUNDS = 20, 2000, 25
_CJK = re.compile("[\u4e00-\u9fff]")
Answers = dict[Mode, list[set[str]]]


def short(title: str) -> str:
    return title[:8] if _CJK.search(title) else " ".join(title.split()[:3])


def plain(
    taxonomy: Taxonomy, gold: Sequence[AnnotatedProduct], scorer: Plausibility | None
) -> tuple[Answers, list[list[CandidateTag]]]:
    """The suggestions of a multi-label model, under each mode; and all of its candidates."""
    train, dev = list(read_annotated(sample.TRAIN)), list(read_annotated(sample.DEV))
    labels = MultiLabelBinarizer()
    wanted = labels.fit_transform([gold_concepts(one, taxonomy) for one in train])
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True)
    model = OneVsRestClassifier(LogisticRegression(C=30.0, class_weight="balanced"))
    model.fit(grams.fit_transform([one.product.title for one in train]), wanted)

    def candidates(products: Sequence[AnnotatedProduct]) -> list[list[CandidateTag]]:
        rates = model.predict_proba(grams.transform([one.product.title for one in products]))
        return [
            [CandidateTag(str(labels.classes_[i]), float(row[i]), "predicted") for i in np.argsort(-row)[:_CANDIDATES]]
            for row in rates
        ]

    tried, wants = candidates(dev), [closed(gold_concepts(one, taxonomy), taxonomy) for one in dev]
    levels = np.arange(0.2, 0.9, 0.05)
    cut = max(levels, key=lambda at: f1(enforced(tried, "off", taxonomy, scorer, float(at)), wants))
    found = candidates(gold)
    return {mode: enforced(found, mode, taxonomy, scorer, float(cut)) for mode in MODES}, found


def enforced(
    candidates: Sequence[Sequence[CandidateTag]],
    mode: Mode,
    taxonomy: Taxonomy,
    scorer: Plausibility | None,
    cut: float,
) -> list[set[str]]:
    enforcer = Enforcer(taxonomy, plausibility=scorer, settings=EnforceSettings(threshold=cut, mode=mode))
    return [closed([tag.concept for tag in enforcer.enforce(one).tags], taxonomy) for one in candidates]


def f1(answers: Sequence[set[str]], wants: Sequence[set[str]]) -> float:
    return float(measures(np.array([counts(*pair) for pair in zip(answers, wants, strict=True)]).sum(axis=0))[2])


def counts(have: set[str], want: set[str]) -> tuple[int, int, int]:
    return len(have & want), len(have), len(want)


def measures(summed: np.ndarray) -> np.ndarray:
    """(…, 3) of right, answered and wanted → (3, …) of precision, recall and F1."""
    right, answered, wanted = np.moveaxis(summed.astype(float), -1, 0)
    return np.stack([right / answered, right / wanted, 2 * right / (answered + wanted)])


def ablation(answers: dict[str, Answers], gold: Sequence[AnnotatedProduct], taxonomy: Taxonomy) -> list[list[object]]:
    wants = [closed(gold_concepts(one, taxonomy), taxonomy) for one in gold]
    draws = np.random.default_rng(0).multinomial(len(gold), np.full(len(gold), 1 / len(gold)), size=_SAMPLES)
    rows: list[list[object]] = []
    for name, by_mode in answers.items():
        drawn = {}
        for mode, sets in by_mode.items():
            made = np.array([counts(*pair) for pair in zip(sets, wants, strict=True)])
            drawn[mode] = measures(draws @ made)[2]
            low, high = np.percentile(drawn[mode] - drawn["off"], (2.5, 97.5))
            broken = sum(bool(violations(one, taxonomy)) for one in sets) / len(sets)
            gained = "" if mode == "off" else f"{low:+.4f} to {high:+.4f}"
            rows.append([name, mode, *np.round(measures(made.sum(axis=0)), 4).tolist(), gained, round(broken, 3)])
    return rows


def timings(
    candidates: Sequence[Sequence[CandidateTag]], taxonomy: Taxonomy, scorer: Plausibility | None
) -> list[list[object]]:
    """Microseconds an item of processor time, the least of rounds over the items, by turns."""
    enforcers = {mode: Enforcer(taxonomy, plausibility=scorer, settings=EnforceSettings(mode=mode)) for mode in MODES}
    fastest = dict.fromkeys(MODES, math.inf)
    for _ in range(_ROUNDS):
        for mode, enforcer in enforcers.items():
            started = time.process_time()
            for one in candidates:
                enforcer.enforce(one)
            fastest[mode] = min(fastest[mode], (time.process_time() - started) / len(candidates) * 1e6)
    return [[mode, round(least), round(least / fastest["off"], 1)] for mode, least in fastest.items()]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--embeddings", type=Path, required=True)
    options = parser.parse_args()
    host = machine()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'shop.db'}")
        store.migrate()
        import_files(store, "jsonl", [sample.TAXONOMY], scheme=sample.SCHEME, author="benchmark")
        taxonomy = load_taxonomy(store)
        store.close()
    models = load_models(str(options.model), options.embeddings)
    scorer = models.scorer.aligned(taxonomy) if models.scorer is not None else None
    gold, tagger = list(read_annotated(sample.TEST)), assemble_tagger(models, taxonomy)
    kinds = {
        "category given": [one.product for one in gold],
        "title": [replace(one.product, category=None) for one in gold],
        "first three words": [Product(one.product.id, short(one.product.title), lang=one.product.lang) for one in gold],
    }
    answers: dict[str, Answers] = {
        name: {
            mode: [closed([tag.concept for tag in one.tags], taxonomy) for one in found]
            for mode, found in tagger.tag_by_mode(products, MODES).items()
        }
        for name, products in kinds.items()
    }
    answers["plain multi-label model"], candidates = plain(taxonomy, gold, scorer)
    rows = ablation(answers, gold, taxonomy)
    columns = ["titles", "enforcement", "precision", "recall", "F1", "F1 over off, 95%", "with contradictions"]
    table("The same candidates under each mode", columns, rows)
    speed = timings(candidates, taxonomy, scorer)
    table("One item of 20 candidates", ["enforcement", "µs", "× threshold alone"], speed, rivals=("off",))
    data = f"The sample shop's {len(gold)} test titles, by the models of `kgtag demo`"
    report("enforcement", data, host, save=options.save, rows=rows, speed=speed)


if __name__ == "__main__":
    main()
