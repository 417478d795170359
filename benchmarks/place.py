"""Leaves taken out of a public taxonomy: is the right parent the first that `kgtag place` names?

    python benchmarks/place.py --data DIR --set shopify|google|steam-environment|steam-science|steam-wordnet
                               [--lang en] [--first-children] [--save NAME]

DIR holds `shopify_categories/LANG.json.gz` (Shopify's product taxonomy, 2024-07, MIT),
`google_taxonomy/taxonomy-with-ids.LANG.txt.gz` (Google's product taxonomy) and `texeval2016/steam_splits` (SemEval-2016
Task 13 as STEAM divides it). Of the first two a fifth of the leaves (seed 0) is taken out; everything that remains is a
candidate, and what is trained sees nothing else. Rivals: the likest label, and the likest mean of children, by the
sentence encoder. With `--first-children` half of the small families of leaves are taken out whole: the right parent
is a leaf then. MRR counts a parent that is not among the first 60 as 0.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import arguments, machine, report, table

from graph.columns.assemble import TaxonomyData
from graph.formats import listings, shopify
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy
from kgtag.compute import unit
from kgtag.discover.place import NewConcept, Placer
from kgtag.evaluation.calibration import reliability
from kgtag.train.embeddings.places import train_places
from kgtag.train.embeddings.run import DEFAULT_ENCODER, exported

STEAM = {
    "steam-environment": ("environment_eurovoc_en", 0.361),
    "steam-science": ("science_en", 0.365),
    "steam-wordnet": ("science_wordnet_en", None),
}
"""Files, and the accuracy that the paper publishes."""
_LIMIT = 60
Parents = dict[str, set[str]]
"""By label of what was taken out, the ids of its parents."""


def products(
    data: Path, name: str, lang: str | None, *, first_children: bool = False
) -> tuple[Taxonomy, list[tuple[str, set[str]]]]:
    """What remains of a product taxonomy, and the leaves that were taken out."""
    if name == "shopify":
        found = shopify.read([data / f"shopify_categories/{lang or 'en'}.json.gz"])
    else:
        found = listings.read_google([data / f"google_taxonomy/taxonomy-with-ids.{lang or 'en-US'}.txt.gz"])
    whole = Taxonomy.of(TaxonomyData.of(1, found.concepts, found.relations))
    edges = [edge for edge in whole.relations if edge.type == "broader"]
    parents = {edge.target for edge in edges}
    out = _families(edges) if first_children else _fifth(sorted({edge.source for edge in edges} - parents))
    rest = tuple(one for one in whole if one.id not in out)
    kept = tuple(edge for edge in whole.relations if not {edge.source, edge.target} & out)
    asked = [(whole[id].label(), set(whole.out(id, "broader"))) for id in sorted(out)]
    return Taxonomy.of(TaxonomyData.of(1, rest, kept)), asked


def _fifth(leaves: list[str]) -> set[str]:
    chosen = np.random.default_rng(0).choice(len(leaves), len(leaves) // 5, replace=False)
    return {leaves[i] for i in chosen}


def _families(edges: Sequence[Relation]) -> set[str]:
    """All the children of half of the parents that have four leaves at most and nothing else."""
    children: dict[str, set[str]] = {}
    for edge in edges:
        children.setdefault(edge.target, set()).add(edge.source)
    small = [parent for parent, own in sorted(children.items()) if len(own) <= 4 and not own & children.keys()]
    chosen = np.random.default_rng(1).choice(len(small), len(small) // 2, replace=False)
    return set().union(*(children[small[i]] for i in chosen))


def steam(data: Path, name: str) -> tuple[Taxonomy, list[tuple[str, set[str]]]]:
    """The terms of the train file, and the test terms; synonyms are left out."""
    rows = {
        part: [line.split("\t")[1:3] for line in file.read_text(encoding="utf-8").splitlines() if "hypernymy" in line]
        for part in ("train", "test")
        for file in [data / "texeval2016" / "steam_splits" / f"{STEAM[name][0]}_{part}.taxo"]
    }
    terms = sorted({term for row in rows["train"] for term in row})
    concepts = tuple(Concept(term, "steam", "category", {"en": term}) for term in terms)
    edges = tuple(sorted({Relation("broader", *row) for row in rows["train"]}))
    parents: Parents = {}
    for term, parent in rows["test"]:
        parents.setdefault(term, set()).add(parent)
    return Taxonomy.of(TaxonomyData.of(1, concepts, edges)), sorted(parents.items())


def ranks(found: Sequence[Sequence[str]], right: Sequence[set[str]]) -> np.ndarray:
    """(n,): the place of the first right parent, infinite without one."""
    firsts = [[place for place, id in enumerate(ids, 1) if id in own] for ids, own in zip(found, right, strict=True)]
    return np.array([first[0] if first else np.inf for first in firsts])


def figures(rank: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in (np.mean(rank == 1), np.mean(rank <= 3), np.mean(1 / rank))]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=["shopify", "google", *STEAM], required=True)
    parser.add_argument("--lang", help="Language of the labels, as the files are named; English by default.")
    parser.add_argument("--first-children", action="store_true", help="Take small families of leaves out whole.")
    options = parser.parse_args()
    host = machine()
    read = steam(options.data, options.set) if options.set in STEAM else None
    taxonomy, asked = read or products(options.data, options.set, options.lang, first_children=options.first_children)
    labels, right = [label for label, _ in asked], [own for _, own in asked]
    concepts = [NewConcept(label) for label in labels]
    with exported(DEFAULT_ENCODER) as encoder:
        started = time.perf_counter()
        model = train_places(taxonomy, encoder)
        seconds = time.perf_counter() - started
        plain, placer = Placer(taxonomy), Placer(taxonomy, model=model, encoder=encoder)
        rows = encoder.encode([one.label(placer.lang) for one in placer.concepts])
        cosines = encoder.encode(labels) @ np.hstack([rows.T, unit(placer.families.children @ rows).T])
        rivals = {}
        for name, values in zip(("likest label", "likest children"), np.split(cosines, 2, axis=1), strict=True):
            best = np.argsort(-values, axis=1, kind="stable")[:, :_LIMIT]
            rivals[name] = ranks([[placer.ids[i] for i in row] for row in best], right)
        answers = {"kgtag, letters and words": plain.place(concepts, limit=_LIMIT)}
        if options.set != "google":  # whose leaves the weights were fitted on
            answers["kgtag, an encoder alone"] = Placer(taxonomy, encoder=encoder).place(concepts, limit=_LIMIT)
        if model is not None:
            answers["kgtag, with embeddings"] = placer.place(concepts, limit=_LIMIT)
    lines: list[list[object]] = [[name, *figures(rank), ""] for name, rank in rivals.items()]
    published = STEAM[options.set][1] if read is not None else None
    if published is not None:
        lines.append(["STEAM, as published", published, "", "", ""])
    for name, places in answers.items():
        rank = ranks([[place.broader for place in one] for one in places], right)
        ece = reliability([one[0].probability for one in places], rank == 1).ece
        lines.append([name, *figures(rank), round(ece, 3)])
    first = ", the first children of their parents" if options.first_children else ""
    what = f"{options.set} {options.lang or 'en'}: {len(asked)} concepts to place among {len(taxonomy)}{first}"
    outside = [str(line[0]) for line in lines if not str(line[0]).startswith("kgtag")]
    table(what, ["", "Hit@1", "Hit@3", "MRR", "calibration error"], lines, rivals=outside)
    report("place", what, host, save=options.save, rows=lines, train_s=round(seconds))


if __name__ == "__main__":
    main()
