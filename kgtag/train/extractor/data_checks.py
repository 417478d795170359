"""Checks of annotated data before training, with counts and examples."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from graph.errors import FileFormatError, TextError
from graph.taxonomy import Taxonomy, find_concept
from kgtag.text import clean
from kgtag.train.extractor.dataset import locate, seen_once
from kgtag.train.targets import targets
from kgtag.types import AnnotatedProduct

_SHOWN = 5
_OVERLAPS, _ACROSS = "overlap_within", "overlap_across"


@dataclass(frozen=True, slots=True)
class DataFinding:
    """One check's `count` of cases, at most five as `examples`. A "finding" is most likely a fault, a "note" isn't."""

    code: str
    level: Literal["finding", "note"]
    message: str
    count: int
    examples: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "examples": list(self.examples)}


def inspect_data(
    train: Sequence[AnnotatedProduct],
    dev: Sequence[AnnotatedProduct] = (),
    *,
    taxonomy: Taxonomy | None = None,
    misplaced: Sequence[FileFormatError] = (),
) -> list[DataFinding]:
    """Return findings, then notes. `taxonomy`: checks categories, attributes and values against it; `misplaced`: spans
    out of range, left out when the files were read."""
    everything, titles = [*train, *dev], {one.product.title for one in train}
    leaked = [_shown(one) for one in dev if one.product.title in titles]
    once = seen_once(train)
    made = [
        _finding("out_of_range", "spans outside their text, left out", map(str, misplaced)),
        *_texts(everything),
        *_overlaps(everything),
        _finding("seen_once", "attributes with a single annotated product in training: too few to learn", once),
        *_repeated(train),
        _finding("in_train_and_dev", "dev titles that are in training too: dev F1 will be too high", leaked),
    ]
    if taxonomy is not None:
        made += _against(taxonomy, everything)
    found = [one for one in made if one.count]
    return sorted(found, key=lambda one: one.level != "finding")


def _finding(
    code: str, message: str, examples: Iterable[str], *, level: Literal["finding", "note"] = "finding"
) -> DataFinding:
    """Count the examples; equal ones are shown once."""
    counted = Counter(examples)
    shown = [text if count == 1 else f"{text} ({count}×)" for text, count in counted.most_common(_SHOWN)]
    return DataFinding(code, level, message, counted.total(), tuple(shown))


def _shown(one: AnnotatedProduct) -> str:
    title = one.product.title
    return f"{one.product.id}: {title if len(title) <= 70 else title[:69] + '…'}"


def _texts(data: Sequence[AnnotatedProduct]) -> list[DataFinding]:
    unreadable, missing, inferred = list[str](), list[str](), list[str]()
    learned = targets(data)
    for one in data:
        try:
            title = clean(one.product.title)
        except TextError as error:
            unreadable.append(f"{one.product.id}: {error}")
            continue
        surfaces = {(name, one.product.cut(span)) for name, span in one.spans}
        for name, values in one.attributes.items():
            (inferred if name in learned else missing).extend(
                f"{_shown(one)} ← {name} {value!r}"
                for value in values
                if (name, value) not in surfaces
                and not locate(title, value.strip())
                and not locate(one.product.text or "", value.strip())
            )
    nowhere = "values that are neither in the title nor in the text, and can't be learned as spans"
    implied = (
        "values that are neither in the title nor in the text, of attributes whose values are learned to be inferred"
    )
    return [
        _finding("unreadable_title", "titles that can't be read, left out", unreadable),
        _finding("not_in_text", nowhere, missing),
        _finding("inferred", implied, inferred, level="note"),
    ]


def _overlaps(data: Sequence[AnnotatedProduct]) -> list[DataFinding]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in data:
        ordered = sorted(set(one.spans), key=lambda pair: pair[1].place)
        for number, (name, span) in enumerate(ordered):
            for other, later in ordered[number + 1 :]:
                if later.field != span.field or later.start >= span.end:
                    break
                parts = " and ".join(f"{what} {one.product.cut(at)!r}" for what, at in ((name, span), (other, later)))
                found[_OVERLAPS if name == other else _ACROSS].append(f"{_shown(one)} ← {parts}")
    return [
        _finding(_OVERLAPS, "values of one attribute that overlap; the longest is learned", found[_OVERLAPS]),
        _finding(_ACROSS, "values of two attributes that overlap; both are learned", found[_ACROSS], level="note"),
    ]


def _repeated(train: Sequence[AnnotatedProduct]) -> list[DataFinding]:
    groups: dict[str, list[AnnotatedProduct]] = defaultdict(list)
    for one in train:
        groups[one.product.title].append(one)
    differ: list[str] = []
    same: list[str] = []
    for group in groups.values():
        if len(group) > 1:
            more = "" if len(group) <= 3 else f" and {len(group) - 3} more"
            also = f"{_shown(group[0])} (also {', '.join(one.product.id for one in group[1:3])}{more})"
            (differ if len({_gold(one) for one in group}) > 1 else same).append(also)
    return [
        _finding("contradicting", "titles that occur more than once with different gold", differ),
        _finding("repeated", "titles that occur more than once with the same gold", same, level="note"),
    ]


def _gold(one: AnnotatedProduct) -> tuple[object, ...]:
    values = sorted((name, tuple(sorted(found))) for name, found in one.attributes.items())
    return one.product.category, tuple(values), one.spans


def _against(taxonomy: Taxonomy, data: Sequence[AnnotatedProduct]) -> list[DataFinding]:
    names = sorted({name for one in data for name in one.attributes})
    attributes = {name: find_concept(taxonomy, name, "attribute") for name in names}
    kinds = sorted({one.product.category for one in data if one.product.category})
    categories = {name: find_concept(taxonomy, name, "category") for name in kinds}
    applicable = {id: set(taxonomy.attributes_for(id)) for id in categories.values() if id is not None}
    strange, foreign, unfit, elsewhere = [], [], [], []
    several = {name: found for name in kinds if len(found := _namesakes(taxonomy, name)) > 1}
    unclear = []
    homes: dict[tuple[str, str], str | None] = {}
    for one in data:
        category = one.product.category
        if category and categories[category] is None:
            strange.append(category)
        if category in several:
            chosen, others = categories[category], [id for id in several[category] if id != categories[category]]
            unclear.append(
                f"{category}: {_path(taxonomy, chosen)}, not {', '.join(_path(taxonomy, o) for o in others)}"
            )
        for name, values in one.attributes.items():
            if not values:
                continue
            attribute, kind = attributes[name], categories.get(category or "")
            if attribute is None:
                foreign.append(name)
                continue
            if kind is not None and attribute not in applicable[kind] and taxonomy.out(attribute, "applies_to"):
                unfit.append(f"{name} on {category}")
            for value in values:
                if (name, value) not in homes:
                    homes[name, value] = _home(taxonomy, attribute, value)
                if (home := homes[name, value]) is not None:
                    elsewhere.append(f"{name} {value!r}, which the taxonomy has under {home}")
    return [
        _finding("unknown_category", "products of categories that the taxonomy lacks", strange),
        _finding("unknown_attribute", "products with attributes that the taxonomy lacks", foreign),
        _finding("not_applicable", "attributes on categories to which the taxonomy doesn't apply them", unfit),
        _finding(
            "several_categories",
            "products of a name that several categories have, and the one that was taken",
            unclear,
            level="note",
        ),
        _finding("other_attribute", "values that the taxonomy has under other attributes only", elsewhere),
    ]


def _namesakes(taxonomy: Taxonomy, name: str) -> list[str]:
    """Return the categories with the name; none for a category's id."""
    if name in taxonomy:
        return []
    return [id for id in taxonomy.lookup(name) if taxonomy[id].kind == "category"]


def _path(taxonomy: Taxonomy, id: str | None) -> str:
    return " > ".join(taxonomy[one].label("en") for one in taxonomy.path(id)) if id is not None else "none"


def _home(taxonomy: Taxonomy, attribute: str, value: str) -> str | None:
    """Return the other attribute's label, when the taxonomy has the value under others only."""
    found = [id for id in taxonomy.lookup(value) if taxonomy[id].kind == "value"]
    owners = {owner for id in found if (owner := taxonomy.attribute_of(id)) is not None}
    if not owners or attribute in owners:
        return None
    return " or ".join(taxonomy[owner].label("en") for owner in sorted(owners))
