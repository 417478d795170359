"""Proposals as every store keeps them: whole, in order, and decided together with their changes or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import neo4j
import pytest

from graph.columns.assemble import TaxonomyData
from graph.errors import ConflictError, LostRace
from graph.model import Accepting, ChangeSet, Comment, Concept, Proposal, PutConcept, PutRelation, Relation, Retag
from graph.neo4j.store import Neo4jStore
from graph.proposals.fingerprints import fingerprints
from graph.store import TaxonomyStore
from graph.taxonomy import Taxonomy


def category(id: str, **more: str) -> Concept:
    return Concept(id, "s", "category", {"en": id}, **more)  # type: ignore[arg-type]


FULL = Proposal(
    id=1,
    created="2026-01-01T00:00:00+00:00",
    author="ann 🙂",
    title="merge 'A' (a) into 'B' (b)",
    changes=(PutConcept(category("c")), PutRelation(Relation("broader", "c", "a", True)), Retag("a", "b")),
    base_version=3,
    base_revision="0123",
    seen={"a": "x", "c": "absent"},
    key="k1",
    reason="because",
    operation={"operation": "merge", "concept": "a", "into": "b", "n": [1, 2.5, None]},
    evidence={"items": 3, "examples": ["i", "鞋"]},
    comments=(Comment("2026-01-02", "bob", "hm"), Comment("2026-01-01", "ann", "well, 'yes'")),
)


def plain(id: int, *, about: str = "a", status: str = "open") -> Proposal:
    return Proposal(id, "now", "ann", f"p{id}", (), 0, "", {about: "absent"}, status=status)  # type: ignore[arg-type]


def test_reads_back_what_was_put(store: TaxonomyStore) -> None:
    for proposal in (FULL, plain(2)):
        store.put_proposal(proposal, expect=None)
        found = store.proposal(proposal.id)
        assert found == proposal and found is not None and found.etag == proposal.etag
    assert store.proposal(3) is None


def test_only_what_was_read_is_replaced(store: TaxonomyStore) -> None:
    store.put_proposal(FULL, expect=None)
    with pytest.raises(LostRace, match="there is a proposal 1 already"):
        store.put_proposal(plain(1), expect=None)
    with pytest.raises(LostRace, match="isn't there any more"):
        store.put_proposal(plain(2), expect=FULL.etag)
    after = replace(FULL, status="rejected", comments=FULL.comments[:1], reason="")
    assert after.etag != FULL.etag
    store.put_proposal(after, expect=FULL.etag)
    with pytest.raises(LostRace, match=f"is {after.etag} now, not {FULL.etag}"):
        store.put_proposal(FULL, expect=FULL.etag)
    assert store.proposal(1) == after and store.proposal(2) is None


def test_listed_newest_first(store: TaxonomyStore) -> None:
    statuses = ("open", "open", "rejected", "open", "accepted")
    for n, status in enumerate(statuses, start=1):
        store.put_proposal(plain(n, about="ab"[n % 2], status=status), expect=None)
    ids = [p.id for p in store.proposals()]
    assert ids == [5, 4, 3, 2, 1]
    assert [p.id for p in store.proposals(status="open")] == [4, 2, 1]
    assert [p.id for p in store.proposals(concept="b")] == [5, 3, 1]
    assert [p.id for p in store.proposals(concept="b", status="open", before=3)] == [1]
    assert [p.id for p in store.proposals(before=4, limit=2)] == [3, 2]
    assert store.proposals(concept="nobody") == []


def test_of_many_with_the_same_etag_one_wins(store: TaxonomyStore) -> None:
    store.put_proposal(plain(1), expect=None)
    expect = plain(1).etag

    def write(n: int) -> bool:
        try:
            store.put_proposal(replace(plain(1), reason=str(n)), expect=expect)
        except LostRace:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(8))) == [False] * 7 + [True]


def test_accepted_together_with_its_changes(store: TaxonomyStore) -> None:
    store.put_proposal(plain(1), expect=None)
    decided = replace(plain(1), status="accepted", decided_by="bob")
    changes = ChangeSet((PutConcept(category("a")),), "ann")
    for expect, version, error in ((plain(2).etag, 0, LostRace), (plain(1).etag, 7, ConflictError)):
        with pytest.raises(error):
            store.apply(changes, expect_version=version, accepting=Accepting(decided, expect))
        assert store.read().concepts == () and list(store.history()) == [] and store.proposal(1) == plain(1)
    assert store.apply(changes, expect_version=0, accepting=Accepting(decided, plain(1).etag)) == 1
    assert store.proposal(1) == replace(decided, version=1)


def test_an_editor_sees_them_in_browser(neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    neo4j_store.apply(ChangeSet((PutConcept(category("a")),), "ann"))
    neo4j_store.put_proposal(FULL, expect=None)
    query = (
        "MATCH (p:Proposal {status: 'open'})-[:ABOUT]->(c:Concept) RETURN p.title AS title, p.author AS by, c.id AS id"
    )
    assert [row.data() for row in neo4j_driver.execute_query(query).records] == [
        {"title": FULL.title, "by": "ann 🙂", "id": "a"}
    ]
    query = "MATCH (:Proposal {id: 1})-[:COMMENT]->(c) RETURN c.author + ': ' + c.text AS said ORDER BY c.position"
    said = [row["said"] for row in neo4j_driver.execute_query(query).records]
    assert said == ["bob: hm", "ann: well, 'yes'"]
    neo4j_store.put_proposal(replace(FULL, comments=()), expect=FULL.etag)
    left = neo4j_driver.execute_query("MATCH (p:Proposal) OPTIONAL MATCH (c:Comment) RETURN p, count(c) AS n").records
    assert left[0]["n"] == 0 and not {"held", "fresh"} & set(left[0]["p"])


def test_an_externally_edited_proposal_still_reads(neo4j_store: Neo4jStore, neo4j_driver: neo4j.Driver) -> None:
    neo4j_store.put_proposal(FULL, expect=None)
    for damage in (
        "MATCH (p:Proposal {id: 1}) CREATE (p)-[:COMMENT]->(:Comment {text: 'by hand'})",
        "MATCH (p:Proposal {id: 1}) SET p.operation = '{', p.changes = ['{']",
        "CREATE (:Proposal {title: 'no number'}), (:Proposal {id: 7, status: 'open'})",
    ):
        neo4j_driver.execute_query(damage)
    seven, one = neo4j_store.proposals()
    assert (seven.id, seven.changes, seven.seen) == (7, (), {})
    assert [c.text for c in one.comments] == ["hm", "well, 'yes'", "by hand"]
    assert one.operation is None and one.changes == ()
    neo4j_store.put_proposal(replace(one, reason="mended"), expect=one.etag)
    assert neo4j_store.proposal(1) == replace(one, reason="mended")


def test_which_fields_make_a_conflict() -> None:
    rows = [category(id) for id in "abcd"]
    edges = [Relation("broader", "b", "a", True)]

    def snapshot(*more: Relation, **changed: Concept) -> Taxonomy:
        concepts = {row.id: changed.get(row.id, row) for row in rows}
        return Taxonomy.of(TaxonomyData.of(0, concepts.values(), [*edges, *more]))

    changes = (PutConcept(category("b", notation="1")), PutRelation(Relation("broader", "c", "a", True)))
    retire = (PutConcept(category("a", status="deprecated")), Retag("a", "d"))
    now = fingerprints(snapshot(), changes)
    assert list(now) == ["a", "b", "c"] and now["a"] == "category, in use"
    assert fingerprints(snapshot(Relation("broader", "d", "a", True), a=category("a", notation="x")), changes) == now
    assert fingerprints(snapshot(b=category("b", notation="x")), changes)["b"] != now["b"]
    assert fingerprints(snapshot(Relation("broader", "c", "d", True)), changes)["c"] != now["c"]
    assert fingerprints(snapshot(a=category("a", status="deprecated")), changes)["a"] != now["a"]
    assert (
        fingerprints(snapshot(Relation("broader", "d", "a", True)), retire)["a"]
        != fingerprints(snapshot(), retire)["a"]
    )
    assert fingerprints(Taxonomy.of(TaxonomyData.of(0, [], [])), changes) == dict.fromkeys("abc", "absent")
