"""`kgtag challenger`: whether a second model is better than the one that is served, and what follows from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, out, print_json, print_table
from kgtag.cli.options import Json, Model, Store

if TYPE_CHECKING:
    from graph.taxonomy import Taxonomy
    from kgtag.rows.challenger import ChallengerReport, ShadowRow, SplitRow
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
    rows = [
        (arm, one["products"], f"{one['median_ms']:.1f}", f"{one['p95_ms']:.1f}")
        for arm, one in found["speed"].items()
        if one is not None
    ]
    if rows:
        columns = ["", "products", "median", "95th percentile"]
        print_table("Milliseconds for a product that came by itself", columns, rows)
    if found["of_other_models"]:
        log(f"{found['of_other_models']:,} decisions are of other versions, and do not count here")


def _show_split(split: SplitRow, found: ChallengerReport) -> None:
    arms = {"champion": split["champion"], "challenger": split["challenger"]}
    rows = [
        (
            *(arm, found[arm], one["products"], one["tags_per_product"], one["reviewed"]),  # type: ignore[literal-required]
            *(one["right"], one["wrong"], one["missing"], _percent(one["share_right"])),
        )
        for arm, one in arms.items()
    ]
    title = f"Products divided, {split['share']:.0%} for the challenger, since {found['since'][:16].replace('T', ' ')}"
    columns = ["", "model", "products", "tags each", "reviewed", "right", "wrong", "missing", "right %"]
    print_table(title, columns, rows, whole=("", "model"))
    if split["difference"] is None:
        _say("Nothing is certain: feedback on products of both models is needed (POST /v1/feedback, the page).")
        return
    shares = f"{_percent(arms['champion']['share_right'])}% of the champion's verdicts are right, and"
    shares += f" {_percent(arms['challenger']['share_right'])}% of the challenger's"
    if split["better"] is not None:
        since = (split["certain_since"] or "")[:16].replace("T", " ")
        after = f"since {since}, after {split['certain_after']:,} reviewed products"
        _say(f"The {split['better']} is better: {shares}. That is certain (p {split['p']:g}) {after}.")
    else:
        more = f", about {split['more']:,} more reviewed products would tell" if split["more"] is not None else ""
        _say(f"Nothing is certain yet (p {split['p']:g}){more}: {shares}.")


def _show_shadow(shadow: ShadowRow, found: ChallengerReport) -> None:
    rows = [
        (r["attribute"] or "(category)", r["products"], r["same"], r["only_champion"], r["only_challenger"])
        for r in shadow["by_attribute"]
    ]
    columns = ["attribute", "products", "same", "only champion", "only challenger"]
    title = f"Tags of {found['champion']} (champion) and {found['challenger']} (challenger, in the shadow)"
    print_table(title, columns, rows)
    same = f"{shadow['agreement']:.1%} of {shadow['products']:,} products got the same tags"
    _say(f"{same}; on average both share {shadow['overlap']:.1%} of the tags of a product.")
    names = ("right_lost", "right_kept", "wrong_dropped", "wrong_kept", "missing_found")
    lost, kept, dropped, wrong, found_too = (shadow[name] for name in names)  # type: ignore[literal-required]
    if any((lost, kept, dropped, wrong, found_too)):
        _say(
            f"By feedback on the champion's tags, the challenger keeps {kept:,} right ones and loses {lost:,}, drops"
            f" {dropped:,} wrong ones and keeps {wrong:,}, and finds {found_too:,} missing ones. Which is better,"
            " only a split tells."
        )


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f}"


def _say(text: str) -> None:
    out.print(text, markup=False, soft_wrap=True)
