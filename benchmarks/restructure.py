"""A level grown again: Shopify's fourth is folded into its third, and `kgtag restructure` groups what stood below it.

    python benchmarks/restructure.py --data DIR

DIR/shopify_categories/en.json.gz is Shopify's product taxonomy. Its fourth-level categories are taken out, so that
their children stand under the third-level one; where they had two parents or more of six children or more together, the
children are grouped again, by their labels. ARI is the adjusted Rand index with the fourth level, 0 by chance and 1 for
the same groups, its mean over families; "named" is the share of the groups of three or more that get a name, and "right
name" how many of those share a word with the label of the fourth-level category that most of their members had. The
least distance of groups was chosen on a half of the families, by hash; the figures are of the other half.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, machine, report, table
from sklearn.metrics import adjusted_rand_score

from graph.columns.assemble import TaxonomyData
from graph.formats import shopify
from graph.labels import words
from graph.taxonomy import Taxonomy
from kgtag.discover.groups import find_groups, name_of
from kgtag.train.embeddings.run import DEFAULT_ENCODER, exported

Family = tuple[list[str], list[str]]
"""Labels of children, and those of the fourth-level categories that they had as parents."""


def families(data: Path) -> dict[str, Family]:
    found = shopify.read([data / "shopify_categories" / "en.json.gz"])
    taxonomy = Taxonomy.of(TaxonomyData.of(1, found.concepts, found.relations))
    folded: dict[str, Family] = defaultdict(lambda: ([], []))
    for concept in taxonomy:
        if concept.kind == "category" and len(path := taxonomy.path(concept.id)) == 5:
            folded[path[2]][0].append(concept.label())
            folded[path[2]][1].append(taxonomy[path[3]].label())
    return {id: of for id, of in folded.items() if len(set(of[1])) > 1 and len(of[0]) >= 6}


def _chosen_on(id: str) -> bool:
    return hashlib.sha256(id.encode()).digest()[-1] % 2 == 1


def last_word(labels: Sequence[str]) -> list[Any]:
    return [folded[-1] if (folded := [one.folded for one in words(label)]) else label for label in labels]


def names(groups: Sequence[Any], family: Family) -> tuple[int, int, int]:
    """(groups of three or more, those with a name, those whose name shares a word with the fourth level's)."""
    labels, parents = family
    all_, named, right = 0, 0, 0
    for group in set(groups):
        own = [at for at, one in enumerate(groups) if one == group]
        if len(own) < 3:
            continue
        all_ += 1
        name = name_of([labels[at] for at in own], [label for at, label in enumerate(labels) if at not in set(own)])
        if name is not None:
            named += 1
            parent = Counter(parents[at] for at in own).most_common(1)[0][0]
            right += bool({one.folded for one in words(name)} & {one.folded for one in words(parent)})
    return all_, named, right


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    host = machine()
    everything = families(given.data)
    test = [of for id, of in sorted(everything.items()) if not _chosen_on(id)]
    with exported(DEFAULT_ENCODER) as encoder:
        vectors = [encoder.encode_uncached(labels) for labels, _ in test]
    numbers = iter(range(10**9))
    ways: dict[str, Callable[[Sequence[str], Any], Sequence[Any]]] = {
        "all in one": lambda labels, _: [0] * len(labels),
        "each alone": lambda labels, _: [next(numbers) for _ in labels],
        "by their last word": lambda labels, _: last_word(labels),
        "kgtag, by words": lambda labels, _: find_groups(labels).of.tolist(),
        "kgtag, by words and meaning": lambda labels, own: find_groups(labels, own).of.tolist(),
    }
    rows: list[list[object]] = []
    for name, group in ways.items():
        found = [group(labels, own) for (labels, _), own in zip(test, vectors, strict=True)]
        aris = [adjusted_rand_score(parents, one) for (_, parents), one in zip(test, found, strict=True)]
        counts = np.sum([names(one, family) for one, family in zip(found, test, strict=True)], axis=0)
        sizes = sum(len(set(one)) for one in found)
        rows.append([name, sizes, float(np.mean(aris)), counts[1] / max(counts[0], 1), counts[2] / max(counts[1], 1)])
    wanted = sum(len(set(parents)) for _, parents in test)
    with contextlib.redirect_stdout(sys.stderr):
        title = f"Shopify's fourth level: {wanted} categories of {sum(len(labels) for labels, _ in test)} children,"
        columns = ("children grouped", "groups", "ARI", "named", "right name")
        table(f"{title} in {len(test)} families", columns, rows, rivals=[row[0] for row in rows[:3]])  # type: ignore[misc]
    report("restructure", "Shopify's product taxonomy, English labels", host, save=given.save)


if __name__ == "__main__":
    main()
