"""Every problem by its name, what it takes out of the snapshot, and what it leaves in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.columns.assemble import TaxonomyData, columns_of
from graph.columns.invariants import sound
from graph.editing.edit import after
from graph.model import Concept, Kind, Problem, ProblemCode, Relation, UnknownEdge
from tests.strategies import change_sets, taxonomies


def concept(id: str, kind: Kind = "category", **fields: object) -> Concept:
    return replace(Concept(id, "test", kind, {"en": id}), **fields)  # type: ignore[arg-type]


A, B, C = concept("a"), concept("b"), concept("c")
COLOR, SIZE = concept("color", "attribute"), concept("size", "attribute")
RED, BLUE, LARGE = concept("red", "value"), concept("blue", "value"), concept("large", "value")
HOME = (COLOR, SIZE, RED, BLUE, LARGE, Relation("value_of", "red", "color"), Relation("value_of", "blue", "color"))
HOMES = (*HOME, Relation("value_of", "large", "size"))


def _sound(concepts: Sequence[Concept], relations: Sequence[Relation], unknown: Sequence[UnknownEdge] = ()) -> Snapshot:
    found = sound(replace(columns_of(concepts, relations), unknown=tuple(unknown)))
    return Snapshot(tuple(found.columns.concepts()), tuple(found.columns.relations()), found.problems)


class Snapshot(NamedTuple):
    concepts: tuple[Concept, ...]
    relations: tuple[Relation, ...]
    problems: tuple[Problem, ...]


CASES: dict[ProblemCode, tuple[list[Concept | Relation | UnknownEdge], set[str], set[Relation]]] = {
    "bad_id": ([A, concept(" padded"), concept("", pref_label={"en": "lost"}), concept("x" * 301)], {"a"}, set()),
    "bad_kind": ([A, concept("b", kind="thing")], {"a"}, set()),
    "bad_status": ([A, concept("b", status="gone")], {"a"}, set()),
    "bad_choice": ([A, concept("b", choice="some")], {"a"}, set()),
    "no_label": ([A, concept("b", pref_label={})], {"a"}, set()),
    "bad_language": ([A, concept("b", alt_label={"not a tag": ("x",)})], {"a"}, set()),
    "empty_label": ([A, concept("b", pref_label={"en": " "})], {"a"}, set()),
    "dangling": ([A, B, Relation("broader", "a", "b"), Relation("related", "a", "z")], {"a", "b"}, set()),
    "self_relation": ([A, B, Relation("related", "a", "a"), Relation("broader", "a", "b")], {"a", "b"}, set()),
    "wrong_kinds": ([A, COLOR, Relation("broader", "a", "color")], {"a", "color"}, set()),
    "cross_scheme_broader": ([A, concept("b", scheme="other"), Relation("broader", "a", "b")], {"a", "b"}, set()),
    "cycle": (
        [A, B, C, Relation("broader", "a", "b"), Relation("broader", "b", "a"), Relation("broader", "c", "a")],
        {"a", "b", "c"},
        {Relation("broader", "c", "a", primary=True)},
    ),
    "value_without_attribute": ([A, RED, COLOR, Relation("related", "red", "a")], {"a", "color"}, set()),
    "value_of_several": (
        [RED, COLOR, SIZE, Relation("value_of", "red", "color"), Relation("value_of", "red", "size")],
        {"color", "size"},
        set(),
    ),
    "excludes_ancestor": ([A, B, Relation("broader", "a", "b"), Relation("excludes", "a", "b")], {"a", "b"}, set()),
    "excludes_common_narrower": (
        [A, B, C, Relation("broader", "a", "b"), Relation("broader", "a", "c"), Relation("excludes", "b", "c")],
        {"a", "b", "c"},
        set(),
    ),
    "double_id": ([A, B, concept("b", choice="single")], {"a", "b"}, set()),
    "unknown_relation": ([A, B, UnknownEdge("BRODER", "a", "b"), UnknownEdge("mine", "b", "a")], {"a", "b"}, set()),
    "broader_across_attributes": ([*HOMES, Relation("broader", "large", "red")], {"color", "size"}, set()),
}


@pytest.mark.parametrize("code", get_args(ProblemCode))
def test_each_problem_is_named_and_left_out(code: ProblemCode) -> None:
    rows, kept, edges = CASES[code]
    concepts = [row for row in rows if isinstance(row, Concept)]
    relations = [row for row in rows if isinstance(row, Relation)]
    result = _sound(concepts, relations, [row for row in rows if isinstance(row, UnknownEdge)])
    assert {problem.code for problem in result.problems} == {code}
    assert all(problem.message for problem in result.problems)
    left = {concept.id for concept in result.concepts}
    assert kept <= left
    assert edges <= set(result.relations)
    for problem in result.problems:
        if problem.code in {"bad_id", "bad_kind", "bad_status", "no_label", "value_without_attribute"}:
            assert not set(problem.concepts) & left
    assert _sound(result.concepts, result.relations).problems == ()


@settings(max_examples=40)
@given(st.data())
def test_what_is_left_is_sound_whatever_was_done(data: st.DataObject) -> None:
    before = data.draw(taxonomies(max_size=4))
    changes = data.draw(change_sets(before, max_size=20))
    broken: TaxonomyData = after(before, changes)
    once = _sound(broken.concepts, broken.relations)
    twice = _sound(once.concepts, once.relations)
    assert twice.problems == ()
    assert (twice.concepts, twice.relations) == (once.concepts, once.relations)


def test_one_broader_is_primary() -> None:
    both = [Relation("broader", "a", "b"), Relation("broader", "a", "c")]
    assert [r.primary for r in _sound([A, B, C], both).relations] == [True, False]
    second = [both[0], replace(both[1], primary=True)]
    assert [r.primary for r in _sound([A, B, C], second).relations] == [False, True]
    claimed = [replace(edge, primary=True) for edge in both]
    assert [r.primary for r in _sound([A, B, C], claimed).relations] == [True, False]


def test_two_cycles_are_two_problems() -> None:
    ids = [concept(id) for id in "abcde"]
    edges = [Relation("broader", x, y) for x, y in ("ab", "ba", "cd", "de", "ec", "bc")]
    problems = _sound(ids, edges).problems
    assert [problem.concepts for problem in problems] == [("a", "b"), ("c", "d", "e")]
    assert _sound(ids, edges).relations == (Relation("broader", "b", "c", primary=True),)
