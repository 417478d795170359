"""Checks that compare places of the hierarchy: near-duplicates, names that add nothing, outliers, translations."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pyarrow as pa

from graph.audit.groups import (
    attribute_rows,
    concepts_at,
    is_above,
    label_keys,
    labels,
    loose_numbers,
    narrower_in_use,
    of_kind,
    sharing,
)
from graph.audit.labels import sibling_duplicate_label
from graph.audit.languages import problem, replacement
from graph.audit.report import Defect, suggest
from graph.audit.structure import named
from graph.columns.columns import CODE, PREF, Flags, Ints, Longs, owners, ranges
from graph.columns.sequences import offsets
from graph.labels import ends_with, folded_form, normalise, starts_with
from graph.taxonomy import Taxonomy

_EXAMPLES = 100
_FEWEST = 30
"""Concepts that a usual depth or fan-out is taken from."""
_LONG_GROUP = 20


def unknown_language(taxonomy: Taxonomy) -> Iterator[Defect]:
    """Labels or definitions in a language whose tag the registry of BCP 47 does not have, or no longer."""
    texts = taxonomy.columns.texts
    for code, tag in enumerate(texts.lang.values):
        if (wrong := problem(tag)) is not None:
            rows = np.flatnonzero(texts.lang.codes == code)
            ids = [taxonomy.ids[i] for i in np.unique(owners(texts)[rows])[:_EXAMPLES].tolist()]
            example = texts.text[int(rows[0])].as_py()
            message = f"{len(rows)} texts are in {tag!r}, e.g. {example!r} of {ids[0]}: it {wrong}"
            repair = None
            if (better := replacement(tag)) is not None:
                repair = suggest("rename_language", f"write {better!r}", safe=True, **{"from": tag}, to=better)
            yield Defect(tuple(ids), message, {"lang": tag, "texts": len(rows)}, repair)


def near_duplicate_label(taxonomy: Taxonomy) -> Iterator[Defect]:
    """Labels of different branches that differ in spelling, number or accents alone, or not at all."""
    rows, owner = labels(taxonomy)
    kind, scheme = taxonomy.columns.kind.codes, taxonomy.columns.scheme.codes
    place = kind.astype(np.int64) * len(taxonomy.schemes) + scheme
    place = place * (len(taxonomy) + 1) + attribute_rows(taxonomy) + 1
    _, group = np.unique(place[owner], return_inverse=True)
    keys = label_keys(taxonomy, group, rows, loose_numbers(taxonomy))
    found: list[tuple[str, list[int], list[str], bool]] = []
    compared: dict[str, tuple[str, str]] = {}  # normal and folded form by text: most stand on several concepts
    for tag, spelt, concepts in sharing(taxonomy, keys, rows, owner):
        forms: dict[str, tuple[list[int], list[str], set[str]]] = {}
        for row, text in zip(concepts, spelt, strict=True):
            if text not in compared:
                normal = normalise(text)
                compared[text] = normal, folded_form(normal)
            normal, folded = compared[text]
            own = forms.setdefault(folded, ([], [], set()))
            own[0].append(row)
            own[1].append(text)
            own[2].add(normal)
        groups = (own for folded, own in forms.items() if folded and len(own[0]) > 1)
        found += [(tag, members, texts, len(normals) > 1) for members, texts, normals in groups]
    depths = taxonomy.depths
    apart = _apart(taxonomy, [members for _, members, _, _ in found])
    for (tag, members, spelt, differ), far in zip(found, apart, strict=True):
        if far and (differ or len({depths[row] for row in members}) > 1):
            ids = taxonomy.ids_of(members)
            shown = ", ".join(f"{text!r} ({id})" for id, text in zip(ids[:6], spelt, strict=False))
            same = "nearly one label" if differ else "one label"
            message = f"{len(ids)} concepts of different branches have {same} in {tag!r}: {shown}"
            yield Defect(tuple(ids), message, {"lang": tag, "labels": dict(zip(ids, spelt, strict=True))})


def _apart(taxonomy: Taxonomy, groups: list[list[int]]) -> list[bool]:
    """Whether some two of each group are not each other's ancestors; large groups are taken to be."""
    pairs = [(number, a, b) for number, rows in enumerate(groups) for a, b in combinations(rows[:_LONG_GROUP], 2)]
    number, a, b = np.array(pairs, dtype=np.int32).reshape(-1, 3).T
    apart = ~is_above(taxonomy, a, b) & ~is_above(taxonomy, b, a)
    counted: Longs = np.bincount(number[apart], minlength=len(groups))
    return [bool(count) for count in counted.tolist()]


def category_repeats_value(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A category called as the one above it with a value: "Red shoes" below "Shoes", where Red is a value."""
    values, concepts = of_kind(taxonomy, "value"), taxonomy.concepts
    for tag, child, parent, label, rest in extended_names(taxonomy):
        for row in reversed(taxonomy.derived.labels.find(rest)[0]):
            if values[row] and normalise(concepts[row].pref_label.get(tag, "")) == rest:
                c, p, v = (concepts[one] for one in (child, parent, row))
                message = f"{named(c)} is {named(p)} with the value {named(v)}: a tag with both would do"
                yield Defect((c.id, p.id, v.id), message, {"lang": tag, "label": label})
                break


def extended_names(taxonomy: Taxonomy, only: Flags | None = None) -> Iterator[tuple[str, int, int, str, str]]:
    """(language, category, the one above it, its label's normal form, what that has more) where the label begins or
    ends with that of the one above; `only` (n,) are the categories asked about."""
    texts, index, edges = taxonomy.columns.texts, taxonomy.derived.labels, taxonomy.columns.edges
    categories = of_kind(taxonomy, "category")
    ours = (edges.type == CODE["broader"]) & categories[edges.source] & categories[edges.target]
    if only is not None:
        ours &= only[edges.source]
    child, parent = edges.source[ours], edges.target[ours]
    named = np.unique(np.concatenate([child, parent])).astype(np.int64)
    rows = ranges(texts.starts[named], np.diff(texts.starts)[named])
    owner = np.repeat(named, np.diff(texts.starts)[named])
    pref = texts.kind[rows] == PREF
    rows, owner = rows[pref], owner[pref]
    for code, tag in enumerate(texts.lang.values if len(child) else ()):
        own = texts.lang.codes[rows] == code
        form: Ints = np.full(len(taxonomy), -1, dtype=np.int32)
        form[owner[own]] = index.form[rows[own]]
        here = np.flatnonzero((form[child] >= 0) & (form[parent] >= 0) & (form[child] != form[parent]))
        here = here[_may_extend(index.texts.array, form[child[here]], form[parent[here]])]
        low = index.texts.array.take(form[child[here]]).to_pylist()
        high = index.texts.array.take(form[parent[here]]).to_pylist()
        for k, a, b in zip(here.tolist(), low, high, strict=True):
            rest = a[: -len(b)] if ends_with(a, b) else a[len(b) :] if starts_with(a, b) else ""
            if rest.strip():
                yield tag, int(child[k]), int(parent[k]), a, rest.strip()


def _may_extend(texts: pa.LargeStringArray, low: Ints, high: Ints) -> Flags:
    """(k,) texts `low` that are longer than `high` and may begin or end as those do, by their outermost two bytes."""
    starts, data = offsets(texts), np.frombuffer(b"\0" + (texts.buffers()[2] or b"") + b"\0", dtype=np.uint8)
    sizes, pairs = np.diff(starts), data[:-1].astype(np.uint16) << 8 | data[1:]
    first, last = pairs[np.minimum(starts[:-1] + 1, len(pairs) - 1)], pairs[starts[1:] - 1]
    short = sizes[high] < 2
    found: Flags = short | (first[low] == first[high]) | (last[low] == last[high])
    return found & (sizes[low] > sizes[high]) & (sizes[high] > 0)


def depth_outlier(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A category much deeper than the others of its scheme."""
    placed = of_kind(taxonomy, "category")
    for far, usual in _outliers(taxonomy, placed, taxonomy.depths.astype(float), least=2.0):
        for concept in concepts_at(taxonomy, far):
            depth = taxonomy.depth(concept.id)
            message = f"{named(concept)} is at depth {depth}; in its scheme {usual:.0f} is usual"
            yield Defect((concept.id,), message, {"depth": depth, "median": usual})


def fan_out_outlier(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A category with many times the narrower concepts that others of its scheme have."""
    below = narrower_in_use(taxonomy)
    placed = of_kind(taxonomy, "category") & (below > 0)
    for far, usual in _outliers(taxonomy, placed, np.log2(np.maximum(below, 1)), least=2.0):
        for i, concept in zip(far.tolist(), concepts_at(taxonomy, far), strict=True):
            message = f"{named(concept)} has {below[i]} narrower concepts; in its scheme {2**usual:.0f} are usual"
            yield Defect((concept.id,), message, {"narrower": int(below[i]), "median": round(2**usual, 1)})


def _outliers(taxonomy: Taxonomy, placed: Flags, size: np.ndarray, *, least: float) -> Iterator[tuple[Longs, float]]:
    """By scheme: rows more than four (scaled) median deviations above the median, and that median."""
    scheme = taxonomy.columns.scheme.codes
    for code in range(len(taxonomy.schemes)):
        rows = np.flatnonzero(placed & (scheme == code))
        if len(rows) >= _FEWEST:
            usual = float(np.median(size[rows]))
            spread = max(least / 2, 1.4826 * float(np.median(np.abs(size[rows] - usual))))
            yield rows[size[rows] > usual + 4 * spread], usual


def translations_disagree(taxonomy: Taxonomy) -> Iterator[Defect]:
    """Siblings with one label in a language, and different ones in another: a slip of translation, or one concept."""
    for defect in sibling_duplicate_label(taxonomy):
        shared_in = defect.evidence["lang"]
        concepts = [taxonomy[id] for id in defect.concepts]
        common = set.intersection(*(set(concept.pref_label) for concept in concepts)) - {shared_in}
        by_language = {
            tag: {normalise(c.pref_label[tag]): c.pref_label[tag] for c in concepts} for tag in sorted(common)
        }
        differ = {tag: list(texts.values()) for tag, texts in by_language.items() if len(texts) > 1}
        if differ:
            tag, texts = next(iter(differ.items()))
            label = defect.evidence["label"]
            message = (
                f"{', '.join(defect.concepts)} are all called {label!r} in {shared_in!r}, but "
                f"{', '.join(map(repr, texts))} in {tag!r}"
            )
            shown = {tag: {c.id: c.pref_label[tag] for c in concepts} for tag in differ}
            yield Defect(defect.concepts, message, {"lang": shared_in, "label": label, "differ": shown})
