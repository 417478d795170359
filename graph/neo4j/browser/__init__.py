"""A style sheet, saved queries and a guide for editing in Neo4j Browser.

Browser loads a `.grass` file and a `.zip` of queries that are dropped on its page; it fetches the guide from a URL,
whose host must be allowed (`localhost` is by default).
"""

import io
import re
import zipfile
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from graph.errors import InputError

STYLE = "kgtag.grass"
ARCHIVE = "kgtag-queries.zip"
GUIDE = "guide.html"


@dataclass(frozen=True, slots=True)
class Query:
    """A saved query; `comment` describes it and sets its parameters if it has any."""

    folder: str
    title: str
    comment: str
    statement: str

    @property
    def text(self) -> str:
        """The query as Browser stores it, whose list shows the first comment."""
        return f"// {self.title}\n// {self.comment}\n{self.statement}\n"

    @property
    def parameters(self) -> str | None:
        """The command that sets example parameters, None for a query without."""
        found = re.search(r":params? .+$", self.comment)
        return found[0] if found else None


@cache
def queries() -> tuple[Query, ...]:
    """All queries in the order of `queries.cypher`, where `////` begins a folder and a title a query."""
    found = []
    for part in re.split(r"^//// ", _text("queries.cypher"), flags=re.MULTILINE)[1:]:
        folder, _, rest = part.partition("\n")
        for block in rest.strip().split(";\n"):
            title, comment, statement = block.strip().split("\n", 2)
            closed = statement.strip().removesuffix(";") + ";"
            found.append(Query(folder, title.removeprefix("// "), comment.removeprefix("// "), closed))
    return tuple(found)


def style() -> str:
    """The GraSS style sheet: colours, sizes and captions."""
    return _text(STYLE)


@cache
def archive() -> bytes:
    """The queries as a zip for Browser, in files whose names keep the order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for number, query in enumerate(queries(), 1):
            name = re.sub(r"\W+", "_", query.title)
            info = zipfile.ZipInfo(f"kgtag {query.folder}/{number:02} {name}.cypher", (2026, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, query.text)
    return out.getvalue()


@cache
def guide() -> str:
    """Slides with instructions and queries; a click on one puts it into Browser's editor."""
    slides = "".join(
        f'<slide class="row-fluid"><div class="col-sm-12"><h3>{escape(folder[2:])}</h3>{"".join(map(_shown, found))}'
        "</div></slide>"
        for folder, found in groupby(queries(), key=attrgetter("folder"))
    )
    return _text("guide.html").replace("<!-- queries -->", slides)


def write(folder: Path) -> list[Path]:
    """Write all files into the folder. Raises InputError when they can't be written."""
    content = {STYLE: style().encode(), ARCHIVE: archive(), GUIDE: guide().encode()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in content.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise InputError(f"can't write to {str(folder)!r}: {error.strerror}") from error
    return [folder / name for name in content]


def _shown(query: Query) -> str:
    sets = f"<pre class='code runnable'>{escape(query.parameters)}</pre>" if query.parameters else ""
    comment = query.comment.removesuffix(query.parameters or "").strip()
    return (
        f"<h4>{escape(query.title)}</h4>{f'<p>{escape(comment)}</p>' if comment else ''}{sets}"
        f"<pre class='code runnable'>{escape(query.statement)}</pre>"
    )


def _text(name: str) -> str:
    return (resources.files("graph.neo4j.browser") / name).read_text(encoding="utf-8")
