"""Commands on what a catalogue's items say of its tags: trends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph.errors import InputError
from graph.model import KINDS
from kgtag.cli.console import err, log, print_json, print_table
from kgtag.cli.options import Columns, Embeddings, Json, Store, open_store

if TYPE_CHECKING:
    from graph.model import Kind, TaggedItem
    from graph.taxonomy import Taxonomy
    from kgtag.evaluation.analytics.table import By
    from kgtag.tag.tagger import Tagger

Model = Annotated[
    Path | None,
    typer.Option(
        "--model", envvar="KGTAG_MODEL", help="Tags the products of a file; else their labels are searched for."
    ),
]
Since = Annotated[str | None, typer.Option(metavar="DATE", help="Only items listed from this day on.")]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Only items listed before this day.")]
Category = Annotated[str | None, typer.Option(help="Only items of this category: an id or a label.")]
KindOf = Annotated[str | None, typer.Option("--kind", help="Only categories, or values.")]
Scheme = Annotated[str | None, typer.Option(help="Only concepts of this scheme.")]
Cells = list[tuple[object, ...]]
Limit = Annotated[int, typer.Option(min=1, help="Rows of each table.")]


def trends(
    store: Store = None,
    by: Annotated[str, typer.Option(help="Length of a period: day, week, month, quarter or year.")] = "month",
    since: Since = None,
    until: Until = None,
    category: Category = None,
    kind: KindOf = None,
    scheme: Scheme = None,
    recent: Annotated[
        int | None,
        typer.Option(min=1, help="Periods that growth compares with as many before.", show_default="3 months"),
    ] = None,
    year_ago: Annotated[
        bool | None,
        typer.Option(
            "--year-ago/--before",
            help="Compare with the same periods of the year before, or with those just before.",
            show_default="a year ago, if there are two years",
        ),
    ] = None,
    min_count: Annotated[int, typer.Option(min=1, help="Items that a tag is on at least.")] = 5,
    against: Annotated[
        str | None,
        typer.Option(metavar="URL|FILE", help="Compare shares with another store, rows of `kgtag tag`, or products."),
    ] = None,
    model: Model = None,
    embeddings: Embeddings = None,
    column: Columns = None,
    out: Annotated[Path | None, typer.Option(help="A table of all tags to write: .csv or .parquet.")] = None,
    limit: Limit = 10,
    json: Json = False,
) -> None:
    """How tags come and go: shares, growth, bursts, seasons, new ones, and mentions without a concept that rise.

    Items count by the time they were listed (`at` of a product, else when it was tagged). What is listed as found has a
    false discovery rate of 5%: of what rises, bursts or has a season, about one in twenty does so by chance.

    Examples: `kgtag trends --by week --category Shoes`; `kgtag trends --against rival.csv --column title=Name --json`
    """
    from graph.stores import load_taxonomy
    from kgtag.evaluation.analytics.sources import flat, write_table
    from kgtag.evaluation.analytics.table import ItemTable
    from kgtag.evaluation.analytics.trends import TrendOptions, compare, find_trends

    length = read_period(by)
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise InputError(f"{out}: a .csv or .parquet file was expected")
    wanted = read_kind(kind)
    opened = open_store(store)
    taxonomy = load_taxonomy(opened)
    with err.status("reading items …"):
        table = ItemTable.of(taxonomy, opened.items(), timed=against is None)
        table = table.within(since=since, until=until, category=category)
    if against is not None:
        with err.status("reading the other catalogue …"):
            read = other_items(against, taxonomy, model=model, embeddings=embeddings, column=column)
            other = ItemTable.of(taxonomy, read, timed=False).within(since=since, until=until, category=category)
        compared = compare(table, other, kind=wanted, scheme=scheme, min_count=min_count)
        if other.unknown:
            log(f"{other.unknown.total()} tags of the other catalogue are of concepts that this taxonomy lacks")
        if table.models != other.models:
            log("note: the catalogues were tagged by different models, so a difference may be one of tagging")
        if out is not None:
            write_table(out, compared)
        if json:
            sizes = {"items": len(table), "other_items": len(other)}
            models = {"models": table.models, "other_models": other.models}
            print_json({**sizes, **models, "tags": compared, "revision": taxonomy.revision})
        elif out is None:
            _print_compared(compared, taxonomy, limit)
        return
    found = find_trends(table, TrendOptions(length, recent, min_count, wanted, scheme, year_ago))
    if table.timeless:
        log(f"{table.timeless} items have no time, or one in the future or before 1990, and are left out")
    if out is not None:
        write_table(out, [flat(row, found["periods"]) for row in found["tags"]])
    if json:
        print_json(found)
    elif out is None:
        _print_trends(found, taxonomy, limit, "the same a year before" if found["year_ago"] else "as many before")


def quality(
    store: Store = None,
    gold: Annotated[
        Path | None, typer.Option(help="Annotated products; those with the id of a stored item say what is right.")
    ] = None,
    format: Annotated[str, typer.Option(help="Format of the gold: annotated, spans, extractgpt or bio.")] = "annotated",
    kind: KindOf = None,
    scheme: Scheme = None,
    lang: Annotated[str | None, typer.Option(help="Language of the labels that are shown and compared.")] = None,
    out: Annotated[Path | None, typer.Option(help="A table of all tags to write: .csv or .parquet.")] = None,
    fail_under: Annotated[
        float, typer.Option(min=0, max=1, help="Exit with 1 when a tag on an item has a lower score.")
    ] = 0.0,
    limit: Limit = 25,
    json: Json = False,
) -> None:
    """How good each tag is on the stored items, the worst first: used, right, distinct, stated by titles, stable.

    Verdicts of `kgtag feedback` count, and gold. docs/how-to/analytics.md says what the figures are.

    Examples: `kgtag quality --kind value`; `kgtag quality --gold checked.jsonl --fail-under .2 --json`
    """
    from graph.stores import load_taxonomy
    from kgtag.data import read_annotated
    from kgtag.evaluation.analytics.quality import tag_quality, why
    from kgtag.evaluation.analytics.sources import write_table

    wanted = read_kind(kind)
    opened = open_store(store)
    taxonomy = load_taxonomy(opened)
    known = {one.product.id: one for one in read_annotated(gold, format=format)} if gold is not None else {}
    with err.status("reading items …"):
        found = tag_quality(
            taxonomy, opened.items(), feedback=opened.feedback(), gold=known, kind=wanted, scheme=scheme, lang=lang
        )
    labels = [_label(taxonomy, row.get("confused_with"), lang) for row in found["tags"]]
    if out is not None:
        names = ("attribute", "confused_with", "confusability", "agreement", "conflict", "coverage", "entropy")
        empty = dict.fromkeys((*names, "information", "drift", "precision", "precision_low", "precision_high"))
        rows = []
        for row in found["tags"]:
            verdicts = row.get("precision")
            flat = {name: value for name, value in row.items() if name != "precision"}
            if verdicts is not None:
                ends = {"precision_low": verdicts["low"], "precision_high": verdicts["high"]}
                flat |= {"precision": verdicts["share"], **ends}
            rows.append({**empty, **flat})
        write_table(out, rows)
    if json:
        print_json(found)
    elif out is None:
        unused = sum(not row["support"] for row in found["tags"])
        log(f"{found['items']} items, {found['verdicts']} verdicts; {unused} tags are on no item and not shown")
        cells: Cells = [
            (f"{row['score']:.2f}", tag_name(row, taxonomy), row["support"], _verdicts(row), why(row, label))
            for row, label in zip(found["tags"][:limit], labels, strict=False)
            if row["support"]
        ]
        print_table("Tags, the worst first", ["score", "tag", "items", "right", "why"], cells)
    if bad := sum(row["score"] < fail_under and row["support"] > 0 for row in found["tags"]):
        log(f"{bad} tags score less than {fail_under:g}")
        raise typer.Exit(1)


def coverage(
    store: Store = None,
    gold: Annotated[Path | None, typer.Option(help="Annotated products: which of their values have a concept?")] = None,
    format: Annotated[str, typer.Option(help="Format of the gold: annotated, spans, extractgpt or bio.")] = "annotated",
    queries: Annotated[
        Path | None,
        typer.Option(help="Search queries, one a line, with TAB and how often it was asked if that is known."),
    ] = None,
    by: Annotated[str, typer.Option(help="Length of a period: day, week, month, quarter or year.")] = "month",
    limit: Limit = 10,
    json: Json = False,
) -> None:
    """How much of what products, people and queries say has a concept: by attribute, category, language and time.

    Of stored items, the mentions of their tags and those without a concept count. Labels are compared as the linker
    does, whatever case, accents, number and hyphens.

    Examples: `kgtag coverage`; `kgtag coverage --gold annotated.jsonl --queries searches.tsv --json`
    """
    from graph.stores import load_taxonomy
    from kgtag.data import read_annotated
    from kgtag.evaluation.analytics.coverage import Coverage
    from kgtag.evaluation.analytics.sources import read_queries

    opened = open_store(store)
    taxonomy = load_taxonomy(opened)
    measure = Coverage(taxonomy)
    with err.status("reading items …"):
        found: dict[str, Any] = {"mentions": measure.mentions(opened.items(), by=read_period(by))}
    if gold is not None:
        found["values"] = measure.values(read_annotated(gold, format=format))
    if queries is not None:
        found["queries"] = measure.queries(read_queries(queries))
    if json:
        print_json({**found, "revision": taxonomy.revision})
        return
    for name, what in (("mentions", "mentions in stored items"), ("values", "gold values"), ("queries", "queries")):
        if (figures := found.get(name)) and figures["of"]:
            _print_coverage(what, figures, limit)
        elif figures:
            log(f"no {what}")


def _print_coverage(what: str, figures: Any, limit: int) -> None:
    cells: Cells = [("all", *_coverage_cells(figures))]
    for group in ("attribute", "category", "language"):
        cells += [(f"{group} {row['name']}", *_coverage_cells(row)) for row in figures[f"by_{group}"][:limit]]
    cells += [(row["name"], *_coverage_cells(row)) for row in figures["over_time"][-limit:]]
    columns = ["", "with", "of", "share (95%)", "label of something else"]
    print_table(f"{what.capitalize()} with a concept, the fewest first", columns, cells)
    if missing := figures["missing"][:limit]:
        cells = [(row["text"], row.get("attribute"), row["count"]) for row in missing]
        print_table("Missing most", ["text", "attribute", "times"], cells)


def _coverage_cells(row: Any) -> tuple[object, ...]:
    share = f"{row['share']:.1%} ({row['low']:.1%} to {row['high']:.1%})"
    return row["known"], row["of"], share, row["elsewhere"] or None


def _label(taxonomy: Taxonomy, id: str | None, lang: str | None) -> str | None:
    return None if id is None else tag_name({"concept": id, "label": taxonomy[id].label(lang)}, taxonomy)


def _verdicts(row: Any) -> str | None:
    found = row.get("precision")
    return None if found is None else f"{found['right']}/{found['of']}"


def read_period(given: str) -> By:
    """The length of a period. Raises InputError."""
    from kgtag.evaluation.analytics.table import PERIODS

    for known in PERIODS:
        if known == given:
            return known
    raise InputError(f"no period {given!r}; there is {', '.join(PERIODS)}")


def read_kind(given: str | None) -> Kind | None:
    """The kind. Raises InputError."""
    if given is None:
        return None
    for known in KINDS:
        if known == given:
            return known
    raise InputError(f"no kind {given!r}; there is {', '.join(KINDS)}")


def other_items(
    given: str, taxonomy: Taxonomy, *, model: Path | None, embeddings: Path | None, column: list[str] | None
) -> Iterator[TaggedItem]:
    """The items of a store's URL, or of a file."""
    from kgtag.data import read_columns
    from kgtag.evaluation.analytics.sources import items_of_file

    if "://" in given:
        return open_store(given).items()

    def tagger() -> Tagger:
        from kgtag.serve.assemble import open_models
        from kgtag.serve.settings import read_settings
        from kgtag.tag.models import assemble_tagger

        return assemble_tagger(open_models(read_settings(model=model, embeddings=embeddings)), taxonomy)

    return items_of_file(Path(given), tagger, read_columns(column))


def _print_trends(found: Any, taxonomy: Taxonomy, limit: int, before: str) -> None:
    from kgtag.evaluation.analytics.trends import select

    if not found["items"]:
        log("no such items with a time; kgtag tag --record stores them, with the `at` of each product")
        return
    span = f"{found['periods'][0]} to {found['periods'][-1]}"
    recent = f"{found['recent']} {found['by']}{'s' if found['recent'] > 1 else ''}"
    log(f"{found['items']} items, {span}; now: the last {recent}, before: {before}")
    change = ["tag", "items", "before", "now", "points (95%)", "q"]

    def changes(rows: Any) -> list[tuple[object, ...]]:
        return [(tag_name(row, taxonomy), *_change_cells(row)) for row in rows]

    tables: list[tuple[str, list[str], Cells]] = [
        (title, change, changes(select(found["tags"], order, limit)))
        for title, order in (("Rising", "rising"), ("Falling", "falling"))
    ]
    fresh = select(found["tags"], "new", limit)
    cells: Cells = [(tag_name(r, taxonomy), r["count"], r["first_seen"], _percent(r["now"])) for r in fresh]
    tables.append(("New", ["tag", "items", "first seen", "now"], cells))
    rows = select(found["tags"], "burst", limit)
    cells = [(tag_name(r, taxonomy), r["count"], _span(r["burst"]), _q(r["burst"]["q"])) for r in rows]
    tables.append(("Bursts", ["tag", "items", "when", "q"], cells))
    rows = select(found["tags"], "season", limit)
    cells = [(tag_name(r, taxonomy), r["count"], _months(r["season"]), _q(r["season"]["q"])) for r in rows]
    tables.append(("Seasons", ["tag", "items", "months, times as usual", "q"], cells))
    nil = select(found["nil"], "rising", limit) or select(found["nil"], "new", limit)
    tables.append(("Mentions without a concept that rise", change, changes(nil)))
    for title, columns, cells in tables:
        if cells:
            print_table(title, columns, cells)
    if not any(cells for *_, cells in tables):
        log("nothing rises, falls, bursts or has a season beyond chance; --json has the figures of every tag")
        print_table("Most items", change, changes(found["tags"][:limit]))


def _change_cells(row: Any) -> tuple[object, ...]:
    points = None
    if row["growth"] is not None:
        points = f"{100 * row['growth']:+.1f} ({100 * row['growth_low']:.1f} to {100 * row['growth_high']:.1f})"
    return row["count"], _percent(row["before"]), _percent(row["now"]), points, _q(row["q"])


def tag_name(row: Any, taxonomy: Taxonomy) -> str:
    """The label, and what it is of: the attribute, or the category above."""
    of = row.get("attribute") or ("concept" in row and taxonomy.attribute_of(row["concept"])) or None
    if of is None and "concept" in row:
        of = next(iter(taxonomy.path(row["concept"])[-2:-1]), None)
    label = row["label"] if "concept" in row else row["surface"]
    return label if of is None or of not in taxonomy else f"{label} ({taxonomy[of].label()})"


def _percent(share: Any) -> str:
    return f"{100 * share['count'] / share['of']:.1f}%" if share["of"] else ""


def _q(value: float) -> str:
    return "<.001" if value < 0.001 else f"{value:.3f}".lstrip("0")


def _span(burst: Any) -> str:
    return burst["start"] if burst["start"] == burst["end"] else f"{burst['start']} to {burst['end']}"


def _months(season: Any) -> str:
    names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return ", ".join(f"{names[month - 1]} {season['index'][month - 1]:.1f}" for month in season["peaks"])


def _print_compared(rows: Any, taxonomy: Taxonomy, limit: int) -> None:
    from kgtag.evaluation.analytics.trends import FOUND

    certain = [row for row in rows if row["q"] <= FOUND]
    columns = ["tag", "items", "here", "items", "there", "points (95%)", "q"]
    for title, side in (("More here", 1), ("More there", -1)):
        cells = [
            (
                tag_name(row, taxonomy), row["count"], f"{100 * row['share']:.1f}%", row["other_count"],
                f"{100 * row['other_share']:.1f}%",
                f"{100 * row['difference']:+.1f} ({100 * row['low']:.1f} to {100 * row['high']:.1f})", _q(row["q"]),
            )
            for row in certain
            if row["difference"] * side > 0
        ]  # fmt: skip
        if cells:
            print_table(title, columns, cells[:limit])
    if not certain:
        log("no tag's share differs beyond chance; --json has the figures of every tag")
