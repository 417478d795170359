"""Draw the architecture page's pictures, docs/images/*.svg: `python docs/diagrams.py`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
WIDTH, ROW, LEFT = 860, 62, 300
FILLS = {"api": "#e8e2f6", "kgtag": "#d8efe9", "graph": "#e3ecf8", "outside": "#f3efe6", "train": "#fbe6dc"}
Step = tuple[str, str, str]
"""Package, module, what it passes on."""

FLOORS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("api", "api/: HTTP, thin", ("routes · schemas · auth · errors · metrics · service",)),
    (
        "kgtag",
        "kgtag/: the tagger, its command line, and the service's live snapshot",
        (
            "tag · extract · link · enforce · embed · recommend · search · discover · align · normalise · evaluation",
            "data · serve · cli · train (the only place of torch, PyKEEN and scikit-learn)",
        ),
    ),
    (
        "graph",
        "graph/: the taxonomy, without machine learning",
        (
            "model · columns · taxonomy · history · editing · proposals · audit · repairs · formats",
            "store (the port) · stores (the one place that names an adapter) · sqlite · neo4j",
        ),
    ),
    ("outside", "a SQLite file, or a Neo4j server", ()),
)
TAG: tuple[Step, ...] = (
    ("outside", "POST /v1/tag", "a product as JSON"),
    ("api", "api/routes/tag.py", "a checked request becomes a Product"),
    ("kgtag", "kgtag/serve/live.py", "the snapshot of this moment, and its Tagger"),
    ("kgtag", "kgtag/tag/tagger.py", "clean text, with the category as a concept id"),
    ("kgtag", "kgtag/extract/", "mentions (span, attribute, score), categories, implied values"),
    ("kgtag", "kgtag/link/", "candidates for each mention, best first, or NIL"),
    ("kgtag", "kgtag/enforce/", "the heaviest set without contradictions, closed under broader"),
    ("kgtag", "kgtag/types.py: Tagging", "tags, dropped, nil, model, revision"),
    ("api", "api/", "one row of JSON"),
)
EDIT: tuple[Step, ...] = (
    ("outside", "Neo4j Browser", "somebody commits a Cypher statement"),
    ("graph", "graph/neo4j/read.py", "the token has changed: read everything, in a fixed order"),
    ("graph", "graph/columns/", "rows as columns; broken ones are quarantined and named"),
    ("graph", "graph/taxonomy.py", "a Taxonomy: immutable, with its revision"),
    ("graph", "graph/history/versions.py", "the difference to the newest entry, recorded as external edit"),
    ("kgtag", "kgtag/serve/assemble.py", "linker, recommender, completions for the new snapshot"),
    ("kgtag", "kgtag/serve/live.py", "swapped in: the next request sees it"),
)
TRIPLE: tuple[Step, ...] = (
    ("graph", "graph/taxonomy.py", "concepts, relations, tagged items"),
    ("kgtag", "kgtag/embed/triples.py", "(head, relation, tail), with inverse and type relations"),
    ("train", "kgtag/train/embeddings/", "PyKEEN fits entity and relation vectors"),
    ("train", "kgtag/train/embeddings/", "scores of held-out triples and of corruptions fit a calibration"),
    ("kgtag", "kgtag/embed/export.py", "arrays and the scoring formula, no torch"),
    ("kgtag", "kgtag/embed/scorer.py", "score, then a calibrated probability"),
    ("kgtag", "kgtag/enforce/, graph/audit/", "weighs a value on its category; questions an edge"),
)


def walk(steps: Sequence[Step]) -> str:
    """Boxes from top to bottom, each with what it passes on beside it."""
    parts = []
    for number, (package, module, passes) in enumerate(steps):
        top = 14 + number * ROW
        if number:
            x = 20 + LEFT / 2
            parts.append(f'<path d="M{x} {top - ROW + 40} V{top - 3}" stroke="#555" marker-end="url(#arrow)"/>')
        parts.append(_box(20, top, LEFT, 40, package, module))
        parts.append(f'<text x="{LEFT + 40}" y="{top + 25}">{escape(passes)}</text>')
    return _svg("".join(parts), len(steps) * ROW + 6)


def house() -> str:
    """The three packages and their rooms, with the one arrow between them."""
    parts, top = [], 14
    for package, title, rooms in FLOORS:
        height = 40 + 24 * len(rooms)
        if top > 14:
            parts.append(f'<path d="M{WIDTH / 2} {top - 26} V{top - 3}" stroke="#555" marker-end="url(#arrow)"/>')
        parts.append(_box(20, top, WIDTH - 40, height, package, ""))
        parts.append(f'<text x="40" y="{top + 25}" font-weight="600">{escape(title)}</text>')
        for line, text in enumerate(rooms, start=1):
            parts.append(f'<text x="40" y="{top + 25 + 24 * line}" font-size="13.5">{escape(text)}</text>')
        top += height + 28
    return _svg("".join(parts), top - 14)


def _box(x: int, y: int, width: int, height: int, package: str, text: str) -> str:
    shape = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{FILLS[package]}" stroke="#8a8a8a"/>'
    return shape + (f'<text x="{x + 14}" y="{y + 25}" font-weight="600">{escape(text)}</text>' if text else "")


def _svg(body: str, height: int) -> str:
    head = '<path d="M0 0 L8 4 L0 8 Z" fill="#555"/>'
    arrow = f'<marker id="arrow" markerWidth="9" markerHeight="9" refX="7" refY="4" orient="auto">{head}</marker>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" '
        f'font-size="14.5" fill="#222"><defs>{arrow}</defs><rect width="100%" height="100%" fill="#fff"/>{body}</svg>\n'
    )


def main() -> None:
    pictures = {"house": house(), "walk-tag": walk(TAG), "walk-edit": walk(EDIT), "walk-triple": walk(TRIPLE)}
    for name, picture in pictures.items():
        (IMAGES / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
