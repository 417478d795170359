"""Commands that suggest: new values and gold from them, products to annotate, matches between two schemes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.errors import InputError
from graph.formats import reading
from graph.model import KINDS
from kgtag.cli.console import log, print_json, print_table, write_rows
from kgtag.cli.options import Json, Lang, Model, Precision, Rows, Store, login, open_store, read_precision

if TYPE_CHECKING:
    from kgtag.types import Product

Tags = Annotated[Path, typer.Argument(metavar="TAGS.jsonl", help="Rows of `kgtag tag`.")]


def propose(
    tags: Tags,
    products: Annotated[
        Path | None, typer.Option(help="The tagged products, for languages and example titles.")
    ] = None,
    min_count: Annotated[int, typer.Option(min=1, help="Products that a value must be found in.")] = 2,
    min_probability: Annotated[float, typer.Option(min=0, max=1, help="Less probable mentions don't count.")] = 0.5,
    similarity: Annotated[float, typer.Option(min=0, max=1, help="Least similarity of spellings of one value.")] = 0.6,
    author: Annotated[str | None, typer.Option(help="The proposer; the login name by default.")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Propose new values for frequent NIL mentions.

    Each proposal has a name, other spellings, an attribute, a broader value, and products as evidence.
    `kgtag proposals list` shows them; accepted ones become concepts.

    Example: `kgtag propose tags.jsonl --products products.jsonl`
    """
    from graph.proposals.workflow import Person
    from kgtag.discover.mentions import cluster, group_mentions
    from kgtag.discover.propose import propose_values

    found = cluster(group_mentions(reading.json_rows(tags), min_probability=min_probability), similarity=similarity)
    known = _products(products) if products is not None else {}
    by = Person(login(author))
    report = propose_values(open_store(store), found, by, products=known, min_count=min_count)
    if json:
        print_json({"clusters": len(found), "proposed": list(report.made), "skipped": dict(report.skipped)})
    else:
        log(f"{len(report.made)} proposals made of {len(found)} new values")
        for why, count in report.skipped.items():
            log(f"  {count} left out: {why}")


def gold(
    tags: Tags,
    products: Annotated[Path, typer.Option(help="The products that were tagged.")],
    out: Rows = None,
    model: Annotated[
        Path | None, typer.Option(envvar="KGTAG_MODEL", help="The model to be trained further: names its attributes.")
    ] = None,
    min_probability: Annotated[float, typer.Option(min=0, max=1, help="Less probable tags don't become gold.")] = 0.5,
    store: Store = None,
) -> None:
    """Export accepted proposals as training data: annotated products with the new values and links.

    Example: `kgtag proposals gold tags.jsonl --products products.jsonl --out new.jsonl`
    """
    from kgtag.discover.mentions import accepted_gold
    from kgtag.extract.files import read_config

    names = {id: name for name, id in read_config(model)[0].attribute_concepts.items()} if model is not None else {}
    tagged, known = reading.json_rows(tags), _products(products)
    rows = list(accepted_gold(open_store(store), tagged, known, names=names, min_probability=min_probability))
    write_rows(rows, out)
    log(f"{len(rows)} annotated products")


def select(
    model: Model,
    source: Annotated[Path, typer.Argument(metavar="PRODUCTS", help="Products: JSONL, CSV, TSV or Parquet.")],
    count: Annotated[int, typer.Option(min=1, help="Size of the batch.")] = 100,
    annotated: Annotated[
        list[Path] | None,
        typer.Option(help="Annotated products (or products): left out, and similar ones are avoided; repeatable."),
    ] = None,
    out: Rows = None,
    precision: Precision = "fp32",
    lang: Lang = None,
) -> None:
    """Active learning: select the products to annotate next, which the model is uncertain of and which differ.

    One row each, the most valuable first: the product, `score`, and `reason` with the expected errors, the most
    uncertain attributes and the novelty. The same files give the same rows.

    Example: `kgtag select products.jsonl --model models/shop --annotated train.jsonl --count 50 --out next.jsonl`
    """
    from kgtag.discover.selection import select_products
    from kgtag.extract.sequence import SequenceExtractor

    extractor = SequenceExtractor.load(model, precision=read_precision(precision))
    report = select_products(extractor, source, count=count, annotated=annotated or (), lang=lang)
    write_rows((one.to_dict() for one in report.selected), out)
    log(
        f"{len(report.selected)} of {report.products} products selected"
        + (f", {report.annotated} annotated ones left out" if report.annotated else "")
        + (f", {report.unreadable} unreadable ones skipped" if report.unreadable else "")
    )


def map_command(
    source: Annotated[str, typer.Argument(help="Scheme to match.")],
    target: Annotated[str, typer.Argument(help="Scheme to find counterparts in.")],
    store: Store = None,
    kind: Annotated[str, typer.Option(help="category, attribute or value.")] = "category",
    lang: Annotated[list[str] | None, typer.Option(help="Compare labels in this language only; repeatable.")] = None,
    min_score: Annotated[float, typer.Option(help="Leave out proposals below this score.", min=0, max=1)] = 0.5,
    best: Annotated[int, typer.Option(help="Proposals for each concept.", min=1)] = 1,
    propose: Annotated[bool, typer.Option("--propose", help="Put each into the queue of proposals.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write them all, as one version.")] = False,
    author: Annotated[str | None, typer.Option(help="The proposer or editor; the login name by default.")] = None,
    json: Json = False,
) -> None:
    """Propose `exact_match` and `close_match` relations between two schemes, with scores and evidence.

    Labels propose, and the concepts' places in both hierarchies decide. Concepts that have a match in the target
    already are left out. Nothing is written without `--propose` or `--write`; then `kgtag tag --scheme` answers in the
    other scheme.

    Examples: `kgtag map shopify google --json`; `kgtag map shopify google --lang zh --min-score 0.8`;
    `kgtag map shop google --min-score 0.95 --write`, then `kgtag map shop google --propose` for the rest
    """
    from graph import stores
    from graph.editing.edit import apply
    from graph.model import ChangeSet, PutRelation, Relation
    from graph.proposals.workflow import Person
    from kgtag.align.match import map_schemes, unmapped
    from kgtag.discover.propose import propose_mappings

    if propose and write:
        raise InputError("--propose leaves the decision to an editor, --write takes it; give one of them")
    known = next((one for one in KINDS if one == kind), None)
    if known is None:
        raise InputError(f"unsupported kind {kind!r}; one of {', '.join(KINDS)} is expected")
    opened = open_store(store)
    taxonomy = stores.load_taxonomy(opened)
    found = map_schemes(taxonomy, source, target, kind=known, languages=lang, per_concept=best)
    kept = [one for one in unmapped(taxonomy, target, found) if one.score >= min_score]
    if write and not kept:
        log("nothing to write")
    elif write:
        edges = (PutRelation(Relation(m.relation, m.source, m.target).canonical()) for m in kept)
        reason = f"{source} mapped to {target}, score {min_score:g} and more"
        taxonomy = apply(opened, ChangeSet(tuple(edges), login(author), reason))
        log(
            f"{len(kept)} mappings written as version {taxonomy.version}; undo them with: kgtag undo {taxonomy.version}"
        )
    if propose:
        report = propose_mappings(opened, kept, Person(login(author)))
        log(f"{len(report.made)} proposals made" + "".join(f"; {n} {why}" for why, n in report.skipped.items()))
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


def _products(path: Path) -> dict[str, Product]:
    from kgtag.data import attempt_products
    from kgtag.types import Product

    return {row.id: row for row in attempt_products(path) if isinstance(row, Product)}
