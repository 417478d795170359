"""Labels in another language from mappings: Open Food Facts' and Shopify's categories called as Google's.

    python benchmarks/translations.py --data DIR [--min-score 0.5]

DIR holds openfoodfacts_taxonomies/ (ODbL, github.com/openfoodfacts/openfoodfacts-server), shopify_categories/ (MIT,
github.com/fabiofcferreira/shopify-taxonomy) and google_taxonomy/ (github.com/paulvollmer/google-product-taxonomy-data).
`kgtag map` matches each with Google's by the English names alone, and `kgtag translate` takes over Google's names in
the other language. The gold is the scheme's own translation: "right" is any of its labels in the language, but for case
and plural marks, and likeness is that of the letters to the nearest of them. The floor leaves the English name. Two
translators of one name agree on part of them only, so one that differs need not be wrong. Shopify took Google's
translations over where the names are the same, so its rows show that the mapping leads to the right concept, no more.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

from common import arguments, machine, report, table
from mapping import Tree, google, shopify
from rapidfuzz.fuzz import ratio

from graph.columns.assemble import TaxonomyData
from graph.labels import folded_form, normal_form
from graph.model import Concept, Relation
from graph.stores import load_taxonomy, open_store
from graph.taxonomy import Taxonomy
from kgtag.align.match import map_schemes
from kgtag.align.translations import find_translations
from kgtag.data.importing import import_files

_LANGUAGES = {"de": "de-DE", "ja": "ja-JP", "zh": "zh-CN"}
"""Google's name of each."""
Labels = dict[str, tuple[str, ...]]
"""Labels by concept."""


def scheme_of(name: str, tree: Tree, **translated: Tree) -> tuple[list[Concept], list[Relation]]:
    """A tree in English, with labels in other languages."""
    concepts, edges = [], []
    for id, (label, up) in tree.items():
        labels = {"en": label} | {lang: other[id][0] for lang, other in translated.items() if id in other}
        concepts.append(Concept(f"{name}:{id}", name, "category", labels))
        if up is not None:
            edges.append(Relation("broader", f"{name}:{id}", f"{name}:{up}", primary=True))
    return concepts, edges


def snapshot(*schemes: tuple[list[Concept], list[Relation]], edges: Sequence[Relation] = ()) -> Taxonomy:
    concepts = sorted((one for found, _ in schemes for one in found), key=lambda one: one.id)
    relations = sorted((*edges, *(edge for _, found in schemes for edge in found)))
    return Taxonomy.of(TaxonomyData.of(0, tuple(concepts), tuple(relations)))


def shopify_in(data: Path, lang: str) -> tuple[list[Concept], list[Relation], Labels]:
    own = shopify(data, "zh-CN" if lang == "zh" else lang)
    return *scheme_of("shopify", shopify(data, "en")), {f"shopify:{id}": (label,) for id, (label, _) in own.items()}


def food_in(data: Path, lang: str) -> tuple[list[Concept], list[Relation], Labels]:
    with tempfile.TemporaryDirectory() as scratch:
        store = open_store(f"sqlite:///{scratch}/food.db")
        store.migrate()
        file = data / "openfoodfacts_taxonomies" / "categories.txt.gz"
        import_files(store, "openfoodfacts", [file], author="benchmark")
        taxonomy = load_taxonomy(store)
        concepts, gold = [], Labels()
        for one in taxonomy:
            gold[one.id] = tuple(text for text, tag, _ in one.labels() if tag.split("-")[0] == lang)
            english = {tag: texts for tag, texts in one.alt_label.items() if tag == "en"}
            if "en" in one.pref_label:
                concepts.append(replace(one, pref_label={"en": one.pref_label["en"]}, alt_label=english))
        kept = {one.id for one in concepts}
        edges = [edge for edge in taxonomy.relations if edge.source in kept and edge.target in kept]
        store.close()
    return concepts, edges, {id: labels for id, labels in gold.items() if labels}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--min-score", type=float, default=0.5)
    options = parser.parse_args()
    host, rows, found = machine(), [], {}
    for name, read in (("openfoodfacts", food_in), ("shopify", shopify_in)):
        for lang, googles in _LANGUAGES.items():
            concepts, relations, gold = read(options.data, lang)
            target = scheme_of("google", google(options.data, "en-US"), **{lang: google(options.data, googles)})
            plain = snapshot((concepts, relations), target)
            scheme = concepts[0].scheme
            mapped = map_schemes(plain, scheme, "google", languages=["en"])
            kept = [one for one in mapped if one.score >= options.min_score and one.relation == "exact_match"]
            edges = [Relation(one.relation, one.source, one.target).canonical() for one in kept]
            made = find_translations(snapshot((concepts, relations), target, edges=edges), lang, scheme=scheme)
            pairs = [(one.label, gold[one.concept]) for one in made if one.concept in gold]
            english = [(plain[one.concept].label("en"), gold[one.concept]) for one in made if one.concept in gold]
            shares = [_right(pairs), _alike(pairs), _right(english), _alike(english)]
            rows.append((name, lang, len(concepts), len(made), len(pairs), *shares))
            found[f"{name} {lang}"] = dict(zip(("right", "likeness", "floor", "its likeness"), shares, strict=True))
            for ours, own in pairs[:: max(1, len(pairs) // 12)]:
                print(f"  {ours}  |  {', '.join(own)}", file=sys.stderr)
    columns = (
        "scheme",
        "language",
        "concepts",
        "labels",
        "with gold",
        "right",
        "likeness",
        "English: right",
        "likeness",
    )
    table("Categories by Google's names, beside the scheme's own", columns, rows)
    report("translations", "Open Food Facts 2021, Shopify 2024-07, Google 2015", host, save=options.save, **found)


def _right(pairs: list[tuple[str, tuple[str, ...]]]) -> float:
    forms = [(folded_form(normal_form(a)), {folded_form(normal_form(b)) for b in own}) for a, own in pairs]
    return mean(one in own for one, own in forms)


def _alike(pairs: list[tuple[str, tuple[str, ...]]]) -> float:
    return mean(max(ratio(normal_form(a), normal_form(b)) / 100 for b in own) for a, own in pairs)


if __name__ == "__main__":
    main()
