"""All commands under one name, but for `serve`, which is the service's own (api.cli)."""

from typing import Annotated

import typer

from kgtag.cli import (
    analytics,
    annotations,
    ask,
    audit,
    challenger,
    concept,
    dedupe,
    demo,
    describe,
    discover,
    evaluate,
    evaluate_ranking,
    evaluate_sample,
    feedback,
    history,
    improve,
    items,
    mcp,
    neo4j,
    place,
    profiles,
    proposals,
    restructure,
    retag,
    search,
    segments,
    store,
    tag,
    train,
    translate,
)

app = typer.Typer(
    name="kgtag",
    help="Knowledge-graph-backed product tagging: product text in, consistent tags linked to a taxonomy out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `kgtag demo`: the whole pipeline on sample data, no server, no key.",
)


def _print_version(asked: bool) -> None:
    if asked:
        from kgtag import __version__

        typer.echo(f"kgtag {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None: ...


app.command("demo")(demo.demo)
app.command("init")(store.init)
app.command("migrate")(store.migrate)
app.command("import")(store.import_file)
app.command("export")(store.export_file)
app.command("diff")(history.diff)
app.command("versions")(history.versions)
app.command("show")(history.show)
app.command("undo")(history.undo)
app.command("release")(history.release)
app.command("audit")(audit.audit)
app.command("status")(store.status)
app.command("map")(discover.map_command)
app.command("translate")(translate.translate)
app.command("link")(tag.link)
app.command("tag")(tag.tag)
app.command("retag")(retag.retag)
app.command("place")(place.place)
app.command("dedupe")(dedupe.dedupe)
app.command("restructure")(restructure.restructure)
app.command("trends")(analytics.trends)
app.command("quality")(analytics.quality)
app.command("coverage")(analytics.coverage)
app.command("search")(search.search)
app.command("ask")(ask.ask)
app.command("describe")(describe.describe)
app.command("propose")(discover.propose)
app.command("mcp")(mcp.mcp)
app.command("select")(discover.select)
app.command("improve")(improve.improve)
app.command("split")(annotations.split)
app.command("normalise")(tag.normalise)
app.add_typer(neo4j.app, name="neo4j", help="A real Neo4j on this machine, without Docker (needs Java and Maven).")
train.app.command("normaliser")(tag.train_normaliser)
app.add_typer(train.app, name="train", help="Train encoders, extractors, linkers, embeddings (needs kgtag[train]).")
evaluate.app.command("related")(evaluate_ranking.related)
evaluate.app.command("recommender")(evaluate_ranking.recommender)
evaluate.app.command("sample")(evaluate_sample.sample)
evaluate.app.command("precision")(evaluate_sample.precision)
app.add_typer(evaluate.app, name="evaluate", help="Measure a trained model on gold data.")
app.add_typer(concept.app, name="concept", help="Show and edit a concept.")
proposals.app.command("gold")(discover.gold)
app.add_typer(proposals.app, name="proposals", help="Proposed edits: list, discuss, accept, reject.")
app.add_typer(feedback.app, name="feedback", help="What people think of tags: add, list, sum up, export.")
app.add_typer(annotations.app, name="annotations", help="Gold for annotation tools, and back: export, import.")
app.add_typer(segments.app, name="segments", help="Saved queries over tags: save, list, count, export, delete.")
app.add_typer(challenger.app, name="challenger", help="A second model beside the served one: compare, promote.")
app.add_typer(items.app, name="items", help="Stored items: export, erase, purge, find personal data.")
app.add_typer(profiles.app, name="profiles", help="What is kept of visitors: show, erase, prune.")
app.add_typer(store.keys, name="keys", help="API keys: create, list, rotate, revoke.")
