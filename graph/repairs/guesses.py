"""Guesses of what an editor meant; equal stores give equal guesses."""

import difflib
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from graph.labels import normalise, slug
from graph.model import LANGUAGE_TAG, Concept, Relation, back_edges
from graph.neo4j.read import LOST

W = TypeVar("W", bound=str)


def free_id(concept: Concept, taken: set[str]) -> str:
    """The id without unprintable characters, else scheme and label; numbered when taken."""
    lost = concept.id.startswith(LOST)
    trimmed = "" if lost else "".join(character for character in concept.id if character.isprintable()).strip()
    name = slug(normalise(concept.label())) if concept.pref_label else slug(concept.kind)
    wanted = trimmed if trimmed and len(trimmed) <= 300 else f"{slug(normalise(concept.scheme)) or 'new'}:{name}"
    number, id = 2, wanted
    while id in taken:
        id, number = f"{wanted}-{number}", number + 1
    return id


def labelled(concept: Concept) -> Concept:
    """The concept with a preferred label: its first label of another kind, else made from its id."""
    others = [(text.strip(), tag) for text, tag, _ in concept.labels() if text.strip()]
    from_id = re.sub(r"[\W_]+", " ", re.split(r"[:/#]", concept.id)[-1]).strip()
    lost = concept.id.startswith(LOST) or not from_id
    text, tag = others[0] if others else (f"Unnamed {concept.kind}" if lost else from_id, "und")
    return replace(concept, pref_label={tag: text})


def without_empty(lists: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    full = {tag: tuple(text for text in texts if text.strip()) for tag, texts in lists.items()}
    return {tag: texts for tag, texts in full.items() if texts}


def hyphened(tag: str) -> str:
    """The language tag as BCP 47 writes it: `zh-CN` for `zh_CN`."""
    return tag.strip().replace("_", "-")


def with_languages(concept: Concept) -> Concept:
    """The concept with valid language tags: with hyphens (`zh_CN`), else "und"; surplus preferred labels are others."""
    pref: dict[str, str] = {}
    alt: dict[str, tuple[str, ...]] = {}
    hidden: dict[str, tuple[str, ...]] = {}
    for text, tag, kind in sorted(concept.labels(), key=lambda label: not LANGUAGE_TAG.fullmatch(label[1])):
        language = hyphened(tag) if LANGUAGE_TAG.fullmatch(hyphened(tag)) else "und"
        if kind == "pref" and language not in pref:
            pref[language] = text
        else:
            lists = hidden if kind == "hidden" else alt
            lists[language] = tuple(dict.fromkeys((*lists.get(language, ()), text)))
    return replace(concept, pref_label=pref, alt_label=alt, hidden_label=hidden)


def nearest(value: str, words: tuple[W, ...], *, default: W) -> W:
    """The word closest to the value, else the default."""
    close = difflib.get_close_matches(value.strip().lower(), words, n=1, cutoff=0.6)
    return next((word for word in words if close and word == close[0]), default)


def closing_edges(edges: list[Relation]) -> list[Relation]:
    """The back edges of a walk up the cycle, along primary edges first; without them there is no cycle.

    The walk starts where no primary edge arrives, so that edges older than the one that closed the cycle are kept.
    """
    up: dict[str, list[Relation]] = defaultdict(list)
    for edge in sorted(edges, key=lambda edge: (not edge.primary, edge.target)):
        up[edge.source].append(edge)
    arrived = {edge.target for edge in edges if edge.primary}
    return sorted(back_edges(up, sorted(up, key=lambda id: (id in arrived, id))))
