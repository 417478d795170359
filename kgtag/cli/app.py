"""All commands under one name, but for `serve`, which is the service's own (api.cli)."""

from __future__ import annotations

import typer

from kgtag.cli import concept as editing
from kgtag.cli import demo, history, keys, proposals, status
from kgtag.cli import evaluate as evaluating
from kgtag.cli import map as mapping
from kgtag.cli import neo4j as local
from kgtag.cli import normalise as normalising
from kgtag.cli import propose as proposing
from kgtag.cli import select as selecting
from kgtag.cli import store as records
from kgtag.cli import tag as tagging
from kgtag.cli import train as training

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
app.command("demo")(demo.demo)
app.command("init")(records.init)
app.command("migrate")(records.migrate)
app.command("import")(records.import_file)
app.command("export")(records.export_file)
app.command("diff")(history.diff)
app.command("versions")(history.versions)
app.command("show")(history.show)
app.command("undo")(history.undo)
app.command("release")(history.release)
app.command("audit")(records.audit)
app.command("status")(status.status)
app.command("map")(mapping.map_command)
app.command("link")(tagging.link)
app.command("tag")(tagging.tag)
app.command("propose")(proposing.propose)
app.command("select")(selecting.select)
app.command("normalise")(normalising.normalise)
app.add_typer(local.app, name="neo4j", help="A real Neo4j on this machine, without Docker (needs Java and Maven).")
training.app.command("normaliser")(normalising.train)
app.add_typer(training.app, name="train", help="Train encoders, extractors, linkers, embeddings (needs kgtag[train]).")
app.add_typer(evaluating.app, name="evaluate", help="Measure a trained model on gold data.")
app.add_typer(editing.app, name="concept", help="Show and edit a concept.")
proposals.app.command("gold")(proposing.gold)
app.add_typer(proposals.app, name="proposals", help="Proposed edits: list, discuss, accept, reject.")
app.add_typer(keys.app, name="keys", help="API keys: create, list, revoke.")
