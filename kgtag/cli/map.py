"""`kgtag map`: alignment of two concept schemes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from kgtag.cli.console import Json, Store, log, print_json, print_table


def map_command(
    source: Annotated[str, typer.Argument(help="Scheme to match.")],
    target: Annotated[str, typer.Argument(help="Scheme to find counterparts in.")],
    store: Store = None,
    kind: Annotated[str, typer.Option(help="category, attribute or value.")] = "category",
    lang: Annotated[list[str] | None, typer.Option(help="Compare labels in this language only; repeatable.")] = None,
    min_score: Annotated[float, typer.Option(help="Leave out proposals below this score.", min=0, max=1)] = 0.5,
    best: Annotated[int, typer.Option(help="Proposals for each concept.", min=1)] = 1,
    json: Json = False,
) -> None:
    """Propose `exact_match` and `close_match` relations between two schemes, with scores and evidence.

    Labels propose, and the concepts' places in both hierarchies decide. Concepts that have a match in the target
    already are left out. Nothing is written.

    Examples: `kgtag map shopify google --json`; `kgtag map shopify google --lang zh --min-score 0.8`
    """
    from graph.errors import InputError
    from graph.model import KINDS
    from kgtag.align.match import map_schemes, unmapped
    from kgtag.cli.settings import load_taxonomy

    known = next((one for one in KINDS if one == kind), None)
    if known is None:
        raise InputError(f"unsupported kind {kind!r}; one of {', '.join(KINDS)} is expected")
    taxonomy = load_taxonomy(store)
    found = map_schemes(taxonomy, source, target, kind=known, languages=lang, per_concept=best)
    kept = [one for one in unmapped(taxonomy, target, found) if one.score >= min_score]
    if json:
        rows = [asdict(mapping) for mapping in kept]
        print_json({"revision": taxonomy.revision, "source": source, "target": target, "mappings": rows})
        return
    shown = sorted(kept, key=lambda m: (-m.score, m.source, m.target))
    table = [
        (f"{m.score:.3f}", m.relation, m.source, taxonomy[m.source].label(), m.target, taxonomy[m.target].label())
        for m in shown[:50]
    ]
    print_table(f"{source} → {target}", ["score", "relation", "concept", "label", "counterpart", "label"], table)
    exact = sum(m.relation == "exact_match" for m in kept)
    log(f"{len(kept)} proposals, {exact} of them exact; all of them with --json")
