"""What there is to learn from: gold, feedback and accepted proposals, and what of the gold is kept aside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graph.formats import reading
from graph.formats.reading import Row
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.data.annotated import annotated
from kgtag.discover.feedback import names_of, reviewed_products, with_names
from kgtag.discover.mentions import accepted_gold
from kgtag.evaluation.extraction import Protocol
from kgtag.improve.place import Place
from kgtag.improve.split import split, unlike
from kgtag.types import AnnotatedProduct, Product

if TYPE_CHECKING:
    from kgtag.train.extractor.config import RunOptions, TrainOptions


@dataclass(frozen=True, slots=True)
class Settings:
    """How a round is done.

    Attributes:
        run, options: Of training; every candidate is trained anew on everything.
        count: Products to annotate next.
        look: Products of the catalogue that are looked at, drawn anew each round: for the choice of the next ones, for
            new values, and for drift.
        by_chance: Choose the next ones by chance.
    """

    run: RunOptions
    options: TrainOptions
    count: int = 50
    look: int = 5_000
    by_chance: bool = False

    @property
    def protocol(self) -> Protocol:
        return "extractgpt" if self.run.format == "extractgpt" else "spans"


@dataclass(frozen=True, slots=True)
class Material:
    """What there is to learn from: `train`, by source in `sizes`, and gold kept `aside`; `digest` of what is learned
    from, and how; all `gold`, and the rows of `accepted` values."""

    train: list[AnnotatedProduct]
    aside: list[AnnotatedProduct]
    sizes: dict[str, int]
    digest: str
    gold: list[AnnotatedProduct]
    accepted: list[dict[str, Any]]


def gather(
    place: Place,
    store: TaxonomyStore,
    taxonomy: Taxonomy,
    settings: Settings,
    *,
    answers: Sequence[AnnotatedProduct] = (),
) -> Material:
    """Gold (that of the directory, and `answers`), feedback and accepted proposals, in this order of trust: a title
    counts once. Categories and attributes have one name each, the most frequent in gold."""
    run = settings.run
    given = {one.product.title: one for one in (*place.gold(format=run.format, lang=run.lang), *answers)}.values()
    names = names_of(given, taxonomy)
    gold = [with_names(one, names, taxonomy) for one in given]
    accepted = _accepted(place, store, names)
    sources = {
        "gold": gold,
        "feedback": list(reviewed_products(store, taxonomy, beside=gold)),
        "accepted": [annotated(Row(str(place.tags), number, row)) for number, row in enumerate(accepted, 1)],
    }
    aside, train, seen = split(gold)[1], list[AnnotatedProduct](), set[str]()
    sizes = dict[str, int]()
    for name, found in sources.items():
        fresh = unlike([one for one in split(found)[0] if one.product.title not in seen], aside)
        seen.update(one.product.title for one in found)
        sizes[name] = len(fresh)
        train += fresh
    sizes |= {"train": len(train), "aside": len(aside)}
    how = (sorted(map(repr, train)), run, settings.options)
    digest = hashlib.sha256(repr(how).encode("utf-8", "backslashreplace")).hexdigest()[:12]
    return Material(train, aside, sizes, digest, gold, accepted)


def _accepted(place: Place, store: TaxonomyStore, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of the products seen with a value that was proposed, and has a concept by now: those known, and those of the
    last look."""
    rows = list(reading.json_rows(place.tags)) if place.tags.is_file() and place.tags.stat().st_size else []
    products = {str(row["id"]): Product(**row["product"]) for _, row in rows}
    fresh = accepted_gold(store, rows, products, names=names)
    known = [row for _, row in reading.json_rows(place.accepted)] if place.accepted.is_file() else []
    return list({row["title"]: row for row in (*fresh, *known)}.values())
