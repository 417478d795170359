"""Learning from raw and canonical values what is done to the values of each attribute."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from graph.errors import InputError
from kgtag.link.candidates.forms import normal_form
from kgtag.normalise.nearest import Encode, Nearest
from kgtag.normalise.normaliser import Canonicaliser, Key, Rules
from kgtag.normalise.operations import Bare, Case, Count, InUnit, Operation, Rewrite, Slice, pieces
from kgtag.normalise.quantities import like, read_quantity

_FOLDS = 5
_MOST_OPERATIONS = 3
_ASSUMED = ("in", "g", "ml", "MB", "W", "V")
"""A unit of each dimension that values without a unit are tried in."""

Counted = Sequence[tuple[str, str, int]]
"""(raw, canonical, how often), each raw once."""
Learner = Callable[[Counted], Sequence[Operation]]


@dataclass(frozen=True, slots=True)
class ValuePair:
    raw: str
    canonical: str
    attribute: str
    category: str | None = None


def fit(pairs: Sequence[ValuePair], *, encode: Encode | None = None) -> Canonicaliser:
    """Rules for each (category, attribute), and for each attribute over all its categories.

    `encode` helps to tell families apart; it must then be given to read the rules, too. Raises InputError without
    pairs.
    """
    if not pairs:
        raise InputError("no pairs of raw and canonical values to learn from")
    grouped: dict[Key, list[ValuePair]] = defaultdict(list)
    for pair in pairs:
        grouped[pair.attribute, pair.category].append(pair)
        if pair.category is not None:
            grouped[pair.attribute, None].append(pair)
    rules = {}
    for key in sorted(grouped, key=lambda key: (key[0], key[1] or "")):
        counted = _counted(grouped[key])
        known = {normal_form(raw): canonical for raw, canonical, _ in counted}
        rules[key] = Rules(known, _chosen(counted, encode))
    return Canonicaliser(rules, encode=encode)


def _counted(pairs: Sequence[ValuePair]) -> Counted:
    """Raws that differ in case or hyphens alone are one; each with its most frequent canonical value."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    spelling: dict[str, str] = {}
    for pair in pairs:
        form = normal_form(pair.raw)
        if form:
            found[form][pair.canonical] += 1
            spelling.setdefault(form, pair.raw)
    rows = []
    for form, counts in found.items():
        canonical, _ = min(counts.items(), key=lambda item: (-item[1], item[0]))
        rows.append((spelling[form], canonical, counts.total()))
    return sorted(rows)


def _chosen(counted: Counted, encode: Encode | None) -> tuple[Operation, ...]:
    """Operations tried one after the other: each gets right, of values it didn't see, what those before it don't."""
    learners = _learners(encode)
    folds = [[row for row in counted if _fold(row[0]) == fold] for fold in range(_FOLDS)]
    answers: dict[str, dict[str, str | None]] = {}
    for name, learner in learners.items():
        heard: dict[str, str | None] = {}
        for held in folds:
            rest = [row for other in folds if other is not held for row in other]
            operations = learner(rest) if rest and held else ()
            heard.update({raw: _first(operations, raw) for raw, _, _ in held})
        answers[name] = heard
    chain: list[str] = []
    best = _right(counted, answers, chain)
    while len(chain) < _MOST_OPERATIONS:
        gains = [(_right(counted, answers, [*chain, name]), -at, name) for at, name in enumerate(learners)]
        right, _, name = max(gains)
        if right <= best:
            break
        chain.append(name)
        best = right
    return tuple(operation for name in chain for operation in learners[name](counted))


def _right(counted: Counted, answers: dict[str, dict[str, str | None]], chain: Sequence[str]) -> int:
    right = 0
    for raw, canonical, count in counted:
        said = next((answers[name][raw] for name in chain if answers[name][raw] is not None), raw)
        right += count * (said == canonical)
    return right


def _first(operations: Sequence[Operation], raw: str) -> str | None:
    return next((said for operation in operations if (said := operation.apply(raw)) is not None), None)


def _fold(raw: str) -> int:
    return hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=4).digest()[0] % _FOLDS


def _learners(encode: Encode | None) -> dict[str, Learner]:
    """From the plainest to the one that explains anything."""
    return {
        **{to: _always(Case(to)) for to in ("same", "upper", "lower", "title")},
        "bare": _always(Bare()),
        "count": _always(Count()),
        "slice": _slice,
        "in_unit": _in_unit,
        "rewrite": _rewrite,
        "nearest": lambda counted: _nearest(counted, encode),
    }


def _always(operation: Operation) -> Learner:
    return lambda _: (operation,)


def _slice(counted: Counted) -> Sequence[Operation]:
    votes: Counter[tuple[int, int]] = Counter()
    for raw, canonical, count in counted:
        digits = "".join(character for character in raw if character.isdigit())
        start = digits.find(canonical) if canonical.isdigit() and len(canonical) < len(digits) else -1
        while start >= 0:
            votes[start, start + len(canonical)] += count
            start = digits.find(canonical, start + 1)
    return [Slice(*min(votes, key=lambda cut: (-votes[cut], cut)))] if votes else []


def _in_unit(counted: Counted) -> Sequence[Operation]:
    """The unit, the one assumed and the decimals that explain most values."""
    numeric = [(raw, canonical, n) for raw, canonical, n in counted if canonical.replace(".", "", 1).isdigit()]
    if not numeric:
        return []
    (decimals, _), *_ = Counter(len(canonical.partition(".")[2]) for _, canonical, _ in numeric).most_common(1)
    seen = {quantity.unit for raw, _, _ in numeric if (quantity := read_quantity(raw)) is not None and quantity.unit}
    bases = sorted(seen) or list(_ASSUMED)
    tried: dict[tuple[str, str], int] = {}
    for unit, assumed in _units(bases):
        operation = InUnit(unit, assumed, decimals)
        tried[unit, assumed] = sum(n for raw, canonical, n in numeric if operation.apply(raw) == canonical)
    unit, assumed = min(tried, key=lambda pair: (-tried[pair], pair))
    return [InUnit(unit, assumed, decimals)] if tried[unit, assumed] else []


def _units(bases: Sequence[str]) -> Iterator[tuple[str, str]]:
    for units in sorted({like(base) for base in bases}):
        for unit in units:
            for assumed in units:
                yield unit, assumed


def _rewrite(counted: Counted) -> Sequence[Operation]:
    """Words that stand in the canonical value where one word, or sign, of the raw one stood."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for raw, canonical, count in counted:
        old, new = pieces(raw), pieces(canonical)
        for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag == "equal":
                for part in old[a:b]:
                    votes[part.casefold()][part] += count
            elif tag == "replace" and b - a == 1 and not old[a].isdigit():
                votes[old[a].casefold()][_between(canonical, new, c, d)] += count
    table = {}
    for part, found in votes.items():
        new_part, _ = min(found.items(), key=lambda item: (-item[1], item[0]))
        if new_part.casefold() != part:
            table[part] = new_part
    return [Rewrite(table)] if table else []


def _between(text: str, found: Sequence[str], first: int, end: int) -> str:
    """The stretch of `text` from piece `first` to before piece `end`, as it is written."""
    at, start = 0, 0
    for number, piece in enumerate(found[:end]):
        at = text.index(piece, at)
        if number == first:
            start = at
        at += len(piece)
    return text[start:at]


def _nearest(counted: Counted, encode: Encode | None) -> Sequence[Operation]:
    """Only where several raw values come to one canonical value."""
    families = {canonical for _, canonical, _ in counted}
    if len(families) > 0.7 * len(counted):
        return []
    return [Nearest([(raw, canonical) for raw, canonical, _ in counted], encode=encode)]
