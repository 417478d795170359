"""F1 against the number of verdicts that people gave on tags: products drawn by chance, and those `kgtag select` names.

    python benchmarks/feedback.py --data DIR [--start 100] [--verdicts 250 750] [--epochs N] [--seeds N]

DIR/oamine_sample as in `extraction.py`, and its splits: the official test set is what F1 is of, by ExtractGPT's
protocol. `--start` annotated products train the first model. It tags the rest of train, the tags are stored, and a
reviewer who knows the gold gives a verdict on every tag of a product, and on every value without one, as `POST
/v1/feedback` takes them. When so many verdicts are given, a model is trained anew, on the first products and on what
`kgtag train extractor --feedback` reads from the store, for the same number of epochs.

The taxonomy holds every value of the gold of train, as if editors had added those that reviewers missed. "by hand" is
the ceiling: the products drawn by chance with their gold, in place of what verdicts left of it. Prints a table
on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common import arguments, machine, report, table, training_config
from extraction import splits

import kgtag
from graph.labels import normalise
from graph.model import Feedback, TaggedItem
from graph.model.feedback import new_feedback_id
from graph.store import TaxonomyStore
from graph.stores import open_store
from graph.taxonomy import Taxonomy
from kgtag.data.importing import import_files
from kgtag.discover.feedback import annotated_row, reviewed_products
from kgtag.discover.selection import Pool, select_batch, uncertainties
from kgtag.evaluation.extraction import evaluate_extractor
from kgtag.extract.sequence import SequenceExtractor
from kgtag.train.extractor.run import train_extractor
from kgtag.types import AnnotatedProduct

Gold = Mapping[str, AnnotatedProduct]


@dataclass(frozen=True)
class Shop:
    """A store whose items carry the first model's tags, the gold of each, and the ids of attributes and values."""

    store: TaxonomyStore
    gold: Gold
    taxonomy: Taxonomy
    ids: Mapping[tuple[str, str], str]

    def verdicts(self, item: TaggedItem) -> Iterator[Feedback]:
        """What the reviewer says of an item: each of its values is right or wrong, and those without a tag missing."""
        gold = self.gold[item.id]
        right = {self.ids[name, value]: (name, value) for name, value in _values(gold)}
        tagged = [tag.concept for tag in item.tags if tag.status == "accepted"]
        given = [id for id in tagged if self.taxonomy[id].kind == "value"]
        spans = {(name, gold.product.cut(span)): (span.start, span.end) for name, span in gold.spans}
        for id in given:
            yield self._verdict(item, id, "right" if id in right else "wrong")
        for id in sorted(right.keys() - set(given)):
            yield replace(self._verdict(item, id, "missing"), span=spans.get(right[id]))

    def _verdict(self, item: TaggedItem, concept: str, verdict: Any) -> Feedback:
        return Feedback(*new_feedback_id(), "gold", concept, verdict, item=item.id)


def _values(one: AnnotatedProduct) -> Iterator[tuple[str, str]]:
    for name, values in one.attributes.items():
        yield from ((name, value) for value in values)


def opened(
    rows: Sequence[AnnotatedProduct], folder: Path
) -> tuple[TaxonomyStore, Taxonomy, dict[tuple[str, str], str]]:
    """A store with the taxonomy of the annotated rows."""
    folder.mkdir()
    file = folder / "annotated.jsonl"
    file.write_text("".join(json.dumps(annotated_row(one)) + "\n" for one in rows))
    store = open_store(f"sqlite:///{folder / 'shop.db'}")
    store.migrate()
    import_files(store, "annotated", [file], author="benchmark")
    taxonomy = Taxonomy.of(store.read())
    named = {normalise(taxonomy[id].label(None)): id for id in taxonomy.ids if taxonomy[id].kind == "attribute"}
    under = {
        (taxonomy.attribute_of(id), normalise(text)): id
        for id in taxonomy.ids
        if taxonomy[id].kind == "value"
        for text, _, _ in taxonomy[id].labels()
    }
    ids = {pair: under[named[normalise(pair[0])], normalise(pair[1])] for one in rows for pair in _values(one)}
    return store, taxonomy, ids


def order(
    way: str,
    extractor: SequenceExtractor,
    first: Sequence[AnnotatedProduct],
    rest: Sequence[AnnotatedProduct],
    *,
    most: int,
    seed: int,
) -> list[str]:
    """Ids of the products to review, in order."""
    if way == "random":
        return [one.product.id for one in random.Random(seed).sample(rest, len(rest))]
    pool = Pool(most)
    products = [one.product for one in rest]
    pool.add(zip(products, uncertainties(extractor, products), strict=True))
    annotated = [
        (p.id, d.vector)
        for p, d in zip(
            [one.product for one in first], uncertainties(extractor, [one.product for one in first]), strict=True
        )
    ]
    return [choice.product.id for choice in select_batch(pool.products(), most, annotated=annotated)]


def curve(data: Path, verdicts: Sequence[int], *, start: int, epochs: int | None, seed: int) -> list[dict[str, Any]]:
    train, dev, test = splits(data, "oamine")
    train = [replace(one, product=replace(one.product, id=f"p{n}")) for n, one in enumerate(train)]
    first = random.Random(seed).sample(train, start)
    rest = [one for one in train if one not in first]
    options = training_config("oamine")[1]
    if epochs is not None:
        options = replace(options, epochs=epochs)
    points: list[dict[str, Any]] = []

    def measure(way: str, rows: Sequence[AnnotatedProduct], folder: Path, **counts: int) -> SequenceExtractor:
        train_extractor(rows, dev=dev, out=folder, seed=seed, options=options)
        extractor = SequenceExtractor.load(folder)
        found = evaluate_extractor(extractor, test, protocol="extractgpt")
        f1 = {"f1": round(found["micro"]["f1"], 4), "strict": round(found["strict"]["micro"]["f1"], 4)}
        points.append({"way": way, "seed": seed, **counts, **f1})
        print(points[-1], file=sys.stderr, flush=True)
        return extractor

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        extractor = measure("first", first, root / "first", verdicts=0, corrections=0, products=0)
        for way in ("random", "select"):
            store, taxonomy, ids = opened(train, root / f"{way}-shop")
            shop = Shop(store, {one.product.id: one for one in rest}, taxonomy, ids)
            products = [one.product for one in rest]
            taggings = kgtag.load(root / "first", store=store).pipe(products)
            store.put_items([tagging.to_item(product) for product, tagging in zip(products, taggings, strict=True)])
            waiting = iter(order(way, extractor, first, rest, most=max(verdicts), seed=seed))
            given = wrong = seen = 0
            reviewed: list[str] = []
            for budget in verdicts:
                while given < budget and (id := next(waiting, None)) is not None:
                    item = store.item(id)
                    assert item is not None
                    for one in list(shop.verdicts(item)):
                        store.put_feedback(one)
                        given, wrong = given + 1, wrong + (one.verdict != "right")
                    seen += 1
                    reviewed.append(id)
                counts = {"verdicts": given, "corrections": wrong, "products": seen}
                rows = [*first, *reviewed_products(store, taxonomy, beside=first)]
                measure(way, rows, root / f"{way}{budget}", **counts)
                if way == "random":
                    gold = [shop.gold[id] for id in reviewed]
                    measure("by hand", [*first, *gold], root / f"hand{budget}", **counts)
            store.close()
    return points


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--start", type=int, default=100)
    parser.add_argument("--verdicts", type=int, nargs="+", default=[250, 750])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    host = machine()
    points = [
        point
        for seed in range(given.seeds)
        for point in curve(given.data, sorted(given.verdicts), start=given.start, epochs=given.epochs, seed=seed)
    ]
    table(
        f"OA-Mine, {given.start} annotated products first, {given.seeds} seed(s)",
        ("products by", "verdicts", "of them corrections", "products", "F1", "strict"),
        [[p["way"], p["verdicts"], p["corrections"], p["products"], p["f1"], p["strict"]] for p in points],
        rivals=("random", "by hand"),
        file=sys.stderr,
    )
    report("feedback", "OA-Mine", host, save=given.save, points=points)


if __name__ == "__main__":
    main()
