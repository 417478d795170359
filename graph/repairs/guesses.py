"""What an editor may have meant: guesses that a mend proposes, the same for the same record."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from graph.labels import normalise, slug
from graph.model import LANGUAGE_TAG, Concept, Relation
from graph.neo4j.read import LOST

W = TypeVar("W", bound=str)


def free_id(concept: Concept, taken: set[str]) -> str:
    """The id without what is wrong with it, else scheme and label; with a number when somebody has it."""
    lost = concept.id.startswith(LOST)
    trimmed = "" if lost else "".join(character for character in concept.id if character.isprintable()).strip()
    labelled = slug(normalise(concept.label())) if concept.pref_label else slug(concept.kind)
    wanted = trimmed if trimmed and len(trimmed) <= 300 else f"{slug(normalise(concept.scheme)) or 'new'}:{labelled}"
    number, id = 2, wanted
    while id in taken:
        id, number = f"{wanted}-{number}", number + 1
    return id


def labelled(concept: Concept) -> Concept:
    """With a preferred label: the first label of another sort, else what its id says."""
    others = [(text.strip(), tag) for text, tag, _ in concept.labels() if text.strip()]
    spoken = re.sub(r"[\W_]+", " ", re.split(r"[:/#]", concept.id)[-1]).strip()
    lost = concept.id.startswith(LOST) or not spoken
    text, tag = others[0] if others else (f"Unnamed {concept.kind}" if lost else spoken, "und")
    return replace(concept, pref_label={tag: text})


def without_empty(lists: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    full = {tag: tuple(text for text in texts if text.strip()) for tag, texts in lists.items()}
    return {tag: texts for tag, texts in full.items() if texts}


def language_of(tag: str) -> str:
    """The tag itself when it is one, else what it nearly says (`zh_CN`), else "und"."""
    spelt = tag.strip().replace("_", "-")
    return spelt if LANGUAGE_TAG.fullmatch(spelt) else "und"


def nearest(value: str, words: tuple[W, ...], *, default: W) -> W:
    """The word that was meant by the value, else the default."""
    close = difflib.get_close_matches(value.strip().lower(), words, n=1, cutoff=0.6)
    return next((word for word in words if close and word == close[0]), default)


def closing(edges: list[Relation]) -> list[Relation]:
    """Edges without which there is no circle: those that a walk up, along primary edges first, comes back by.

    The walk starts where no primary edge arrives, so that what was there before a hand closed the circle is kept.
    """
    up: dict[str, list[Relation]] = defaultdict(list)
    for edge in sorted(edges, key=lambda edge: (not edge.primary, edge.target)):
        up[edge.source].append(edge)
    arrived = {edge.target for edge in edges if edge.primary}
    back: list[Relation] = []
    done: set[str] = set()
    for start in sorted(up, key=lambda id: (id in arrived, id)):
        if start in done:
            continue
        open_, work = {start}, [(start, iter(up[start]))]
        while work:
            node, rest = work[-1]
            for edge in rest:
                if edge.target in open_:
                    back.append(edge)
                elif edge.target not in done:
                    open_.add(edge.target)
                    work.append((edge.target, iter(up[edge.target])))
                    break
            else:
                work.pop()
                open_.discard(node)
                done.add(node)
    return sorted(back)
