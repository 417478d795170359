"""Plain words: find the house's private words in code and docs, and name the field's words for them.

    python .ci/words.py [--count] [FILE …]

Prints `file:line: word -> use` and exits with 1 when there is any. Identifiers are checked in Python files; comments
and strings there, and Markdown, are checked as prose. Without files: graph, kgtag, api, docs, and the Markdown at the
top level.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = ("graph", "kgtag", "api", "docs", "README.md", "CONTRIBUTING.md", "SECURITY.md")


@dataclass(frozen=True, slots=True)
class Word:
    """A pattern in prose, one in identifiers (matched against `snake_case` parts), and the word to use."""

    use: str
    prose: str | None = None
    name: str | None = None
    place: str = ""
    """Only under this path."""


WORDS = (
    Word("repair, fix", r"\bmend(s|ed|ing|er)?\b", r"mend(s|ed|ing|er)?"),
    Word("the store, the database", r"\bthe record\b(?!s)"),
    Word(
        "external edits",
        r"\b(other|whatever) hands\b|\bhands included\b|\bhand edits?\b|\b(edit(s|ed)?|changed?|changes) by hand\b",
        r"by_hand|other_hands|hands",
    ),
    Word("reconcile", r"\bsettl(e|es|ed|ing)\b", r"settle[sd]?|settling"),
    Word("evaluate, check; validator", r"\bjudg(e|es|ed|ing|ement)\b|\bconvict(s|ed)?\b", r"judg(e|es|ed|ing)"),
    Word("unseen values", r"\bnewcomers?\b", r"newcomers?"),
    Word("dictionary baseline; NIL, emerging concepts", r"\bday[ -]zero\b", r"day_?zero"),
    Word("the pipeline", r"\bwhole line\b|\bthe same line\b|\bplace in the line\b", r"whole_line"),
    Word(
        "not a …, unsupported …",
        r"(?<!here )(?<!it )\b(is|are|was|were) no (?!(longer|more|less|better|worse|wider|larger|need)\b)\w+",
    ),
    Word("is about, mentions, names", r"\b(speaks?|speaking|spoken|spoke) (of|for)\b|\bspoken\b", r"spoken|unspoken"),
    Word("given, predicted from", r"\b(is|are|be|been|being|was|were) told\b(?! apart)|\btold (from|by)\b", r"told"),
    Word("message, text, recorded", name=r"said|unsaid"),
    Word("action, edit", r"\bdeeds?\b", r"deeds?"),
    Word("compete: cross-attribute loss", r"\bv(ie|ies|ying)\b"),
    Word("unsatisfiable; pruning bound", r"\bhope(ful|less)\b", r"hope(ful|less)|may_hold"),
    Word("maximum gain, maximum cost", r"\bdearest\b|\bwelcome token"),
    Word("normalise", r"\bcanonicalis(e|es|ed|ing|ation|er)\b", r"canonicalis(e|es|ed|er|ation)"),
    Word("unavailable, connectivity", r"\bout of reach\b"),
    Word("tag a version (CalVer)", r"\bby the calendar\b"),
    Word("alignment of the embedding space", r"\bthe turn\b", r"turn(ed)?", "kgtag/"),
    Word("statistics excluding a fold", name=r"lessons?"),
    Word("state, auxiliary statistics", name=r"learnt"),
    Word("folded form, loose match key", r"\blight form\b", r"light_form"),
    Word("IVF index", r"\b(by|in|of|with) cells\b|\bcells (against|begin|differ|are made)\b"),
    Word("prior_score, competing candidates", r"\brivalry\b", r"merit|rivalry"),
    Word("r2", name=r"explained", place="kgtag/"),
    Word("concept_features, token_features", r"\b(concept|word)wise\b", r"(concept|word)wise"),
    Word("cache, keep, record", r"\bremember(s|ed|ing)?\b", r"remember(s|ed|ing)?"),
    Word("refresh_keys", name=r"look_(again|soon)"),
    Word("in parallel, parallel_map", r"\bside by side\b|\bbeside one another\b", r"side_by_side"),
    Word("Forbidden", r"\bnot yours to\b"),
    Word("Precondition Failed", r"\blost[- ]race\b"),
    Word("resume, continue", r"\b(go|goes|went|going) on\b"),
    Word("decision bias", r"\breadily\b"),
    Word("snapshot cache, SnapshotFile", r"\bkept file\b", r"KeptFile|kept_file"),
    Word("a noun before 'of'", r"\A\W*Of (a|an|one|the|each|every|all|this|those|its)\b"),
    Word("--cross-attribute-loss-weight", r"--compete\b"),
    Word("--attribute-dropout", r"--forget\b"),
    Word("--dev-metric", r"--judged\b"),
    Word("--gce-q", r"--noise\b"),
    Word("--unannotated-as", r"--missing(-weight)?\b"),
    Word("--fgm-epsilon", r"--adversarial\b"),
    Word("--learning-rate, --head-learning-rate", r"--(encoder|head)-rate\b"),
    Word("--warmup-ratio", r"--warm-up\b"),
    Word("--set batch_size", r"--batch\b"),
    Word("--gradient-accumulation-steps", r"--accumulation\b"),
    Word("--min-count", r"--least\b"),
    Word("--similarity", r"--alike\b"),
    Word("--fail-on-data-warnings", r"--strict-data\b"),
    Word("--save-thresholds", r"--keep-thresholds\b"),
)
_PROSE = [(re.compile(word.prose.replace(" ", r"\s")), word) for word in WORDS if word.prose]
_ANY = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in _PROSE))
_NAMES = [
    (re.compile(rf"(?:\A|(?<=_)|(?<=[a-z])(?=[A-Z]))(?i:{word.name})(?=\Z|_|(?<=[a-z])(?=[A-Z]))"), word)
    for word in WORDS
    if word.name
]
ALLOWED = (
    ("graph/neo4j/browser/", "by_hand"),
    ("kgtag/train/extractor/config.py", "judged"),
    ("docs/explanation/decisions/README.md", "day-zero"),
)
"""(path prefix, matched text) of literal uses: file names, and stored values that may not change."""


def hits(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line, matched text, words to use) in order of the lines."""
    text = path.read_text(encoding="utf-8")
    pieces = _python(text) if path.suffix == ".py" else ((n, line, True) for n, line in enumerate(text.splitlines(), 1))
    name = path.relative_to(ROOT).as_posix()
    for line, piece, is_prose in pieces:
        for start, found, word in _in_prose(piece) if is_prose else _in_name(piece):
            literal = any(name.startswith(prefix) and found == allowed for prefix, allowed in ALLOWED)
            if name.startswith(word.place) and not literal:
                yield line + start, found, word.use


def _python(text: str) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether it is prose) of every comment, string and identifier."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind in ("COMMENT", "STRING", "FSTRING_MIDDLE"):
            yield token.start[0], token.string, True
        elif kind == "NAME":
            yield token.start[0], token.string, False


def _in_prose(text: str) -> list[tuple[int, str, Word]]:
    """(lines before it, matched text, its entry)."""
    text = re.sub(r"\n[ \t]+", "\n", text)
    if not _ANY.search(text):
        return []
    found = ((match, word) for pattern, word in _PROSE for match in pattern.finditer(text))
    return [(text[: match.start()].count("\n"), " ".join(match[0].split()), word) for match, word in found]


@cache
def _in_name(name: str) -> list[tuple[int, str, Word]]:
    found = ((pattern.search(name), word) for pattern, word in _NAMES)
    return [(0, match[0], word) for match, word in found if match]


def _files(given: list[Path]) -> Iterator[Path]:
    """The files given that stand in a scanned place, else all of them."""
    for place in PLACES:
        start = ROOT / place
        found = [start] if start.is_file() else sorted(p for p in start.rglob("*") if p.suffix in (".py", ".md"))
        yield from (path for path in found if not given or path in given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--count", action="store_true", help="only how often each word stands there")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    for path in _files([file.resolve() for file in options.files]):
        for line, text, use in hits(path):
            counts[f"{text.lower():24} -> {use}"] += 1
            if not options.count:
                print(f"{path.relative_to(ROOT)}:{line}: {text} -> {use}")  # noqa: T201
    for word, count in counts.most_common() if options.count else ():
        print(f"{count:5} {word}")  # noqa: T201
    if counts:
        sys.exit(f"{counts.total()} words to replace; a literal use belongs into ALLOWED in .ci/words.py")


if __name__ == "__main__":
    main()
