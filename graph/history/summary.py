"""A readable summary of a diff: concepts added, removed, moved, renamed."""

from __future__ import annotations

from collections.abc import Sequence

from graph.formats.parsed import shortened
from graph.history.diff import Changed, Diff
from graph.model import Concept, Relation
from graph.taxonomy import Taxonomy

_SHOWN = 10


def summary(diff: Diff, before: Taxonomy, after: Taxonomy, *, shown: int = _SHOWN) -> list[str]:
    """Summarise a diff in lines of text.

    A concept has moved when its primary parent differs; it is renamed when its preferred label differs in a language
    that both snapshots have: files in different languages share ids but not labels.

    Args:
        diff: The difference from `before` to `after`.
        before: The first snapshot.
        after: The second snapshot.
        shown: The number of examples of each group, which follow a line with its count.
    """
    changed = diff.changed
    common = [concept.id for concept in after if concept.id in before]
    groups = (
        ("added", [_called(concept) + _under(after, concept.id) for concept in diff.added]),
        ("removed", [_called(concept) + _under(before, concept.id) for concept in diff.removed]),
        ("moved", [line for id in common if (line := _moved(id, before, after))]),
        ("renamed", [line for change in changed if (line := _renamed(change.before, change.after))]),
        (
            "labelled in other languages",
            [f"{_called(c.after)}: {a} → {b}" for c in changed if (a := _tags(c.before)) != (b := _tags(c.after))],
        ),
        (
            "status",
            [f"{_called(c.after)}: {c.before.status} → {c.after.status}" for c in changed if "status" in c.fields],
        ),
        ("changed otherwise", [f"{_called(c.after)}: {', '.join(left)}" for c in changed if (left := _rest(c))]),
        ("other relations added", _edges(diff.relations_added)),
        ("other relations removed", _edges(diff.relations_removed)),
    )
    lines: list[str] = []
    for name, found in groups:
        if found:
            lines.append(f"{name}: {len(found)}")
            lines += [f"  {shortened(line)}" for line in found[:shown]]
            if len(found) > shown:
                lines.append(f"  … and {len(found) - shown} more; see them all with --json")
    return lines


def _called(concept: Concept) -> str:
    return f"{concept.id} ({concept.label()})"


def _under(taxonomy: Taxonomy, id: str) -> str:
    path = taxonomy.path(id)
    return f" under {_called(taxonomy[path[-2]])}" if len(path) > 1 else ""


def _moved(id: str, before: Taxonomy, after: Taxonomy) -> str | None:
    old, new = (taxonomy.path(id)[-2:-1] for taxonomy in (before, after))
    if old == new:
        return None
    ends = (_called(taxonomy[path[0]]) if path else "the top" for taxonomy, path in ((before, old), (after, new)))
    return f"{_called(after[id])}: {' → '.join(ends)}"


def _renamed(before: Concept, after: Concept) -> str | None:
    changed = [
        f"{text!r} → {after.pref_label[tag]!r} ({tag})"
        for tag, text in sorted(before.pref_label.items())
        if after.pref_label.get(tag, text) != text
    ]
    return f"{after.id}: {', '.join(changed)}" if changed else None


def _tags(concept: Concept) -> str:
    return ", ".join(sorted(concept.pref_label))


def _rest(change: Changed) -> list[str]:
    return [field for field in change.fields if field not in ("pref_label", "status")]


def _edges(relations: Sequence[Relation]) -> list[str]:
    return [f"{edge.source} {edge.type} {edge.target}" for edge in relations if not edge.primary]
