"""Labels as words of a sentence: case, number, and what may stand before a noun."""

from __future__ import annotations

import re
from collections.abc import Sequence

from graph.labels import singular
from graph.model import Concept

_PAIRS = frozenset(
    re.split(
        r"\s+",
        "shoes boots booties sandals slippers sneakers trainers clogs loafers heels flats pumps mules slides "
        "socks stockings tights leggings jeans trousers pants shorts briefs boxers trunks underpants gloves "
        "mittens earrings cufflinks headphones earphones earbuds glasses sunglasses goggles binoculars scissors "
        "pliers tongs pyjamas pajamas overalls dungarees chopsticks nuts supplies accessories clothes groceries "
        "snacks toys games blocks puzzles bedclothes",
    )
)
"""Nouns that stay in the plural for one product: what comes in pairs, sets or by weight."""
_ADJECTIVE = re.compile(
    r".*(?:ed|ic|al|ist|less|able|ible|proof|resistant|free|light|weight|washable|slip|stick|safe|genic|y|warm)", re.I
)
_NOT_ADJECTIVES = re.compile(r".*(?: .*(?:only|protection)|berry|party|(?:^| )animal|medal)|everyday", re.I)
_PEOPLE = re.compile(
    r"men|women|kids|children|girls|boys|toddlers|babies|adults|teens|teenagers|infants|newborns", re.I
)


def noun_of(category: Concept, lang: str) -> str:
    """The category as the noun of a sentence: of one product, unless the thing comes in pairs; of a label with "&", the
    first other label without.

    Example:
        >>> noun_of(Concept("bags", "shop", "category", {"en": "Tote bags"}), "en")
        'tote bag'
    """
    labels = [category.label(lang), *category.alt_label.get(lang, ())]
    label = next((one for one in labels if not re.search(r"[&/,]| and ", one)), labels[0])
    if lang != "en":
        return label
    label, last = lowered(label), re.search(r"[A-Za-z']+$", label)
    if last is None or not last[0].endswith("s") or last[0].lower() in _PAIRS or re.search(r"[&/,]", label):
        return label
    return label[: last.start()] + singular(label[last.start() :])


def lowered(label: str) -> str:
    """The label within a sentence: in small letters, unless it is a name or an abbreviation ("USB-C", "T-shirts")."""
    if re.search(r"\w.*[A-Z]", label) or re.match(r"[A-Z]\b", label):
        return label
    return label[:1].lower() + label[1:]


def is_adjective(label: str) -> bool:
    """Whether a label can stand before a noun or alone: "Floral", "Waterproof", "Skinny"."""
    return bool(_ADJECTIVE.fullmatch(label)) and not _NOT_ADJECTIVES.fullmatch(label)


def is_people(label: str) -> bool:
    """Whether a label names people as they stand after "for"."""
    return bool(_PEOPLE.fullmatch(label))


def is_gerund(label: str) -> bool:
    """Whether a label names an activity as it stands after "for": "Hiking"."""
    return " " not in label and label.lower().endswith("ing") and not label.lower().startswith(("wedd", "even"))


def listed(texts: Sequence[str], lang: str) -> str:
    """ "a, b and c"."""
    if lang == "zh":
        return "、".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)


def capital(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
