"""`kgtag improve`: a round of the loop that makes a shop's tags better."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, out, print_json, print_table, training_bar
from kgtag.cli.options import Encoder, Json, TrainingOptions, grouped, open_store

if TYPE_CHECKING:
    from kgtag.improve import Round


@grouped
def improve(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Holds products.csv (or .jsonl, .parquet) at least.")
    ],
    *,
    store: Annotated[
        str | None, typer.Option("--store", envvar="KGTAG_STORE", show_default="sqlite:///DIR/shop.db")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Products to annotate next.")] = 50,
    look: Annotated[
        int, typer.Option(min=1, help="Products of the catalogue to look at, drawn anew each round.")
    ] = 5_000,
    by_chance: Annotated[bool, typer.Option("--by-chance", help="Choose what to annotate next by chance.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what a round would do; nothing is written.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Promote the candidate that the last round left.")] = False,
    roll_back: Annotated[bool, typer.Option("--rollback", help="Put the model before in use again.")] = False,
    format: Annotated[str, typer.Option(help="Format of DIR/gold: annotated, spans or extractgpt.")] = "annotated",
    lang: Annotated[str | None, typer.Option(help="Language of products without one.")] = None,
    encoder: Encoder = None,
    training: TrainingOptions,
    json: Json = False,
) -> None:
    """Do a round of the loop: collect, train a candidate, compare, promote or not, choose what to annotate next.

    Learns from DIR/gold, from the rows of DIR/next.jsonl that were checked, from feedback and from accepted proposals.
    A fifth of the products is kept aside for ever, and decides: a candidate is promoted to DIR/model when its tags are
    better there for certain (95%), or at least as good and it learned from more products; it is dropped when they are
    worse for certain; else you are asked. DIR/rounds.jsonl is the ledger. Stopped anywhere, the same command resumes.

    Examples: `kgtag improve shop`; `kgtag improve shop --dry-run --json`; `kgtag improve shop --rollback`
    """
    from kgtag.improve import Loop, Place, Settings
    from kgtag.train.extractor.config import read_assignments, read_config, resolve

    if sum((dry_run, accept, roll_back)) > 1:
        raise InputError("--dry-run, --accept and --rollback exclude each other")
    file = read_config(training.config) if training.config is not None else {}
    named: dict[str, object] = {
        "format": format,
        "lang": lang,
        "encoder": encoder,
        "epochs": training.epochs,
        "seed": training.seed,
    }
    named |= {"learning_rate": training.learning_rate, "device": training.device}
    given = {name: value for name, value in named.items() if value is not None}
    run, options = resolve(file, read_assignments(training.assignments or ()), given)
    if not directory.is_dir():
        raise InputError(f"there is no directory {str(directory)!r}; make it, and put products.csv there")
    place, opened = Place(directory), open_store(store or f"sqlite:///{directory / 'shop.db'}")
    with training_bar() as watch:
        loop = Loop(place, opened, Settings(run, options, count, look, by_chance), progress=log, watch=watch)
        if dry_run:
            plan = loop.plan()
            if json:
                print_json(plan)
            else:
                print_table(f"Round {plan['round']}, if it were done", ["what", ""], list(_flat(plan)))
            return
        row = loop.accept() if accept else loop.roll_back() if roll_back else loop.run()
    if json:
        print_json(asdict(row))
    else:
        _show(row, place)


def _flat(plan: dict[str, object]) -> list[tuple[str, object]]:
    sizes = plan.pop("sizes")
    assert isinstance(sizes, dict)
    return [*plan.items(), *((f"products: {name}", count) for name, count in sizes.items())]


def _show(row: Round, place: object) -> None:
    from kgtag.improve import Place

    assert isinstance(place, Place)
    rows = [
        (one.round, one.sizes.get("train", ""), one.sizes.get("aside", ""), *_figures(one), one.decision)
        for one in place.ledger()[-10:]
    ]
    columns = ["round", "trained on", "kept aside", "F1 before", "candidate", "95% of the difference", "decision"]
    print_table("Rounds: products trained on and kept aside, and F1 of tags there", columns, rows, whole=columns)
    out.print(f"{row.decision}: {row.why}", markup=False, soft_wrap=True)
    if row.drift:
        log(f"the products drift from those trained on, in: {', '.join(row.drift)}")
    if row.proposals:
        log(f"{row.proposals} new values proposed; look at them: kgtag proposals list")
    folder = place.next.parent
    if not row.next:
        log(f"nothing is left to annotate: put more products into {folder}, or annotated ones into {folder / 'gold'}")
    else:
        log(f'next: {row.next} products in {place.next}; correct them, set "checked" to true, and run this again')


def _figures(one: Round) -> tuple[str, str, str]:
    if one.tags is None:
        return "", "", ""
    low, high = one.tags["interval"]
    return f"{one.tags['before']:.3f}", f"{one.tags['candidate']:.3f}", f"{low:+.3f} to {high:+.3f}"
