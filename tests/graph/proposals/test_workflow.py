"""Proposals from draft to decision, and those that tagging makes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from graph.editing import edit
from graph.errors import ConflictError, InputError, InvariantError, LostRace, NotAllowed, UnknownProposal
from graph.model import ChangeSet, Concept, DeleteConcept, PutConcept, PutRelation, Relation
from graph.proposals import workflow as proposals
from graph.proposals.workflow import Draft, Person
from graph.sqlite.store import SqliteStore
from kgtag.discover.propose import gather_relations, propose_relations

ANN, BOB = Person("ann"), Person("bob")


@pytest.fixture
def shop(sqlite_store: SqliteStore) -> SqliteStore:
    rows = [PutConcept(Concept(id, "s", "category", {"en": id})) for id in ("shoes", "boots", "kicks", "hats")]
    size = PutConcept(Concept("size", "s", "attribute", {"en": "Size"}))
    edges = [PutRelation(Relation("broader", id, "shoes", True)) for id in ("boots", "kicks")]
    edit.apply(sqlite_store, ChangeSet((*rows, size, *edges), "ann"))
    return sqlite_store


def merge(into: str = "boots") -> Draft:
    return Draft(operation={"operation": "merge", "concept": "kicks", "into": into}, reason="same")


def put(store: SqliteStore, id: str, **more: str) -> None:
    edit.apply(store, ChangeSet((PutConcept(Concept(id, "s", "category", {"en": id}, **more)),), "eve"))  # type: ignore[arg-type]


def test_accepted_once_however_often(shop: SqliteStore) -> None:
    made = proposals.propose(shop, merge(), ANN)
    assert shop.read().version == 1 and made.base_version == 1
    done = proposals.accept(shop, made.id, BOB, text="yes")
    assert (done.status, done.version, done.decided_by) == ("accepted", 2, "bob")
    assert proposals.accept(shop, made.id, BOB, expect=[made.etag]) == done
    for deed in (proposals.reject, proposals.withdraw, proposals.rebase):
        with pytest.raises(ConflictError, match="accepted already as version 2, by bob"):
            deed(shop, made.id, ANN)
    with pytest.raises(ConflictError, match="accepted already"):
        proposals.accept(shop, made.id, Person("eve"))
    assert shop.read().version == 2


def test_what_does_not_matter_to_it_may_change(shop: SqliteStore) -> None:
    made = proposals.propose(shop, merge(), ANN)
    put(shop, "hats", notation="H")
    put(shop, "shoes", notation="S")
    assert proposals.accept(shop, made.id, BOB).version == 4


def test_conflicts_name_the_concepts(shop: SqliteStore) -> None:
    made = proposals.propose(shop, merge(), ANN)
    put(shop, "boots", notation="B")
    put(shop, "high-tops")
    edit.apply(shop, ChangeSet((PutRelation(Relation("broader", "high-tops", "kicks", True)),), "eve"))
    with pytest.raises(ConflictError, match="'boots', 'kicks' changed since proposal 1 was made"):
        proposals.accept(shop, made.id, BOB)
    with pytest.raises(NotAllowed, match="only they can rebase"):
        proposals.rebase(shop, made.id, BOB)
    proposals.rebase(shop, made.id, ANN)
    proposals.accept(shop, made.id, BOB)
    data = shop.read()
    assert Relation("broader", "high-tops", "boots", True) in data.relations
    assert next(c for c in data.concepts if c.id == "boots").notation == "B"


def test_a_concept_that_is_gone(shop: SqliteStore) -> None:
    made = proposals.propose(shop, merge(), ANN)
    edit.apply(shop, ChangeSet((DeleteConcept("kicks"),), "eve"))
    with pytest.raises(ConflictError, match="'kicks'"):
        proposals.accept(shop, made.id, BOB)
    with pytest.raises(InputError, match="no concept 'kicks'"):
        proposals.rebase(shop, made.id, ANN)
    assert proposals.reject(shop, made.id, BOB, text="gone").comments[-1].text == "gone"


def test_two_that_exclude_each_other(shop: SqliteStore) -> None:
    """Each is sound by itself; the second one accepted would close a cycle."""
    for concept, broader in (("shoes", "hats"), ("hats", "boots")):
        words = {"operation": "move", "concept": concept, "broader": [broader]}
        proposals.propose(shop, Draft(operation=words), ANN)
    proposals.accept(shop, 1, BOB)
    with pytest.raises(InvariantError, match="broader than themselves"):
        proposals.accept(shop, 2, BOB)
    assert proposals.find(shop, 2).status == "open" and shop.read().version == 2


def test_four_eyes(shop: SqliteStore) -> None:
    proposals.propose(shop, merge(), Person("api:team", "k1"))
    for same in (Person("api:team"), Person("api:team", "k2"), Person("api:other", "k1")):
        with pytest.raises(NotAllowed, match="somebody else"):
            proposals.accept(shop, 1, same)
    done = proposals.accept(shop, 1, Person("api:team", "k1"), text="late", force=True)
    assert [c.text for c in done.comments] == ["late (own proposal, accepted by force)"]


def test_nothing_and_nobody(shop: SqliteStore) -> None:
    with pytest.raises(InputError, match="nothing is proposed"):
        proposals.propose(shop, Draft(), ANN)
    with pytest.raises(UnknownProposal, match="no proposal 9"):
        proposals.accept(shop, 9, BOB)
    proposals.propose(shop, merge(), ANN)
    with pytest.raises(InputError, match="must not be empty"):
        proposals.comment(shop, 1, " ", BOB)
    with pytest.raises(InputError, match="surrogate"):
        proposals.comment(shop, 1, "\ud800", BOB)
    with pytest.raises(LostRace, match="read it again"):
        proposals.comment(shop, 1, "x", BOB, expect=["0"])
    assert proposals.find(shop, 1).comments == ()


@pytest.mark.parametrize(
    "row",
    [
        {"changes": {}},
        {"changes": [1]},
        {"changes": [], "operation": "merge"},
        {"operation": "merge", "title": 1},
        {"operation": "merge", "evidence": []},
    ],
)
def test_bad_drafts_are_refused(row: dict[str, object]) -> None:
    with pytest.raises(InputError):
        proposals.read_draft(row)


def test_numbers_are_given_once(shop: SqliteStore) -> None:
    def work(n: int) -> int:
        words = {"operation": "set", "concept": "hats", "notation": str(n)}
        return proposals.propose(shop, Draft(operation=words), ANN).id

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(16))) == list(range(1, 17))


def _row(id: str, *wanted: tuple[str, str, float]) -> dict[str, object]:
    rows = [{"head": head, "relation": "applies_to", "tail": tail, "probability": p} for head, tail, p in wanted]
    return {"id": id, "tags": [], "proposals": rows}


def test_what_tagging_found_plausible(shop: SqliteStore) -> None:
    rows = [
        _row("a", ("size", "shoes", 0.9), ("size", "shoes", 0.9), ("size", "hats", 0.6)),
        _row("b", ("size", "shoes", 0.7)),
        _row("c", ("size", "nowhere", 0.9)),
        {"id": "d", "tags": []},
    ]
    found = gather_relations(enumerate(rows, start=1))
    assert [(one.relation.target, one.items, round(one.probability, 3), one.examples) for one in found] == [
        ("shoes", 2, 0.8, ("a", "b")),
        ("hats", 1, 0.6, ("a",)),
        ("nowhere", 1, 0.9, ("c",)),
    ]
    report = propose_relations(shop, found, ANN)
    assert (report.made, report.skipped) == ((1, 2), {"between concepts that are gone": 1})
    first = proposals.find(shop, 1)
    assert first.evidence == {"items": 2, "probability": 0.8, "examples": ["a", "b"]}
    assert first.title == "relate 'Size' (size) applies_to 'shoes' (shoes)"
    proposals.accept(shop, 1, BOB)
    proposals.reject(shop, 2, BOB)
    again = propose_relations(shop, found[:2], ANN)
    assert (again.made, again.skipped) == ((), {"asserted": 1, "rejected before": 1})
    few = propose_relations(shop, gather_relations([(1, _row("a", ("size", "boots", 0.9)))]), ANN, min_count=2)
    assert few.skipped == {"on fewer than 2 items": 1}


@pytest.mark.parametrize("proposal", [{}, {"head": "a", "relation": "near", "tail": "b"}, {"head": 1}, "x"])
def test_bad_rows_are_refused(proposal: object) -> None:
    with pytest.raises(InputError, match="line 7"):
        gather_relations([(7, {"id": "a", "proposals": [proposal]})])
