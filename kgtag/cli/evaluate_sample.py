"""`kgtag evaluate sample` and `precision`: how precise stored tags are, from a sample that is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from graph.errors import InputError
from kgtag.cli.console import log, print_json, print_table, write_rows
from kgtag.cli.options import Json, Rows, Store, open_store


def sample(
    count: Annotated[int, typer.Option(min=1, help="Tags to check.")] = 400,
    by: Annotated[str, typer.Option(help="Part the tags by top category, or by attribute.")] = "category",
    seed: Annotated[int, typer.Option(help="Same seed and items: same sample.")] = 0,
    out: Rows = None,
    store: Store = None,
) -> None:
    """Draw tags of stored items for people to check: a stratified random sample, a row of JSON each.

    Write "right" or "wrong" into the `verdict` of each row, or give feedback on the items; then `kgtag evaluate
    precision` says how precise all the tags are, with an interval.

    Example: `kgtag evaluate sample --count 400 --out check.jsonl`
    """
    from graph.stores import load_taxonomy
    from kgtag.evaluation.analytics.sampling import By, candidates, draw

    part = next((one for one in get_args(By) if one == by), None)
    if part is None:
        raise InputError(f"tags are parted by category or attribute, not by {by!r}")
    opened = open_store(store)
    taxonomy = load_taxonomy(opened)
    population = candidates(taxonomy, opened.items(), by=part)
    if not population:
        raise InputError("no stored item has a tag that was found; kgtag tag --record stores them")
    rows = draw(population, count, seed=seed, taxonomy=taxonomy)
    write_rows(rows, out)
    log(f"{len(rows)} of {len(population)} tags to check, of {len({row['stratum'] for row in rows})} parts")


def precision(
    checks: Annotated[Path, typer.Argument(help="The rows of `kgtag evaluate sample`, with verdicts.")],
    store: Annotated[
        str | None, typer.Option(help="Rows without a verdict take it from this store's feedback, where there is any.")
    ] = None,
    json: Json = False,
) -> None:
    """How precise the stored tags are, in all and by part, from a checked sample, with 95% intervals.

    Example: `kgtag evaluate precision check.jsonl`
    """
    from graph.formats import reading
    from kgtag.evaluation.analytics.sampling import estimate

    rows: list[dict[str, Any]] = [dict(row) for _, row in reading.json_rows(checks)]
    if store is not None:
        given = {(one.item, one.concept): one.verdict for one in open_store(store).feedback()}
        for row in rows:
            verdict = given.get((row.get("item"), row.get("concept", "")))
            if not row.get("verdict") and verdict in ("right", "wrong"):
                row["verdict"] = verdict
    found = estimate(rows)
    if json:
        print_json(found)
        return
    half = (found["high"] - found["low"]) / 2
    typer.echo(
        f"precision {found['precision']:.3f} ± {half:.3f} ({found['low']:.3f} to {found['high']:.3f}), "
        f"from {found['checks']} checks of {found['population']} tags"
    )
    cells = [
        (row["name"] or "no category", row["population"], f"{row['right']}/{row['checks']}", _share(row))
        for row in sorted(found["strata"], key=lambda row: (row["precision"], row["name"]))
    ]
    print_table("By part, the least precise first", ["part", "tags", "right", "precision (95%)"], cells)
    if found["unchecked"]:
        log(f"{found['unchecked']} tags are of parts that nobody checked; they are left out")


def _share(row: Any) -> str | None:
    return f"{row['precision']:.3f} ({row['low']:.3f} to {row['high']:.3f})" if row["checks"] else None
