"""The writer that `kill.py` kills. It prints "ready", then the number of each operation once its call has returned.

    python kill_writer.py edit URL SEED FIRST FOLDER     operations FIRST, FIRST + 1, … until it is killed
    python kill_writer.py tag URL IN OUT                 one tagging job, gone on with where OUT ends

Ends with 3 when the store can't be reached. Only what an operation needs is imported: starting is most of the time.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kill_stream as stream

from graph.editing import edit
from graph.errors import StoreUnavailable
from graph.store import TaxonomyStore

if TYPE_CHECKING:
    from graph.taxonomy import Taxonomy
    from kgtag.tag.tagger import Tagger
    from kgtag.types import Extraction, Product


def open_store(url: str) -> Any:
    """A MigratableStore, without all that `kgtag.bootstrap` brings along."""
    if url.startswith("sqlite:///"):
        from graph.sqlite.store import SqliteStore

        return SqliteStore.open(url.removeprefix("sqlite:///"))
    # The driver loads pandas where it is installed, for results that nobody here asks for: most of the start.
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
    from graph.neo4j.store import Neo4jStore

    return Neo4jStore.open(url)


def say(text: str) -> None:
    """One write: it is in the pipe whole or not at all, whatever happens to this process afterwards."""
    os.write(1, f"{text}\n".encode())


def perform(store: TaxonomyStore, work: stream.Operation, folder: Path) -> None:
    if work.kind == "items":
        store.put_items([stream.item(id, work.number) for id in work.items])
    elif work.kind == "import":
        from kgtag.data.importing import import_files

        import_files(store, "jsonl", [stream.write_import(work, folder)], author="kill")
    else:
        edit.apply(store, stream.change_set(work))


def write(url: str, seed: int, first: int, folder: Path) -> None:
    store = open_store(url)
    say("ready")
    for number in count(first):
        perform(store, stream.operation(seed, number), folder)
        say(str(number))


def tagger(taxonomy: Taxonomy) -> Tagger:
    """The real one, around an extractor that knows the labels of the roots by their look."""
    from kgtag.link import TaxonomyLinker
    from kgtag.tag.label_map import LabelMap
    from kgtag.tag.tagger import Tagger
    from kgtag.types import Extraction, Mention, Span

    class Roots:
        version = "roots-1"
        attributes = ()

        def extract(self, products: Sequence[Product]) -> list[Extraction]:
            return [self._one(product.title) for product in products]

        def _one(self, title: str) -> Extraction:
            found = [Mention(Span(*m.span()), m.group(), "root", 0.9) for m in re.finditer(r"Concept r\d", title)]
            return Extraction(tuple(found))

    binding = LabelMap.of(taxonomy, attributes=[], categories=[], recorded={})
    return Tagger(Roots(), TaxonomyLinker(taxonomy), taxonomy, label_map=binding)


def tag(url: str, source: Path, out: Path) -> None:
    from graph.taxonomy import Taxonomy
    from kgtag.tag.batch import TagJob

    store = open_store(url)
    job = TagJob(tagger(Taxonomy.of(store.read())), store=store)
    say("ready")
    job.run(source, out, resume=True)


if __name__ == "__main__":
    try:
        if sys.argv[1] == "edit":
            write(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
        else:
            tag(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    except StoreUnavailable as error:
        print(error, file=sys.stderr)
        sys.exit(3)
