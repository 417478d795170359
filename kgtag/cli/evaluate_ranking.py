"""`kgtag evaluate related` and `kgtag evaluate recommender`: hidden pairs, beside baselines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgtag.cli.console import log, print_json, print_table
from kgtag.cli.options import Json

if TYPE_CHECKING:
    from kgtag.recommend.fitting import Fitted

Seed = Annotated[int, typer.Option(help="Seed of the split of train that chooses the settings.")]


def related(
    train: Annotated[Path, typer.Option(help="Rows of item TAB tag; a third column weighs.")],
    test: Annotated[Path, typer.Option(help="Pairs to hide, or baskets: an id TAB names with commas.")],
    texts: Annotated[Path | None, typer.Option(help="Rows of tag TAB label.")] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Related tags: rank the hidden tag of an item for its other tags; popularity, cosine and EASE beside it.

    Settings are chosen on pairs held out of train. Files may be `.gz` or `.csv`, with or without a header.

    Example: `kgtag evaluate related --train train.tsv --test test.tsv --texts tags.tsv --json`
    """
    from kgtag.evaluation.ranking import evaluate_related

    answer = evaluate_related(train, test, texts=texts, fit=_fit(), seed=seed, log=log)
    _print(answer, "Hidden tags", json=json)


def recommender(
    train: Annotated[Path, typer.Option(help="Rows of user TAB item; a third column weighs.")],
    test: Annotated[Path, typer.Option(help="Held-out rows.")],
    tags: Annotated[Path | None, typer.Option(help="Rows of item TAB tag.")] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Items for users: rank the held-out items of each user; popularity, item-kNN and EASE beside it.

    Settings are chosen on pairs held out of train. Files may be `.gz` or `.csv`, with or without a header.

    Example: `kgtag evaluate recommender --train train.tsv --test test.tsv --tags tags.tsv --json`
    """
    from kgtag.evaluation.ranking import evaluate_recommender

    answer = evaluate_recommender(train, test, tags=tags, fit=_fit(), seed=seed, log=log)
    _print(answer, "Held-out items", json=json)


def _fit() -> Callable[..., Fitted]:
    """With the second stage where training is installed."""
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        from kgtag.recommend.fitting import fit_ranker

        log("without a second stage, which needs: pip install 'kgtag[train]'")
        return fit_ranker
    from kgtag.train.reranking import fit_reranked

    return fit_reranked


def _print(answer: dict[str, Any], title: str, *, json: bool) -> None:
    if json:
        print_json(answer)
        return
    names = [name for name, value in answer.items() if name in answer["baselines"]["ease"] and isinstance(value, float)]
    rows = [(who, *(f"{found[name]:.3f}" for name in names)) for who, found in answer["baselines"].items()]
    rows.append(("kgtag", *(f"{answer[name]:.3f}" for name in names)))
    print_table(f"{title}, {answer['n']} cases", ["", *(name.replace("_", " ") for name in names)], rows)
    log("blend: " + ", ".join(f"{part} {weight:+.2f}" for part, weight in answer["settings"]["parts"].items()))
    log(answer["protocol"])
