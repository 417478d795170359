"""Learned rules by attribute: learned from raw and normalised values, applied, and saved as JSON."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import product
from pathlib import Path
from typing import Any

from graph.errors import InputError
from graph.labels import normal_form
from kgtag.normalise.operations import (
    Bare,
    Case,
    Count,
    Encode,
    InUnit,
    Nearest,
    Operation,
    Rewrite,
    Slice,
    apply_first,
    pieces,
    read_operation,
)
from kgtag.normalise.quantities import like, read_quantity
from kgtag.types import AnnotatedProduct

FORMAT = 1
Key = tuple[str, str | None]
"""Attribute and category; None for the attribute in any category."""
_FOLDS = 5
_MOST_OPERATIONS = 3
_ASSUMED = ("in", "g", "ml", "MB", "W", "V")
"""A unit of each dimension that values without a unit are tried in."""
Counted = Sequence[tuple[str, str, int]]
"""(raw, normalised, how often), each raw value once."""
Learner = Callable[[Counted], Sequence[Operation]]


@dataclass(frozen=True, slots=True)
class Rules:
    """`known`: normalised values by the normal form of raw ones. `operations` are tried in order on all others."""

    known: Mapping[str, str]
    operations: tuple[Operation, ...]

    def apply(self, value: str) -> str:
        """The normalised value; unmatched values are returned unchanged."""
        known = self.known.get(normal_form(value))
        new = apply_first(self.operations, value) if known is None else known
        return value if new is None else new


def _order(key: Key) -> tuple[str, str]:
    return key[0], key[1] or ""


class Normaliser:
    """Normalises values, deterministically, by the rules of their attribute.

    Example:
        >>> from kgtag.normalise import ValuePair, fit
        >>> fit([ValuePair("HP", "Hewlett-Packard", "brand")]).apply("hp", attribute="brand")
        'Hewlett-Packard'
    """

    def __init__(self, rules: Mapping[Key, Rules], *, encode: Encode | None = None) -> None:
        self.rules = dict(rules)
        self.encoded = encode is not None

    def apply(self, value: str, *, attribute: str, category: str | None = None) -> str:
        """Normalise by the rules of the attribute in the category, else of the attribute, else not at all."""
        rules = self.rules.get((attribute, category)) or self.rules.get((attribute, None))
        return value if rules is None else rules.apply(value)

    def to_json(self) -> dict[str, Any]:
        rows = []
        for (attribute, category), rules in sorted(self.rules.items(), key=lambda pair: _order(pair[0])):
            known, operations = dict(sorted(rules.known.items())), [one.to_json() for one in rules.operations]
            rows.append({"attribute": attribute, "category": category, "known": known, "operations": operations})
        return {"format": FORMAT, "encoded": self.encoded, "rules": rows}

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, *, encode: Encode | None = None) -> Normaliser:
        """Read a saved normaliser; `encode` must be the one it was trained with. Raises InputError: the file is
        missing, damaged, or of another format."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw.get("format") != FORMAT:
                raise InputError(f"{str(path)!r} is not a normaliser of format {FORMAT}; train it again")
            rules = {
                (str(row["attribute"]), None if row["category"] is None else str(row["category"])): Rules(
                    {str(form): str(value) for form, value in row["known"].items()},
                    tuple(read_operation(one, encode=encode) for one in row["operations"]),
                )
                for row in raw["rules"]
            }
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{str(path)!r} does not read ({error}); train the normaliser again") from error
        return cls(rules, encode=encode)


@dataclass(frozen=True, slots=True)
class ValuePair:
    raw: str
    normalised: str
    attribute: str
    category: str | None = None


def pair_values(raw: Iterable[AnnotatedProduct], normalised: Iterable[AnnotatedProduct]) -> Iterator[ValuePair]:
    """Pair the values of the same products (by id) annotated twice. Values pair up in order, where a product has as
    many normalised values of an attribute as raw ones. Raises InputError: no id is in both."""
    others = {one.product.id: one for one in normalised}
    matched = False
    for one in raw:
        other = others.get(one.product.id)
        if other is None:
            continue
        matched = True
        for attribute, values in one.attributes.items():
            wanted = other.attributes.get(attribute, ())
            if len(wanted) == len(values):
                for value, name in zip(values, wanted, strict=True):
                    yield ValuePair(value, name, attribute, one.product.category)
    if not matched:
        raise InputError("no product id is in both files; pairs need the same products with raw and normalised values")


def fit(pairs: Sequence[ValuePair], *, encode: Encode | None = None) -> Normaliser:
    """Learn rules for each (category, attribute), and for each attribute over all its categories. `encode` compares
    meanings, to tell families apart; loading the rules needs it, too. Raises InputError: there are no pairs."""
    if not pairs:
        raise InputError("no pairs of raw and normalised values to learn from")
    grouped: dict[Key, list[ValuePair]] = defaultdict(list)
    for pair in pairs:
        grouped[pair.attribute, pair.category].append(pair)
        if pair.category is not None:
            grouped[pair.attribute, None].append(pair)
    rules = {}
    for key in sorted(grouped, key=_order):
        counted = _counted(grouped[key])
        known = {normal_form(raw): normalised for raw, normalised, _ in counted}
        rules[key] = Rules(known, _chosen(counted, encode))
    return Normaliser(rules, encode=encode)


def _counted(pairs: Sequence[ValuePair]) -> Counted:
    """Raw values that differ in case or hyphens alone are one; each has its most frequent normalised value."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    spelling: dict[str, str] = {}
    for pair in pairs:
        form = normal_form(pair.raw)
        if form:
            found[form][pair.normalised] += 1
            spelling.setdefault(form, pair.raw)
    return sorted((spelling[form], _most(counts), counts.total()) for form, counts in found.items())


def _most(counts: Counter[str]) -> str:
    return min(counts, key=lambda value: (-counts[value], value))


def _chosen(counted: Counted, encode: Encode | None) -> tuple[Operation, ...]:
    """A greedy chain of operations, by cross-validated accuracy: each must add correct values to those before it."""
    learners = _learners(encode)
    folds: list[list[tuple[str, str, int]]] = [[] for _ in range(_FOLDS)]
    for row in counted:
        folds[hashlib.blake2b(row[0].encode("utf-8", "surrogatepass"), digest_size=4).digest()[0] % _FOLDS].append(row)
    answers: dict[str, dict[str, str | None]] = {name: {} for name in learners}
    for held in folds:
        rest = [row for other in folds if other is not held for row in other]
        for name, learner in learners.items():
            operations = learner(rest) if rest and held else ()
            answers[name] |= {raw: apply_first(operations, raw) for raw, _, _ in held}

    def correct(chain: Sequence[str]) -> int:
        made = (next((new for name in chain if (new := answers[name][raw]) is not None), raw) for raw, _, _ in counted)
        return sum(count * (new == normalised) for new, (_, normalised, count) in zip(made, counted, strict=True))

    chain: list[str] = []
    while len(chain) < _MOST_OPERATIONS:
        most, _, name = max((correct([*chain, name]), -at, name) for at, name in enumerate(learners))
        if most <= correct(chain):
            break
        chain.append(name)
    return tuple(operation for name in chain for operation in learners[name](counted))


def _learners(encode: Encode | None) -> dict[str, Learner]:
    """From the plainest to the most general."""
    fixed: dict[str, Operation] = {to: Case(to) for to in ("same", "upper", "lower", "title")}
    fixed |= {"bare": Bare(), "count": Count()}
    return {
        **{name: _always(operation) for name, operation in fixed.items()},
        "slice": _slice,
        "in_unit": _in_unit,
        "rewrite": _rewrite,
        "nearest": lambda counted: _nearest(counted, encode),
    }


def _always(operation: Operation) -> Learner:
    return lambda _: (operation,)


def _slice(counted: Counted) -> Sequence[Operation]:
    votes: Counter[tuple[int, int]] = Counter()
    for raw, normalised, count in counted:
        digits = "".join(character for character in raw if character.isdigit())
        start = digits.find(normalised) if normalised.isdigit() and len(normalised) < len(digits) else -1
        while start >= 0:
            votes[start, start + len(normalised)] += count
            start = digits.find(normalised, start + 1)
    return [Slice(*min(votes, key=lambda cut: (-votes[cut], cut)))] if votes else []


def _in_unit(counted: Counted) -> Sequence[Operation]:
    """The unit, the assumed unit and the decimals that are right for most values."""
    numeric = [(raw, normalised, n) for raw, normalised, n in counted if normalised.replace(".", "", 1).isdigit()]
    if not numeric:
        return []
    (decimals, _), *_ = Counter(len(normalised.partition(".")[2]) for _, normalised, _ in numeric).most_common(1)
    seen = {quantity.unit for raw, _, _ in numeric if (quantity := read_quantity(raw)) is not None and quantity.unit}
    tried: dict[tuple[str, str], int] = {}
    for units in sorted({like(base) for base in seen or _ASSUMED}):
        for unit, assumed in product(units, repeat=2):
            operation = InUnit(unit, assumed, decimals)
            tried[unit, assumed] = sum(n for raw, normalised, n in numeric if operation.apply(raw) == normalised)
    unit, assumed = min(tried, key=lambda pair: (-tried[pair], pair))
    return [InUnit(unit, assumed, decimals)] if tried[unit, assumed] else []


def _rewrite(counted: Counted) -> Sequence[Operation]:
    """Replacements of single words or signs of the raw values."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for raw, normalised, count in counted:
        old, new = pieces(raw), pieces(normalised)
        for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag == "equal":
                for part in old[a:b]:
                    votes[part.casefold()][part] += count
            elif tag == "replace" and b - a == 1 and not old[a].isdigit():
                votes[old[a].casefold()][_between(normalised, new, c, d)] += count
    table = {part: text for part, found in sorted(votes.items()) if (text := _most(found)).casefold() != part}
    return [Rewrite(table)] if table else []


def _between(text: str, found: Sequence[str], first: int, end: int) -> str:
    """The stretch of `text` from piece `first` to before piece `end`, verbatim."""
    at, start = 0, 0
    for number, piece in enumerate(found[:end]):
        at = text.index(piece, at)
        if number == first:
            start = at
        at += len(piece)
    return text[start:at]


def _nearest(counted: Counted, encode: Encode | None) -> Sequence[Operation]:
    """Only where several raw values have one normalised value."""
    examples = [(raw, normalised) for raw, normalised, _ in counted]
    families = {normalised for _, normalised in examples}
    return [Nearest(examples, encode=encode)] if len(families) <= 0.7 * len(counted) else []
