"""Stored items tagged again after a change of the taxonomy: only those that it can touch.

An item is touched when it has a tag that the change concerns, or when its title has words of a label that came, went or
changed. With nothing else in the title, the same model finds the same mentions and candidates in it as before.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain, islice
from typing import Literal

from graph.history.diff import diff
from graph.labels import CJK, folded_form, joined, normal_form, words
from graph.model import ItemTag, TaggedItem
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.extract.dictionary import BASELINE
from kgtag.tag.tagger import Tagger
from kgtag.types import Product, Tagging

Reason = Literal["tag", "words", "model", "all"]
_BATCH = 64
_LONGEST = 16
"""Words, or Chinese characters, of a label that is looked for, as in the dictionary."""
_UNREAD = ("definition", "notation")
"""Fields that no tag depends on."""
_UNUSED = ("related", "exact_match", "close_match")
"""Relations that no tag depends on."""


class Touched:
    """What a change from one snapshot to another touches."""

    def __init__(self, before: Taxonomy, now: Taxonomy) -> None:
        found = diff(before, now)
        self.concepts: set[str] = {concept.id for concept in (*found.added, *found.removed)}
        named = [*found.added, *found.removed]
        for one in found.changed:
            if not set(one.fields) <= set(_UNREAD):
                self.concepts.add(one.id)
                named += [one.before, one.after]
                if not {"status", "kind", "choice"}.isdisjoint(one.fields):
                    self.concepts |= _below(one.id, before, now)
        for edge in (*found.relations_added, *found.relations_removed):
            if edge.type in _UNUSED:
                continue
            ends = (edge.source, edge.target) if edge.type in ("applies_to", "excludes") else (edge.source,)
            for end in ends:
                self.concepts |= {end} | _below(end, before, now)
            if edge.type == "broader":  # what has narrower concepts is weighed otherwise against other categories
                named += [taxonomy[edge.target] for taxonomy in (before, now) if edge.target in taxonomy]
        labels = {text for concept in named for text, _, _ in concept.labels()}
        self._words: set[str] = set()
        self._parts: set[str] = set()
        for label in labels:
            self._add(label)
        known = (taxonomy[id] for taxonomy in (before, now) for id in self.concepts if id in taxonomy)
        self._parts |= {folded for one in known for text, _, _ in one.labels() if (folded := _folded(text))}

    def _add(self, label: str) -> None:
        """The words of a label that itself is another one; of Chinese, each two characters that follow each other."""
        for word in words(label):
            if not CJK.match(word.folded):
                self._words.add(word.folded)
        folded = _folded(label)
        self._parts |= {folded[at : at + 2] for at in range(len(folded) - 1) if CJK.match(folded[at])} | {folded}
        self._parts.discard("")

    def reason(self, item: TaggedItem) -> Reason | None:
        """Why an item is touched, None when it is not."""
        if any(tag.concept in self.concepts for tag in item.tags):
            return "tag"
        found = [word.folded for word in words(item.title)]
        if not self._words.isdisjoint(found):
            return "words"
        runs = (accumulate(found[at : at + _LONGEST], joined) for at in range(len(found)))
        return None if self._parts.isdisjoint(chain.from_iterable(runs)) else "words"


@dataclass(slots=True)
class RetagReport:
    """Counts of a run.

    Attributes:
        items: All that are stored.
        done: Tagged with this taxonomy and model already, as by a run before that was interrupted.
        touched: By reason.
        skipped: Not touched.
        entered: With tags that people or other programs stored; left as they are.
        no_text: Touched, with tags that came from a text, which stores do not keep: tag their file again.
        retagged: Stored again, or in a dry run to be stored.
        changed: Of these, with other tags than before.
        failed: Cannot be tagged any more; left as they are.
        checked: Skipped ones that were tagged to see whether skipping was right.
        missed: Of these, with other tags than before.
    """

    items: int = 0
    done: int = 0
    touched: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    entered: int = 0
    no_text: int = 0
    retagged: int = 0
    changed: int = 0
    failed: int = 0
    checked: int = 0
    missed: int = 0

    def to_json(self) -> dict[str, object]:
        return {name: dict(value) if isinstance(value := getattr(self, name), Counter) else value for name in _FIELDS}


_FIELDS = tuple(RetagReport.__slots__)


def retag(
    store: TaxonomyStore,
    tagger: Tagger,
    *,
    since: Taxonomy | None,
    products: Mapping[str, Product] | None = None,
    dry_run: bool = False,
    verify: int = 0,
    watch: Callable[[int], None] = lambda _: None,
) -> RetagReport:
    """Tag the touched items again and store them; a second run continues one that was interrupted.

    Args:
        store: Of the items.
        tagger: On the present snapshot.
        since: The snapshot that the items were tagged with; None tags every item again.
        products: What to tag in place of stored titles, by id.
        dry_run: Count, and store nothing.
        verify: Number of skipped items, drawn at random, that are tagged as well: would their tags change?
        watch: Called with the items done so far.
    """
    touched = Touched(since, tagger.taxonomy) if since is not None else None
    report, skipped = RetagReport(), _Sample(verify)
    for batch in _batches(_wanted(store, tagger, touched, report, skipped, products or {})):
        again, changed, failed = _tagged(tagger, batch, products or {})
        report.retagged += len(again)
        report.changed += changed
        report.failed += failed
        if not dry_run and again:
            store.put_items(again)
        watch(report.items)
    for batch in _batches(skipped.items):
        again, changed, _ = _tagged(tagger, batch, products or {})
        report.checked += len(again)
        report.missed += changed
    watch(report.items)
    return report


def _wanted(
    store: TaxonomyStore,
    tagger: Tagger,
    touched: Touched | None,
    report: RetagReport,
    skipped: _Sample,
    products: Mapping[str, Product],
) -> Iterator[TaggedItem]:
    for item in store.items():
        report.items += 1
        if item.model.startswith("api:"):
            report.entered += 1
            continue
        if (item.model, item.revision) == (tagger.version, tagger.taxonomy.revision):
            report.done += 1
            continue
        reason: Reason | None = "all" if touched is None else touched.reason(item)
        if reason is None and not _same_model(item.model, tagger.version):
            reason = "model"
        if reason is None:
            report.skipped += 1
            skipped.add(item)
            continue
        report.touched[reason] += 1
        if item.id not in products and any(_is_of_text(tag) for tag in item.tags):
            report.no_text += 1
            continue
        yield item


def _tagged(
    tagger: Tagger, items: list[TaggedItem], products: Mapping[str, Product]
) -> tuple[list[TaggedItem], int, int]:
    """The items with new tags, how many of these differ, and how many cannot be tagged."""
    given = [products.get(item.id) or _product(item, tagger.taxonomy) for item in items]
    again, changed = [], 0
    for item, product, outcome in zip(items, given, tagger.attempt(given), strict=True):
        if isinstance(outcome, Tagging):
            new = outcome.to_item(replace(product, title=item.title) if item.id not in products else product)
            again.append(new)
            changed += _accepted(new) != _accepted(item)
    return again, changed, len(items) - len(again)


def _same_model(a: str, b: str) -> bool:
    """The dictionary baseline's version is that of the taxonomy."""
    return a == b or (a.startswith(BASELINE) and b.startswith(BASELINE))


def _product(item: TaggedItem, taxonomy: Taxonomy) -> Product:
    """The product of an item, with the category that it was given with."""
    for tag in item.tags:
        concept = taxonomy.get(tag.concept)
        if tag.method == "given" and tag.status == "accepted" and concept is not None and concept.kind == "category":
            return Product(item.id, item.title, category=concept.id, lang=item.lang)
    return Product(item.id, item.title, lang=item.lang)


def _accepted(item: TaggedItem) -> set[str]:
    return {tag.concept for tag in item.tags if tag.status == "accepted"}


def _is_of_text(tag: ItemTag) -> bool:
    return tag.surface is not None and tag.start is None


def _below(id: str, before: Taxonomy, now: Taxonomy) -> set[str]:
    """What inherits from a concept, then or now: the narrower ones, and the values of an attribute."""
    found: set[str] = set()
    for taxonomy in (before, now):
        if id in taxonomy:
            found |= set(taxonomy.descendants(id))
            found |= {value for one in (id, *taxonomy.descendants(id)) for value in taxonomy.values_of(one)}
    return found


def _folded(text: str) -> str:
    return folded_form(normal_form(text))


def _batches(items: Iterable[TaggedItem]) -> Iterator[list[TaggedItem]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch


class _Sample:
    """A random sample of so many of the items that come by; the same for the same items."""

    def __init__(self, size: int) -> None:
        self.items: list[TaggedItem] = []
        self._size, self._seen = size, 0
        self._draw = random.Random(0)

    def add(self, item: TaggedItem) -> None:
        self._seen += 1
        if len(self.items) < self._size:
            self.items.append(item)
        elif self._size and (at := self._draw.randrange(self._seen)) < self._size:
            self.items[at] = item
