"""`kgtag challenger`: whether a second model is better than the one that is served, and what follows from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, print_json, print_table
from kgtag.cli.options import Json, Model, Store

if TYPE_CHECKING:
    from graph.taxonomy import Taxonomy
    from kgtag.rows import ChallengerReport, ShadowRow, SplitRow
    from kgtag.serve.promotion import Promotion

app = typer.Typer(no_args_is_help=True)

Challenger = Annotated[
    Path, typer.Option("--challenger", envvar="KGTAG_CHALLENGER", help="The challenger's directory.")
]
Decisions = Annotated[
    Path | None,
    typer.Option(
        "--decisions",
        envvar="KGTAG_DECISIONS",
        help="The directory that `kgtag serve` keeps decisions in.",
        show_default="FILE.decisions beside sqlite:///FILE",
    ),
]


@app.command()
def report(
    alpha: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Probability of calling equally good models different.")
    ] = 0.05,
    decisions: Decisions = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Say which of champion and challenger is better, and whether that is certain; valid however often you look.

    Example: `kgtag challenger report --store sqlite:///shop.db`
    """
    from kgtag.evaluation.challenger import report as compare
    from kgtag.serve.settings import read_settings
    from kgtag.tag.decisions import read_decisions, unit_hash

    settings = read_settings(store=store, decisions=decisions)
    directory = settings.decisions_directory()
    if not directory.is_dir():
        raise InputError(f"no decisions in {str(directory)!r}; serve with --challenger DIR, or give --decisions DIR")
    found = compare(read_decisions(directory), settings.open_store().feedback(), unit_hash(directory), alpha=alpha)
    if found is None:
        raise InputError(f"no decisions in {str(directory)!r} yet; they come with products, see: kgtag serve --help")
    if json:
        print_json(found)
        return
    _show(found)


@app.command()
def promote(
    model: Model, challenger: Challenger, decisions: Decisions = None, store: Store = None, json: Json = False
) -> None:
    """Put the challenger in the champion's place: the two directories change names in one step, under load.

    The former champion is the challenger then. Example:
    `kgtag challenger promote --model models/shop --challenger models/next --store sqlite:///shop.db`
    """
    from kgtag.serve.promotion import promote as exchange

    _done(exchange(model, challenger, _directory(store, decisions), taxonomy=_taxonomy(store)), json)


@app.command()
def rollback(
    model: Model, challenger: Challenger, decisions: Decisions = None, store: Store = None, json: Json = False
) -> None:
    """Undo the last promotion.

    Example: `kgtag challenger rollback --model models/shop --challenger models/next --store sqlite:///shop.db`
    """
    from kgtag.serve.promotion import rollback as exchange

    _done(exchange(model, challenger, _directory(store, decisions), taxonomy=_taxonomy(store)), json)


def _directory(store: str | None, decisions: Path | None) -> Path:
    from kgtag.serve.settings import read_settings

    return read_settings(store=store, decisions=decisions).decisions_directory()


def _taxonomy(store: str | None) -> Taxonomy:
    from kgtag.cli.options import load_taxonomy

    return load_taxonomy(store)


def _done(made: Promotion, json: bool) -> None:
    if json:
        from dataclasses import asdict

        print_json(asdict(made))
        return
    log(
        f"{made.action}: {made.champion} is the champion, {made.challenger} the challenger; services follow in a moment"
    )


def _show(found: ChallengerReport) -> None:
    if found["split"] is not None:
        _show_split(found["split"], found)
    if found["shadow"] is not None:
        _show_shadow(found["shadow"], found)
    speed = found["speed"]
    rows = [(arm, s["products"], s["median_ms"], s["p95_ms"]) for arm, s in speed.items() if s is not None]
    if rows:
        print_table(
            "Milliseconds for a product that came by itself", ["", "products", "median", "95th percentile"], rows
        )
    if found["of_other_models"]:
        log(f"{found['of_other_models']:,} earlier decisions are of other versions, and do not count here")


def _show_split(split: SplitRow, found: ChallengerReport) -> None:
    names = ("products", "tags_per_product", "reviewed", "right", "wrong", "missing", "share_right")
    rows = [(arm, found[arm], *(split[arm][name] for name in names)) for arm in ("champion", "challenger")]  # type: ignore[literal-required]
    title = f"Products divided, {split['share']:.0%} for the challenger, since {found['since'][:16]}"
    print_table(title, ["", "model", *(name.replace("_", " ") for name in names)], rows)
    if split["better"] is not None:
        log(
            f"The {split['better']} is better: {split['difference']:+.1%} of right verdicts for the challenger; certain"
            f" (p {split['p']:g}) since {split['certain_since']}, after {split['certain_after']:,} reviewed products."
        )
    elif split["difference"] is None:
        log("Nothing is certain: feedback on products of both models is needed (POST /v1/feedback, the page).")
    else:
        more = f"; about {split['more']:,} more reviewed products would tell" if split["more"] is not None else ""
        log(f"Nothing is certain (p {split['p']:g}): {split['difference']:+.1%} of right verdicts so far{more}.")


def _show_shadow(shadow: ShadowRow, found: ChallengerReport) -> None:
    rows = [
        (r["attribute"] or "(category)", r["products"], r["same"], r["only_champion"], r["only_challenger"])
        for r in shadow["by_attribute"]
    ]
    columns = ["attribute", "products", "same", "only champion", "only challenger"]
    print_table(f"Tags in the shadow, {found['champion']} and {found['challenger']}", columns, rows)
    log(
        f"{shadow['agreement']:.1%} of {shadow['products']:,} products got the same tags"
        f" (overlap {shadow['overlap']:.1%})."
    )
    if any(shadow[name] for name in ("right_lost", "right_kept", "wrong_dropped", "wrong_kept", "missing_found")):
        log(
            f"By feedback on the champion's tags, the challenger keeps {shadow['right_kept']:,} right ones and loses"
            f" {shadow['right_lost']:,}, drops {shadow['wrong_dropped']:,} wrong ones and keeps"
            f" {shadow['wrong_kept']:,}, and finds {shadow['missing_found']:,} missing ones."
            " Which is better, only a split tells."
        )
