"""Wrong parents put into a public taxonomy: how many does the audit find in as many findings as there are wrong ones?

    python benchmarks/misplaced.py --data DIR --set shopify|shopify-zh|google|stw [--encoder NAME_OR_PATH]
                                   [--seeds 3] [--save NAME]

DIR holds `shopify_categories/en.json.gz` and `zh-CN.json.gz` (Shopify's product taxonomy, 2024-07, MIT),
`google_taxonomy/taxonomy-with-ids.en-US.txt.gz` (Google's product taxonomy) and `skos_stw/stw-skos.ttl.gz` (the STW
thesaurus for economics, 9.06, ODbL; its English labels). Chinese labels need an encoder that reads Chinese, such as
bge-small-zh-v1.5. One broader edge in a hundred gets another parent, drawn at random among the concepts of its scheme
that have narrower ones. Nothing is trained. Rivals rank the edges by the share of other parents whose label is nearer,
and by that of those whose other children's mean is nearer.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from common import arguments, machine, report, table

from graph.columns.assemble import TaxonomyData
from graph.formats import listings, shopify, skos
from graph.model import Relation
from graph.taxonomy import Taxonomy
from kgtag.embed.families import misplaced
from kgtag.train.embeddings.run import DEFAULT_ENCODER, exported

FILES = {
    "shopify": (shopify.read, "shopify_categories/en.json.gz"),
    "shopify-zh": (shopify.read, "shopify_categories/zh-CN.json.gz"),
    "google": (listings.read_google, "google_taxonomy/taxonomy-with-ids.en-US.txt.gz"),
    "stw": (skos.read, "skos_stw/stw-skos.ttl.gz"),
}
Edge = tuple[str, str]


def spoilt(taxonomy: Taxonomy, seed: int) -> tuple[Taxonomy, dict[Edge, str]]:
    """The taxonomy with wrong parents, and the right ones by wrong edge."""
    rng = np.random.default_rng(seed)
    edges = [edge for edge in taxonomy.relations if edge.type == "broader"]
    parents = sorted({edge.target for edge in edges})
    chosen = {edges[i].source: edges[i].target for i in rng.choice(len(edges), len(edges) // 100, replace=False)}
    kept: list[Relation] = [edge for edge in taxonomy.relations if chosen.get(edge.source) != edge.target]
    right: dict[Edge, str] = {}
    for id, parent in chosen.items():
        related = {id, *taxonomy.out(id, "broader"), *taxonomy.descendants(id)}
        scheme = taxonomy[id].scheme
        others = [one for one in parents if one not in related and taxonomy[one].scheme == scheme]
        right[id, str(rng.choice(others))] = parent
    kept += [Relation("broader", *edge) for edge in right]
    return Taxonomy.of(TaxonomyData.of(1, tuple(taxonomy), tuple(kept))), right


def rivals(taxonomy: Taxonomy, vectors: dict[str, np.ndarray]) -> dict[str, list[Edge]]:
    """The edges, most suspicious first."""
    ids = list(vectors)
    at, texts = {id: row for row, id in enumerate(ids)}, np.stack([vectors[id] for id in ids])
    edges = [(edge.source, edge.target) for edge in taxonomy.relations if edge.type == "broader"]
    parents = sorted({target for _, target in edges})
    place = {id: number for number, id in enumerate(parents)}
    child = texts[[at[source] for source, _ in edges]]
    column = np.array([place[target] for _, target in edges])
    rows = np.arange(len(edges))
    labels = child @ texts[[at[id] for id in parents]].T
    sums, counts = np.zeros((len(parents), texts.shape[1])), np.zeros(len(parents))
    np.add.at(sums, column, child)
    np.add.at(counts, column, 1)
    means = (child @ sums.T) / counts
    alone = counts[column] == 1
    means[rows, column] = np.where(
        alone, labels[rows, column], (means[rows, column] * counts[column] - 1) / np.maximum(counts[column] - 1, 1)
    )
    ranked = {}
    for name, fits in (("nearer labels", labels), ("nearer siblings", means)):
        share = (fits > fits[rows, column][:, None]).mean(axis=1)
        ranked[name] = [edges[i] for i in np.argsort(-share, kind="stable")]
    return ranked


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=sorted(FILES), required=True)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="a name, or the path of a transformers encoder")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    host = machine()
    read, name = FILES[options.set]
    found = read([options.data / name])
    taxonomy = Taxonomy.of(TaxonomyData.of(1, found.concepts, found.relations))
    started = time.perf_counter()
    with exported(options.encoder) as encoder:
        texts = encoder.encode_uncached([concept.label() for concept in taxonomy])
    vectors = dict(zip(taxonomy.ids, texts, strict=True))
    encoded = time.perf_counter() - started
    shares: dict[str, list[float]] = {"nearer labels": [], "nearer siblings": [], "kgtag": []}
    better, seconds = [], []
    for seed in range(options.seeds):
        wrong, right = spoilt(taxonomy, seed)
        started = time.perf_counter()
        findings = misplaced(wrong, vectors)
        seconds.append(time.perf_counter() - started)
        ranked = rivals(wrong, vectors) | {"kgtag": [(one.narrower, one.broader) for one in findings]}
        for who, edges in ranked.items():
            shares[who].append(len(right.keys() & edges[: len(right)]) / len(right))
        named = {(one.narrower, one.broader): one.better for one in findings}
        better.append(sum(parent in named.get(edge, ()) for edge, parent in right.items()) / len(right))
    columns = ["", "found", "right parent in three"]
    rows = [[who, round(float(np.mean(each)), 3), ""] for who, each in shares.items()]
    rows[-1][-1] = round(float(np.mean(better)), 3)
    what = f"{options.set}: {len(taxonomy)} concepts, {len(right)} wrong parents, mean of {options.seeds} draws"
    table(what, columns, rows, rivals=("nearer labels", "nearer siblings"))
    timed = {"encode_s": round(encoded), "audit_s": round(float(np.mean(seconds)), 1)}
    report("misplaced", what, host, save=options.save, found=shares, better=better, **timed)


if __name__ == "__main__":
    main()
