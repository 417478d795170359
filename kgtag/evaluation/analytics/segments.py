"""Segments: boolean queries over tags, such as `waterproof AND (boots OR sandals) NOT kids`, saved with a store.

    query  := term (OR term)*
    term   := factor ((AND | NOT)? factor)*        NOT joins with AND
    factor := NOT factor | "(" query ")" | label or id, with quotes where it has an operator in it

Labels are of any language; words that follow each other are one label. A concept includes the narrower ones, an
attribute is any of its values. Operators in capitals, or & | !, or 且 或 非.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from graph.errors import ConflictError, InputError, LostRace
from graph.model.changes import now
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy
from kgtag.rows.analytics import SegmentRow

_STATE = "segment"
_TOKEN = re.compile(
    r"""\s*(?:(?P<open>[(（])|(?P<close>[)）])|"(?P<quoted>[^"]*)"|“(?P<curly>[^”]*)”|(?P<word>[^\s()（）"“”]+))"""
)
_OPERATORS = {
    one: kind for kind, every in (("and", "AND & 且"), ("or", "OR | 或"), ("not", "NOT ! 非")) for one in every.split()
}
_LONGEST = 2_000
_DEEPEST = 50
_NAME = re.compile(r"[^\s/](?:[^/\r\n\t]{0,98}[^\s/])?")

Tree = Sequence[Any]
"""`["tag", id]`, `["and", …]`, `["or", …]` or `["not", tree]`."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def parse_segment(query: str, taxonomy: Taxonomy) -> Tree:
    """The tree of a query, with concept ids in place of labels, so that it survives other labels.

    Raises:
        InputError: With the place in the query, and what may be meant.

    Example:
        >>> parse_segment("(boots OR sandals) NOT red", taxonomy)
        ['and', ['or', ['tag', 'boots'], ['tag', 'sandals']], ['not', ['tag', 'red']]]
    """
    if len(query) > _LONGEST:
        raise InputError(f"the query has {len(query):,} characters; {_LONGEST:,} is the most")
    return _Parser(query, taxonomy).parse()


class _Parser:
    def __init__(self, query: str, taxonomy: Taxonomy) -> None:
        self._query, self._taxonomy = query, taxonomy
        self._tokens = list(_tokens(query))
        self._at = self._depth = 0

    def parse(self) -> Tree:
        if not self._tokens:
            raise InputError("the query is empty; name a tag, such as: boots NOT red")
        tree = self._either()
        if (left := self._peek()) is not None:
            raise self._error("nothing opens this bracket", left)
        if not _bounded(tree):
            raise self._error("NOT needs tags to take from, such as: shoes NOT red", self._tokens[0])
        return tree

    def _either(self) -> Tree:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else ["or", *parts]

    def _all(self) -> Tree:
        parts = [self._one()]
        while (token := self._peek()) is not None and token.kind not in ("or", "close"):
            self._take("and")
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else ["and", *parts]

    def _one(self) -> Tree:
        token = self._next()
        if token.kind in ("not", "open"):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise self._error(f"more than {_DEEPEST} levels", token)
            tree = ["not", self._one()] if token.kind == "not" else self._either()
            if token.kind == "open" and not self._take("close"):
                raise self._error("this bracket is not closed", token)
            self._depth -= 1
            return tree
        if token.kind not in ("word", "quoted"):
            raise self._error("a tag was expected here", token)
        last = token
        while token.kind == "word" and (after := self._peek()) is not None and after.kind == "word":
            last = self._next()
        text = token.text if token.kind == "quoted" else self._query[token.start : last.end]
        return ["tag", self._concept(text, token)]

    def _concept(self, text: str, token: _Token) -> str:
        """The concept of an id, or of a label that only one has; of several in one line, the broadest."""
        taxonomy = self._taxonomy
        if text in taxonomy:
            return taxonomy.resolve(text)
        found = taxonomy.lookup(text)
        active = [id for id in found if taxonomy[id].status != "deprecated"] or found
        top = [id for id in active if not any(taxonomy.is_ancestor(one, id) for one in active)]
        named = [id for id in top if text.casefold() in map(str.casefold, taxonomy[id].pref_label.values())]
        top = named if len(named) == 1 else top  # "black" is the colour, not black tea
        if len(top) == 1:
            return taxonomy.resolve(top[0])
        if not top:
            near = taxonomy.near(text)
            words = text.split()
            words = [word for word in words if word not in ("and", "or", "not")]
            apart = len(words) > 1 and all(taxonomy.lookup(word) for word in words)
            hint = (
                f"; for items with all of these write {' AND '.join(words)}"
                if apart
                else f"; did you mean {', '.join(near)}?"
            )
            raise self._error(f"no tag {text!r}" + (hint if apart or near else ""), token)
        several = ", ".join(f"{_described(taxonomy, id)} ({id})" for id in sorted(top)[:5])
        raise self._error(f"{text!r} is the label of several tags; write the id of one: {several}", token)

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> _Token:
        token = self._peek()
        if token is None:
            end = len(self._query)
            raise self._error("a tag was expected at the end", _Token("end", "", end, end))
        self._at += 1
        return token

    def _take(self, kind: str) -> bool:
        token = self._peek()
        if token is None or token.kind != kind:
            return False
        self._at += 1
        return True

    def _error(self, message: str, token: _Token) -> InputError:
        return InputError(f"{message}, at character {token.start + 1}: {_marked(self._query, token.start)}")


def _tokens(query: str) -> Iterator[_Token]:
    at = 0
    while query[at:].strip():
        found = _TOKEN.match(query, at)
        if found is None:
            at += len(query[at:]) - len(query[at:].lstrip())
            raise InputError(f"a quotation mark is not closed, at character {at + 1}: {_marked(query, at)}")
        kind = str(found.lastgroup)
        text, start = found[kind], found.start(kind)
        if kind == "word" and text in _OPERATORS:
            kind = _OPERATORS[text]
        elif kind == "word" and text[0] == "!":
            yield _Token("not", "!", start, start + 1)
            text, start = text[1:], start + 1
        kind = "quoted" if kind == "curly" else kind
        yield _Token(kind, text, start, found.end(str(found.lastgroup)))
        at = found.end()


def _marked(query: str, at: int) -> str:
    """What stands around a place, and an arrow before it."""
    before = query[max(0, at - 30) : at]
    return f"{'…' if at > 30 else ''}{before}→{query[at : at + 30]}"


def _described(taxonomy: Taxonomy, id: str) -> str:
    attribute = taxonomy.attribute_of(id)
    above = [attribute] if attribute is not None else taxonomy.path(id)[-2:-1]
    return " > ".join(taxonomy[one].label() for one in (*above, id))


def _bounded(tree: Tree) -> bool:
    """Whether the items of a tree are among those of some tag."""
    if tree[0] in ("tag", "not"):
        return bool(tree[0] == "tag")
    return (any if tree[0] == "and" else all)(map(_bounded, tree[1:]))


def describe(tree: Tree, taxonomy: Taxonomy, lang: str | None = None) -> str:
    """The tree as a query, with labels; a concept that is gone, or whose label others have, has its id."""
    if tree[0] == "tag":
        label = taxonomy[tree[1]].label(lang) if tree[1] in taxonomy else tree[1]
        label = label if taxonomy.lookup(label) == [tree[1]] else tree[1]
        plain = not any(word in _OPERATORS for word in label.split()) and not re.search(r"""[()（）"“”!]""", label)
        return label if plain else f'"{label}"'
    if tree[0] == "not":
        inner = describe(tree[1], taxonomy, lang)
        return f"NOT ({inner})" if tree[1][0] in ("and", "or") else f"NOT {inner}"
    parts = [
        f"({describe(one, taxonomy, lang)})" if one[0] == "or" else describe(one, taxonomy, lang) for one in tree[1:]
    ]
    if tree[0] == "or":
        return " OR ".join(parts)
    return parts[0] + "".join(f" {part}" if part.startswith("NOT ") else f" AND {part}" for part in parts[1:])


def matching(tree: Tree, taxonomy: Taxonomy, store: TaxonomyStore) -> list[str]:
    """Ids of the stored items that match, in order."""
    return sorted(_items(tree, lambda id: _tagged(id, taxonomy, store)))


def _items(tree: Tree, tagged: Callable[[str], set[str]]) -> set[str]:
    if tree[0] == "tag":
        return tagged(tree[1])
    if tree[0] == "or":
        return set().union(*(_items(one, tagged) for one in tree[1:]))
    wanted = [one for one in tree[1:] if _bounded(one)]
    found = set.intersection(*(_items(one, tagged) for one in wanted))
    for one in tree[1:]:
        if found and not _bounded(one):
            found = _without(found, one, tagged)
    return found


def _without(found: set[str], tree: Tree, tagged: Callable[[str], set[str]]) -> set[str]:
    """Those of the items found that match a tree which is of no tag, such as `NOT red OR NOT boots`."""
    if tree[0] == "tag":
        return found & tagged(tree[1])
    if tree[0] == "not":
        return found - _without(found, tree[1], tagged)
    parts = [_without(found, one, tagged) for one in tree[1:]]
    return set.union(*parts) if tree[0] == "or" else set.intersection(*parts)


def _tagged(id: str, taxonomy: Taxonomy, store: TaxonomyStore) -> set[str]:
    """Items with a concept, or a narrower one; of an attribute, with any value; none for a concept that is gone."""
    if id not in taxonomy:
        return set()
    one = taxonomy.resolve(id)
    below = [one, *taxonomy.descendants(one)]
    if taxonomy[one].kind == "attribute":
        below = [value for each in below for value in taxonomy.values_of(each)]
    return {item for each in below for item in store.items_of(each)}


def save_segment(
    store: TaxonomyStore, taxonomy: Taxonomy, name: str, query: str, *, author: str, replace: bool = False
) -> SegmentRow:
    """Save a query under a name. Raises InputError for a name or query that is not one, ConflictError for a name that
    is taken, unless it is to be replaced."""
    if not _NAME.fullmatch(name) or not name.isprintable():
        raise InputError(f"{name!r} is not a name: up to 100 characters, without a slash or blanks around it")
    tree = parse_segment(query, taxonomy)
    kept = {"query": query, "tree": tree, "author": author, "at": now()}
    before = store.states(_STATE).get(name)
    if before is not None and not replace:
        raise ConflictError(f"there is a segment {name!r} already; delete it first, or replace it")
    if not store.put_state(_STATE, name, orjson.dumps(kept).decode(), expect=before):
        raise LostRace(f"segment {name!r} has changed; try again")
    return _row(name, kept, taxonomy)


def segments(store: TaxonomyStore, taxonomy: Taxonomy, lang: str | None = None) -> list[SegmentRow]:
    """All that are saved, by name."""
    return [_row(name, orjson.loads(kept), taxonomy, lang) for name, kept in store.states(_STATE).items()]


def segment(store: TaxonomyStore, taxonomy: Taxonomy, name: str, lang: str | None = None) -> SegmentRow | None:
    """The one of a name, None without it."""
    kept = store.states(_STATE).get(name)
    return None if kept is None else _row(name, orjson.loads(kept), taxonomy, lang)


def delete_segment(store: TaxonomyStore, name: str) -> bool:
    """Whether there was one of the name."""
    before = store.states(_STATE).get(name)
    return before is not None and store.put_state(_STATE, name, None, expect=before)


def _row(name: str, kept: dict[str, Any], taxonomy: Taxonomy, lang: str | None = None) -> SegmentRow:
    return {
        "name": name,
        "query": kept["query"],
        "reads": describe(kept["tree"], taxonomy, lang),
        "tree": kept["tree"],
        "author": kept["author"],
        "at": kept["at"],
    }
