"""Checks of labels: duplicates, spelling, missing languages."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.audit.groups import Families, attribute_rows, concepts_at, in_use, label_keys, labels, shared, sharing
from graph.audit.report import Defect, suggest
from graph.audit.structure import named
from graph.columns.columns import ALT, DEFINITION, PREF, Longs, owners
from graph.labels import normalise
from graph.model import Concept, LabelKind
from graph.taxonomy import Taxonomy

_MAJORITY = 0.5
_SAME_CASE = 0.9
_FEWEST_CASED = 5
_PLAIN = r"^[\x21-\x7e\x{c0}-\x{24f}\x{4e00}-\x{9fff}]+( [\x21-\x7e\x{c0}-\x{24f}\x{4e00}-\x{9fff}]+)*$"
"""Texts that are tidy for sure."""
_LOST = re.compile("[\u0080-\u009f]")
"""What bytes of letters in another encoding become; no text has them."""
_among_siblings: WeakKeyDictionary[Taxonomy, Sequence[Defect]] = WeakKeyDictionary()
"""What three checks need, as long as the snapshot is there."""
_KEPT = "\t\n\r\u200c\u200d"
"""White space, and characters without width that Persian, Indic scripts and emoji need."""


def sibling_duplicate_label(taxonomy: Taxonomy) -> Sequence[Defect]:
    """One preferred label of several siblings in one language."""
    if taxonomy not in _among_siblings:
        _among_siblings[taxonomy] = tuple(_sibling_duplicates(taxonomy))
    return _among_siblings[taxonomy]


def _sibling_duplicates(taxonomy: Taxonomy) -> Iterator[Defect]:
    families = Families(taxonomy)
    family, rows, owner = families.labels()
    suspect = family[shared(label_keys(taxonomy, family, rows), owner)]
    for parent, members in families.walk(suspect):
        for (tag, label), ids in _shared(_preferred(members)):
            where = f"below {named(parent)}" if parent else "at the top of their scheme"
            message = f"{len(ids)} concepts {where} are all called {label!r} in {tag!r}: {', '.join(ids)}"
            repair = suggest("relabel", "give them different labels, or merge them", concepts=ids, lang=tag)
            others = {id: taxonomy[id].label("en") for id in ids} if tag != "en" else {}
            yield Defect(tuple(ids), message, {"lang": tag, "label": label, "in_english": others}, repair)


def ambiguous_label(taxonomy: Taxonomy) -> Iterator[Defect]:
    """One preferred or alternative label of several values of an attribute, or several attributes of a scheme."""
    rows, owner = labels(taxonomy, PREF, ALT)
    n, attribute, columns = len(taxonomy), attribute_rows(taxonomy), taxonomy.columns
    group = np.where(attribute >= 0, attribute, n + columns.scheme.codes)
    ours = ~columns.kind.where("category")[owner]
    rows, owner = rows[ours], owner[ours]
    suspect = owner[shared(label_keys(taxonomy, group[owner], rows), owner)]
    groups: dict[tuple[str, str], list[Concept]] = defaultdict(list)
    for i, concept in zip(np.unique(suspect).tolist(), concepts_at(taxonomy, np.unique(suspect)), strict=True):
        of_scheme = ("attributes of scheme", concept.scheme)
        home = int(attribute[i])
        groups[of_scheme if home < 0 else ("values of attribute", taxonomy.ids[home])].append(concept)
    found: list[tuple[str, str, str, list[str]]] = []
    for (what, of), members in sorted(groups.items()):
        named = ((one, tag, text) for one in members for text, tag, kind in one.labels() if kind != "hidden")
        found += ((f"{what} {of!r}", tag, label, ids) for (tag, label), ids in _shared(named))
    siblings = {frozenset(defect.concepts) for defect in sibling_duplicate_label(taxonomy)} if found else set()
    for what, tag, label, ids in found:
        if frozenset(ids) not in siblings:
            message = f"{len(ids)} {what} are all called {label!r} in {tag!r}: {', '.join(ids)}"
            repair = suggest("merge", "merge them, or take the label from all but one", concepts=ids)
            yield Defect(tuple(ids), message, {"lang": tag, "label": label}, repair)


def same_level_label(taxonomy: Taxonomy) -> Iterator[Defect]:
    """One preferred label of categories of one scheme and depth in different places: linking needs context."""
    rows, owner = labels(taxonomy)
    ours = taxonomy.columns.kind.where("category")[owner]
    rows, owner = rows[ours], owner[ours]
    group = taxonomy.columns.scheme.codes.astype(np.int64) * (int(taxonomy.depths.max(initial=0)) + 1) + taxonomy.depths
    for tag, texts, members in sharing(taxonomy, label_keys(taxonomy, group[owner], rows), rows, owner):
        parents = [taxonomy.broader.row(row) for row in members]
        if len(set(map(tuple, parents))) == len(members):
            ids, depth = taxonomy.ids_of(members), taxonomy.depths[members[0]]
            message = f"{len(ids)} categories at depth {depth} are all called {texts[0]!r} in {tag!r}: {', '.join(ids)}"
            broader = dict(zip(ids, map(taxonomy.ids_of, parents), strict=True))
            yield Defect(tuple(ids), message, {"lang": tag, "label": texts[0], "broader": broader})


def untidy_label(taxonomy: Taxonomy) -> Iterator[Defect]:
    """Outer or repeated spaces, and invisible characters, which letters in a wrong encoding may be."""
    texts = taxonomy.columns.texts
    odd = ~pc.match_substring_regex(texts.text, _PLAIN).to_numpy(zero_copy_only=False) & (texts.kind != DEFINITION)
    for concept in concepts_at(taxonomy, np.unique(owners(texts)[odd])):
        for text, tag, kind in concept.labels():
            if (better := tidy(text)) != text:
                message = f"the label {text!r} of {concept.id!r} in {tag!r} has stray spaces or invisible characters"
                words = f"make it {better!r}" if better else f"delete the {kind} label"
                lossy = _LOST.search(text) is not None and _decoded(text) == text
                yield _relabel(concept, message, words, label=(text, tag, kind), to=better or None, safe=not lossy)


def repeated_label(taxonomy: Taxonomy) -> Iterator[Defect]:
    """An alternative or hidden label that repeats the preferred one or another; alternative ones in any case."""
    texts = taxonomy.columns.texts
    rows = np.flatnonzero(texts.kind != DEFINITION)
    owner = owners(texts)[rows]
    keys = np.sort(label_keys(taxonomy, owner, rows))
    width = (int(taxonomy.derived.labels.form.max(initial=0)) + 1) * len(texts.lang.values)
    again = keys[1:][keys[1:] == keys[:-1]] // max(1, width)
    for concept in concepts_at(taxonomy, np.unique(again)):
        seen: dict[tuple[str, str], str] = {}
        for text, tag, kind in concept.labels():
            other = seen.get((tag, text)) or (seen.get((tag, text.lower())) if kind == "alt" else None)
            if other is not None and kind != "pref":
                how = "more than once" if other == text else f"besides {other!r}, which differs in case alone"
                message = f"{named(concept)} has the label {text!r} in {tag!r} {how}"
                words = f"delete the {kind} label"
                yield _relabel(concept, message, words, label=(text, tag, kind), to=None, safe=True)
            seen.setdefault((tag, text.lower()), text)
            seen[tag, text] = text


def _relabel(
    concept: Concept, message: str, words: str, *, label: tuple[str, str, LabelKind], to: str | None, safe: bool
) -> Defect:
    text, tag, kind = label
    safe = safe and (to is not None or kind != "pref")
    repair = suggest("relabel", words, safe=safe, concept=concept.id, lang=tag, kind=kind, **{"from": text}, to=to)
    return Defect((concept.id,), message, {"lang": tag, "label": text, "kind": kind}, repair)


def inconsistent_case(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A label in lower case where nine in ten of its siblings begin with a capital, or the reverse."""
    families = Families(taxonomy)
    for _, members in families.walk(_mixed_case(taxonomy, families)):
        by_language: dict[str, list[Concept]] = defaultdict(list)
        for concept, tag, text in _preferred(members):
            if _case(text) is not None:
                by_language[tag].append(concept)
        for tag, cased in sorted(by_language.items()):
            if len(cased) < _FEWEST_CASED:
                continue
            (usual, count), *_ = Counter(_case(concept.pref_label[tag]) for concept in cased).most_common(1)
            if count == len(cased) or count < _SAME_CASE * len(cased):
                continue
            for concept in cased:
                text = concept.pref_label[tag]
                if _case(text) != usual:
                    message = (
                        f"{text!r} ({concept.id}) begins in {_case(text)} case, {count} of {len(cased)} siblings don't"
                    )
                    yield Defect((concept.id,), message, {"lang": tag, "label": text, "siblings": len(cased)})


def _mixed_case(taxonomy: Taxonomy, families: Families) -> Longs:
    """Families in which few labels of a language begin unlike the others."""
    texts = taxonomy.columns.texts
    family, rows, _ = families.labels()
    first = pc.utf8_slice_codeunits(texts.text.take(pa.array(rows)), 0, 1).dictionary_encode()
    number_of = {"upper": 1, "lower": 0}
    cases = np.array([number_of.get(_case(c) or "", -1) for c in first.dictionary.to_pylist()], dtype=np.int8)
    case = cases[first.indices.to_numpy(zero_copy_only=False)] if len(rows) else cases
    family, rows, case = family[case >= 0], rows[case >= 0], case[case >= 0]
    width = len(texts.lang.values)
    keys, number = np.unique(family * width + texts.lang.codes[rows], return_inverse=True)
    count, upper = np.bincount(number), np.bincount(number, weights=case)
    usual = np.maximum(upper, count - upper)
    found: Longs = keys[(count >= _FEWEST_CASED) & (usual < count) & (usual >= _SAME_CASE * count)] // width
    return found


def missing_translation(taxonomy: Taxonomy) -> Iterator[Defect]:
    """A missing label in a language that most concepts of the scheme and kind have."""
    columns, (rows, owner) = taxonomy.columns, labels(taxonomy)
    tags = columns.texts.lang.values
    group = columns.scheme.codes * len(columns.kind.values) + columns.kind.codes
    size = np.bincount(group[in_use(taxonomy)], minlength=int(group.max(initial=0)) + 1)
    here = group[owner].astype(np.int64) * len(tags) + columns.texts.lang.codes[rows]
    labelled = np.bincount(here, minlength=len(size) * len(tags)).reshape(len(size), len(tags))
    usual = labelled > _MAJORITY * size[:, None]
    have = np.bincount(owner[usual.ravel()[here]], minlength=len(taxonomy))
    lacking = np.flatnonzero(in_use(taxonomy) & (have < usual.sum(axis=1)[group]))
    for i in lacking[np.argsort(group[lacking], kind="stable")].tolist():
        concept, of = taxonomy.concepts[i], int(group[i])
        missing = [(tag, labelled[of, code]) for code, tag in enumerate(tags) if usual[of, code]]
        share = {tag: round(float(n / size[of]), 3) for tag, n in missing if tag not in concept.pref_label}
        message = f"{named(concept)} has no preferred label in {', '.join(share)}"
        others = {tag: concept.alt_label[tag][0] for tag in share if len(concept.alt_label.get(tag, ())) == 1}
        repair = None
        if others:
            words = f"prefer its only alternative one in {', '.join(others)}"
            repair = suggest("prefer", words, safe=True, concept=concept.id, labels=others)
        yield Defect((concept.id,), message, {"missing": list(share), "share_of_scheme": share}, repair)


def _preferred(concepts: Iterable[Concept]) -> Iterator[tuple[Concept, str, str]]:
    return ((concept, tag, text) for concept in concepts for tag, text in concept.pref_label.items())


def _shared(rows: Iterable[tuple[Concept, str, str]]) -> list[tuple[tuple[str, str], list[str]]]:
    """((language, label), ids) of labels that several concepts have, compared in normal form."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for concept, tag, text in rows:
        found[tag, normalise(text)].setdefault(concept.id, text)
    return [((tag, ids[min(ids)]), sorted(ids)) for (tag, _), ids in sorted(found.items()) if len(ids) > 1]


def _decoded(text: str) -> str:
    """The text in its encoding when it is UTF-8 that was read as Latin-1, which invisible characters in it tell."""
    try:
        return text.encode("latin-1").decode() if _LOST.search(text) else text
    except UnicodeError:
        return text


def tidy(text: str) -> str:
    """The text without outer or repeated spaces and invisible characters, decoded again if it was read as Latin-1."""
    text = _decoded(text)
    if text.isprintable() and "  " not in text:
        return text.strip()
    hidden = ("Cc", "Cf", "Co", "Cn")
    return " ".join("".join(c for c in text if unicodedata.category(c) not in hidden or c in _KEPT).split())


def _case(text: str) -> str | None:
    """ "upper" or "lower" by the first character, None when it has no case."""
    return "upper" if text[:1].isupper() else "lower" if text[:1].islower() else None
