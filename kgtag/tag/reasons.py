"""Why each tag was given, and why each candidate was left out, in a sentence for people."""

from __future__ import annotations

from collections.abc import Iterator

from kgtag.rows.tagging import DroppedRow, NilRow, TaggingRow, TagRow

_USUAL, _UNUSUAL = 0.8, 0.2
_MEANT: dict[str, str] = {
    "negated": "the product is denied it, or free of it",
    "imitated": "the product only looks like it",
    "intended_for": "it is what the product goes with",
    "accessory": "it is a part that comes with the product",
    "not_included": "it is not included",
    "modifier": "it describes the noun behind it",
    "unsupported_language": "the taxonomy has no labels in this language, and it is not a label as it stands",
    "deprecated": "the concept, or one broader, is deprecated",
    "duplicate": "the same tag has more probable evidence",
}


def with_reasons(row: TaggingRow) -> TaggingRow:
    """The row of "tags out" with `why` on each tag, each candidate that was left out and each NIL mention.

    Example:
        >>> with_reasons(tagging.to_dict())["tags"][0]["why"]
        "'crimson' in the title is a label of Red; probability 0.97"
    """
    labels = {tag["concept"]: _named(tag) for tag in (*row["dropped"], *row["tags"])}
    placed = any(tag["kind"] == "category" for tag in row["tags"])
    found = row.copy()
    found["tags"] = [{**tag, "why": _given(tag, labels, placed=placed)} for tag in row["tags"]]
    found["dropped"] = [{**tag, "why": _left_out(tag, labels)} for tag in row["dropped"]]
    found["nil"] = [{**nil, "why": _unknown(nil)} for nil in row["nil"]]
    return found


def sentences(row: TaggingRow) -> Iterator[str]:
    """The reasons of a row of "tags out", a sentence each, tags first.

    Example:
        >>> print(*sentences(pipeline("Not waterproof dome tent").to_dict()), sep="\\n")
        Dome tents: 'dome tent' in the title is a label of it; probability 0.99
        Tents: broader than Dome tents
        Waterproof, left out: the product is denied it, or free of it ('waterproof' in the title)
    """
    reasoned = with_reasons(row)
    yield from (f"{tag['label']}: {tag['why']}" for tag in reasoned["tags"])
    yield from (f"{tag['label']}, left out: {tag['why']}" for tag in reasoned["dropped"])
    yield from (f"No concept: {nil['why']}" for nil in reasoned["nil"])


def _unknown(nil: NilRow) -> str:
    of = f" of {nil['attribute']}" if "attribute" in nil else ""
    return f"{nil['surface']!r} looks like a value{of}, and none of its labels is near enough"


def _named(tag: TagRow) -> str:
    return f"{tag['label']} ({tag['attribute']})" if "attribute" in tag else tag["label"]


def _given(tag: TagRow, labels: dict[str, str], *, placed: bool) -> str:
    method, where = tag["method"], _where(tag)
    if "implied_by" in tag:
        return f"broader than {labels.get(tag['implied_by'], tag['implied_by'])}"
    if method == "given":
        return "given with the product"
    if method == "backed_off":
        words = "none of the narrower ones is certain enough; together they point here"
    elif method == "shared":
        words = "its variants have it"
    elif where is None:
        words = "the text as a whole suggests it" if method != "predicted" else "predicted from the text as a whole"
    elif method == "exact":
        words = f"{where} is a label of it"
    elif method == "fuzzy":
        words = f"{where} is spelt almost like a label of it"
    else:
        words = f"{where} means it most likely"
    usual = tag.get("plausibility")
    if usual is not None and placed and where is not None and not _UNUSUAL < usual < _USUAL:
        words += "; usual in this category" if usual >= _USUAL else "; unusual in this category"
    return f"{words}; probability {tag['probability']:.2f}"


def _left_out(tag: DroppedRow, labels: dict[str, str]) -> str:
    rule, where = tag["rule"], _where(tag)
    other = labels.get(tag.get("against", ""), tag.get("against"))
    place = f" ({where})" if where is not None else ""
    if rule in _MEANT:
        return _MEANT[rule] + place
    if rule == "uncertain":
        return f"only {tag['probability']:.2f} probable{place}"
    if rule == "implausible":
        return f"hardly ever seen in this category (plausibility {tag.get('plausibility', 0.0):.2f}){place}"
    if rule == "not_applicable":
        if tag["kind"] == "category":
            return f"{other} is chosen, an attribute that does not apply to it{place}"
        return f"its attribute does not apply to {other or 'the category'}{place}"
    words = {
        "excluded": "excludes it",
        "single_choice": "is the one category" if tag["kind"] == "category" else "is the one value of the attribute",
        "outranked": "is the better reading of the same words",
    }.get(rule, f"goes before it ({rule})")
    return f"{other or 'another tag'} {words}{place}"


def _where(tag: TagRow) -> str | None:
    if "surface" not in tag or "span" not in tag:
        return None
    return f"{tag['surface']!r} in the {tag.get('field', 'title')}"
