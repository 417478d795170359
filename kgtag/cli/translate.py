"""The command that proposes labels in another language."""

from __future__ import annotations

from typing import Annotated

import typer

from graph.errors import InputError
from kgtag.cli.console import log, print_json, print_table
from kgtag.cli.options import Json, Store, login, open_store

_SHOWN = 50


def translate(
    lang: Annotated[str, typer.Argument(help="The language to translate into, such as de.")],
    store: Store = None,
    scheme: Annotated[str | None, typer.Option(help="Only concepts of this scheme.")] = None,
    propose: Annotated[bool, typer.Option("--propose", help="Put each into the queue of proposals.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write them all, as one version.")] = False,
    author: Annotated[str | None, typer.Option(help="The proposer or editor; the login name by default.")] = None,
    json: Json = False,
) -> None:
    """Propose labels in a language, from what concepts are mapped to.

    A concept without a label in the language gets that of its exact match in another scheme; of several, the commonest.
    Names that a sibling has already are shown, and not written. Nothing is written without `--propose` or `--write`.

    Examples: `kgtag translate de --scheme shop`; `kgtag translate de --scheme shop --propose`
    """
    from graph import stores
    from graph.editing.concepts import Signature, rename
    from graph.editing.edit import apply
    from graph.model import ChangeSet
    from graph.proposals.workflow import Person
    from kgtag.align.translations import find_translations
    from kgtag.discover.propose import propose_translations

    if propose and write:
        raise InputError("--propose leaves the decision to an editor, --write takes it; give one of them")
    opened = open_store(store)
    taxonomy = stores.load_taxonomy(opened)
    found = find_translations(taxonomy, lang, scheme=scheme)
    free = [one for one in found if one.taken is None]
    if write and free:
        by = Signature(login(author), f"labels in {lang} from mappings")
        changes = [change for one in free for change in rename(taxonomy, one.concept, {lang: one.label}, by).changes]
        taxonomy = apply(opened, ChangeSet(tuple(changes), by.author, by.reason), expect_version=taxonomy.version)
        log(f"{len(free)} labels written; take them back with: kgtag undo {taxonomy.version}")
    if propose:
        report = propose_translations(opened, free, Person(login(author)))
        log(f"{len(report.made)} proposals made" + "".join(f"; {n} {why}" for why, n in report.skipped.items()))
    if json:
        print_json({"lang": lang, "translations": [one.to_json() for one in found], "revision": taxonomy.revision})
        return
    rows = [
        (one.concept, taxonomy[one.concept].label(), one.label, ", ".join(one.sources), one.taken or "")
        for one in found[:_SHOWN]
    ]
    print_table(f"Labels in {lang}", ["concept", "label", "translation", "from", "taken by"], rows)
    log(f"{len(found)} labels, {len(found) - len(free)} of them taken by a sibling; all of them with --json")
