"""Arrays over a whole taxonomy that say where a check must look, so that a million concepts take seconds."""

from collections.abc import Iterator
from itertools import pairwise
from weakref import WeakKeyDictionary
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.columns.columns import CODE, DEFINITION, PREF, Flags, Ints, Longs, owners
from graph.columns.derived import normal_forms
from graph.columns.hierarchy import Csr, starts_of
from graph.labels import plain_letters
from graph.model import Concept, Relation, RelationType
from graph.taxonomy import Taxonomy

_LOOSER = ((r"(ies|y)\b", "i"), (r"['’]s?\b|[es]+\b|[\x00-\x2f\x3a-\x60\x7b-\x7f]", ""))
"""Patterns and what stands in their place: labels with one folded form become one text, and so do some others."""
_loose: WeakKeyDictionary[Taxonomy, Longs] = WeakKeyDictionary()


def in_use(taxonomy: Taxonomy) -> Flags:
    """(n,) concepts that are not deprecated."""
    return ~taxonomy.columns.status.where("deprecated")


def of_kind(taxonomy: Taxonomy, kind: str) -> Flags:
    """(n,) concepts of the kind in use."""
    return taxonomy.columns.kind.where(kind) & in_use(taxonomy)


def narrower_in_use(taxonomy: Taxonomy) -> Longs:
    """(n,) the number of narrower concepts in use."""
    below = taxonomy.narrower
    found: Longs = np.bincount(below.sources[in_use(taxonomy)[below.targets]], minlength=len(taxonomy))
    return found


def concepts_at(taxonomy: Taxonomy, rows: Flags | Longs | Ints) -> Iterator[Concept]:
    """The concepts of those rows, made in bulk."""
    where = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
    return taxonomy.columns.concepts_at(where)


def edges_of(taxonomy: Taxonomy, *types: RelationType, where: Flags | None = None) -> Iterator[Relation]:
    """Relations of the types, in order; `where` (k,) are those that may be of interest."""
    ours = np.isin(taxonomy.columns.edges.type, [CODE[type] for type in types])
    return taxonomy.columns.relations_at(np.flatnonzero(ours if where is None else ours & where))


def attribute_rows(taxonomy: Taxonomy) -> Ints:
    """(n,) the attribute of each value, -1 of other concepts."""
    found: Ints = np.full(len(taxonomy), -1, dtype=np.int32)
    edges = taxonomy.columns.edges
    ours = edges.type == CODE["value_of"]
    found[edges.source[ours]] = edges.target[ours]
    return found


class Families:
    """Siblings: concepts in use below one concept (family = its row), or top concepts of one scheme, kind and, of
    values, attribute (families from n on)."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        n, active, broader = len(taxonomy), in_use(taxonomy), taxonomy.broader
        tops = np.flatnonzero(active & (np.diff(broader.starts) == 0))
        columns = taxonomy.columns
        place = columns.scheme.codes[tops].astype(np.int64) * 3 + columns.kind.codes[tops]
        key, number = np.unique(place * (n + 1) + attribute_rows(taxonomy)[tops] + 1, return_inverse=True)
        kept = active[broader.sources]
        child = np.concatenate([broader.sources[kept], tops])
        family = np.concatenate([broader.targets[kept], n + number])
        self.of = _csr(child, family, n)
        self.members = _csr(family, child, n + len(key))

    def labels(self) -> tuple[Longs, Longs, Ints]:
        """(family, text row, concept) of every preferred label of a member."""
        rows, owner = labels(self._taxonomy)
        family, place = self.of.gather(owner)
        return family.astype(np.int64), rows[place], owner[place]

    def walk(self, families: Longs) -> Iterator[tuple[Concept | None, list[Concept]]]:
        """The concept above and the members of each of these families, in order."""
        for family in np.unique(families).tolist():
            parent = self._taxonomy.concepts[family] if family < len(self._taxonomy) else None
            yield parent, list(concepts_at(self._taxonomy, self.members[family]))


def _csr(source: Longs, target: Longs, n: int) -> Csr:
    order = np.argsort(source, kind="stable")
    return Csr(starts_of(source[order].astype(np.int32), n), np.ascontiguousarray(target[order], dtype=np.int32))


def labels(taxonomy: Taxonomy, *kinds: int) -> tuple[Longs, Ints]:
    """(text row, concept) of the labels of the kinds (preferred ones by default) of concepts in use."""
    texts = taxonomy.columns.texts
    owner = owners(texts)
    rows = np.flatnonzero(np.isin(texts.kind, kinds or (PREF,)) & in_use(taxonomy)[owner])
    return rows, owner[rows]


def label_keys(taxonomy: Taxonomy, group: Longs | Ints, rows: Longs, forms: Ints | Longs | None = None) -> Longs:
    """One number for each (group, language, normal form) of text rows."""
    texts = taxonomy.columns.texts
    forms = taxonomy.derived.labels.form if forms is None else forms
    many = int(forms.max(initial=0)) + 1
    keys: Longs = (group.astype(np.int64) * len(texts.lang.values) + texts.lang.codes[rows]) * many + forms[rows]
    return keys


def shared(keys: Longs, owner: Ints) -> Longs:
    """Places where a key is that of several owners, equal keys together; owners ascend within `keys`."""
    order = np.argsort(keys, kind="stable")
    key, who = keys[order], owner[order]
    joint = np.zeros(len(key) + 1, dtype=bool)
    joint[1:-1] = (key[1:] == key[:-1]) & (who[1:] != who[:-1])
    _, start = np.unique(key, return_index=True)
    several = np.logical_or.reduceat(joint[:-1], start) if len(start) else np.zeros(0, dtype=bool)
    counts = np.diff(np.append(start, len(key)))
    found: Longs = order[np.repeat(several, counts)]
    return found


def sharing(taxonomy: Taxonomy, keys: Longs, rows: Longs, owner: Ints) -> Iterator[tuple[str, list[str], list[int]]]:
    """(language, texts, concepts) of each key that several concepts have, in order of the keys."""
    at, texts = shared(keys, owner), taxonomy.columns.texts
    wording, members, langs = (
        texts.text.take(pa.array(rows[at])).to_pylist(),
        owner[at].tolist(),
        texts.lang.codes[rows[at]],
    )
    bounds = [0, *(np.flatnonzero(np.diff(keys[at])) + 1).tolist(), len(at)] if len(at) else [0]
    for start, stop in pairwise(bounds):
        yield texts.lang.values[langs[start]], wording[start:stop], members[start:stop]


def is_above(taxonomy: Taxonomy, low: Ints, high: Ints) -> Flags:
    """(k,) whether `high` is an ancestor of `low`."""
    rows = taxonomy.derived.hierarchy.ancestors
    if rows is None:
        above = taxonomy.derived.hierarchy.above
        return np.array([b in above(a) for a, b in zip(low.tolist(), high.tolist(), strict=True)], dtype=bool)
    ancestor, place = rows.gather(low)
    found = np.zeros(len(low), dtype=bool)
    found[place[ancestor == high[place]]] = True
    return found


def loose_numbers(taxonomy: Taxonomy) -> Longs:
    """(m,) a number for each text: equal, in any taxonomy, for labels whose folded forms may be equal."""
    if taxonomy not in _loose:
        index = taxonomy.derived.labels
        numbers = np.append(numbers_of(index.texts.array), 0)
        _loose[taxonomy] = numbers[index.form]
    return _loose[taxonomy]


def carry_loose_numbers(before: Taxonomy, after: Taxonomy, old: Flags, new: Flags) -> None:
    """Compute `loose_numbers` of a later taxonomy, in which the concepts `new` (n,) are those that were `old`."""
    if before not in _loose or after in _loose:
        return
    texts = after.columns.texts
    same, found = new[owners(texts)], np.zeros(len(texts.kind), dtype=np.int64)
    found[same] = _loose[before][old[owners(before.columns.texts)]]
    rest = np.flatnonzero(~same & (texts.kind != DEFINITION))
    found[rest] = numbers_of(normal_forms(texts.text.take(pa.array(rest))))
    _loose[after] = found


def numbers_of(forms: pa.LargeStringArray) -> Longs:
    """(k,) the numbers of normal forms."""
    foreign = pc.invert(pc.string_is_ascii(forms))
    if pc.any(foreign).as_py():
        plain = plain_letters("\n".join(text.replace("\n", " ") for text in forms.filter(foreign).to_pylist()))
        forms = pc.replace_with_mask(forms, foreign, pa.array(plain.split("\n"), forms.type))
    latin = pc.match_substring_regex(forms, r"[\x00-\x7f]")
    looser = forms.filter(latin)
    for pattern, by in _LOOSER:
        looser = pc.replace_substring_regex(looser, pattern, by)
    encoded = pc.replace_with_mask(forms, latin, looser).dictionary_encode()
    numbers = np.array([crc32(text.encode()) for text in encoded.dictionary.to_pylist()], dtype=np.int64)
    found: Longs = numbers[encoded.indices.to_numpy(zero_copy_only=False)]
    return found
