"""The operations of the HTTP API, each described once for both clients. Names are those of the OpenAPI description."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack
from urllib.parse import quote, urlencode

import orjson

from graph.model import Kind, ProposalStatus, RelationType, Status
from graph.rows import AuditReport, ConceptDetail, ProposalDetail, SplitResult, VersionDetail
from kgtag.client.call import Call, Events, operation, read_lines
from kgtag.rows.analytics import CoverageReport, QualityReport, QueryCount, SegmentCount, SegmentItems, Segments, Trends
from kgtag.rows.ask import AskAnswer
from kgtag.rows.challenger import ChallengerAnswer
from kgtag.rows.concepts import (
    AuditFixes,
    ConceptPage,
    JobKind,
    JobState,
    Neighbours,
    NeighboursBatch,
    PathAnswer,
    Placed,
    ProposalPage,
    RecommendedConcepts,
    RelatedConcepts,
    Releases,
    TaxonomySize,
    TreeLevel,
    UndoneVersion,
    VersionImpact,
    VersionPage,
)
from kgtag.rows.items import (
    FeedbackPage,
    GivenFeedback,
    ItemPage,
    ItemRow,
    ProfileRow,
    RecommendedItems,
    StoredEvents,
    Webhooks,
)
from kgtag.rows.search import QueryAnswer, Suggestions
from kgtag.rows.service import Health, JobPage, JobRow, KeyRow, Readiness
from kgtag.rows.tagging import ErrorRow, TaggingRow

Product = str | Mapping[str, Any]
"""A title, or a row with `title` and, if known, `id`, `text`, `category`, `lang`, `at`."""


class Edit(TypedDict, total=False):
    """Options of an edit.

    Attributes:
        reason: Kept in the history.
        if_match: The ETag of the concept that was read; 412 when it has changed since.
        expected_revision: The taxonomy's revision that was read; 412 when anything has changed since.
    """

    reason: str
    if_match: str | None
    expected_revision: str | None


def tag_chunk(content: bytes, *, store: bool) -> Call[list[TaggingRow | ErrorRow]]:
    """The call for some lines of a batch."""
    params = {"store": store or None}
    return Call("POST", "/v1/tag/batch", params, content=content, repeatable=not store, read=read_lines)


class Operations:
    """The methods of both clients: they return rows in `Client`, and are awaited in `AsyncClient`."""

    @operation
    def tag(
        self, product: Product, *, store: bool = False, explain: bool = False, scheme: str | None = None
    ) -> Call[TaggingRow]:
        """The tags of one product; `store` keeps them with the item, `explain` says why in a sentence, and `scheme`
        gives each in the terms of that scheme as well."""
        row = {"title": product} if isinstance(product, str) else dict(product)
        params = {"store": store or None, "explain": explain or None, "scheme": scheme}
        return Call("POST", "/v1/tag", params, json=row, repeatable=not store)

    @operation
    def concepts(
        self,
        q: str | None = None,
        *,
        scheme: str | None = None,
        kind: Kind | None = None,
        status: Status | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        lang: str | None = None,
    ) -> Call[ConceptPage]:
        """A page of concepts, by id; `q` is a part of a label."""
        params = {"q": q, "scheme": scheme, "kind": kind, "status": status}
        return _get("/v1/concepts", **params, cursor=cursor, limit=limit, lang=lang)

    @operation
    def concept(self, id: str, *, lang: str | None = None) -> Call[ConceptDetail]:
        """A concept with its labels and relations."""
        return _get(_concept(id), lang=lang)

    @operation
    def broader(
        self, id: str, *, transitive: bool = False, limit: int | None = None, lang: str | None = None
    ) -> Call[RelatedConcepts]:
        """Broader concepts, with `transitive` all the way up."""
        return _get(_concept(id, "broader"), transitive=transitive or None, limit=limit, lang=lang)

    @operation
    def narrower(
        self, id: str, *, transitive: bool = False, limit: int | None = None, lang: str | None = None
    ) -> Call[RelatedConcepts]:
        """Narrower concepts, with `transitive` all the way down."""
        return _get(_concept(id, "narrower"), transitive=transitive or None, limit=limit, lang=lang)

    @operation
    def related(self, id: str, *, limit: int | None = None, lang: str | None = None) -> Call[RelatedConcepts]:
        """Related concepts."""
        return _get(_concept(id, "related"), limit=limit, lang=lang)

    @operation
    def neighbours(
        self,
        id: str,
        *,
        relation: str | None = None,
        evidence: Sequence[str] | None = None,
        kind: Kind | None = None,
        group: str | None = None,
        least: float | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        lang: str | None = None,
    ) -> Call[Neighbours]:
        """A page of the neighbours of a concept, best first, each once with its evidence."""
        filters = {"relation": relation, "evidence": evidence, "kind": kind, "group": group, "least": least}
        return _get(_concept(id, "neighbours"), **filters, cursor=cursor, limit=limit, lang=lang)

    @operation
    def neighbours_batch(
        self, concepts: Iterable[str], filters: Mapping[str, Any] | None = None
    ) -> Call[NeighboursBatch]:
        """The first page of each concept's neighbours; `filters` are those of `neighbours`. Unknown ids give errors."""
        return Call("POST", "/v1/neighbours", json={"concepts": list(concepts), **(filters or {})}, repeatable=True)

    @operation
    def recommend_concepts(
        self,
        concepts: Iterable[str] = (),
        *,
        items: Iterable[str] = (),
        text: str | None = None,
        profile: str | None = None,
        limit: int | None = None,
        kind: Kind | None = None,
        lang: str | None = None,
    ) -> Call[RecommendedConcepts]:
        """Concepts that go with all of the given concepts, the tags of the items and those of the text."""
        given = {"concept": list(concepts), "item": list(items), "text": text, "profile": profile}
        return _get("/v1/recommend/concepts", **given, limit=limit, kind=kind, lang=lang)

    @operation
    def item(self, id: str) -> Call[ItemRow]:
        """A stored item with its tags."""
        return _get(_item(id))

    @operation
    def put_item(self, id: str, item: Mapping[str, Any]) -> Call[ItemRow]:
        """Store an item: `title`, `lang` and `tags`, each with a `concept`; see the description of `ItemBody`."""
        return Call("PUT", _item(id), json=dict(item), repeatable=True)

    @operation
    def delete_item(self, id: str) -> Call[None]:
        """Erase an item, its tags and the feedback on it."""
        return Call("DELETE", _item(id), read=lambda _: None)

    @operation
    def place(self, /, concepts: Sequence[Mapping[str, Any]], **options: Any) -> Call[Placed]:
        """Places for new concepts, each with `label`, `definition`, `lang`; see `PlaceBody`."""
        return Call("POST", "/v1/place", json={"concepts": list(map(dict, concepts)), **options}, repeatable=True)

    @operation
    def trends(
        self,
        /,
        by: Literal["day", "week", "month", "quarter", "year"] | None = None,
        *,
        category: str | None = None,
        since: str | None = None,
        until: str | None = None,
        order: Literal["count", "rising", "falling", "burst", "season", "new"] | None = None,
        **options: Any,
    ) -> Call[Trends]:
        """How tags change over time on the stored items; `options`: recent, year_ago, min_count, kind, limit …"""
        asked = {"by": by, "category": category, "since": since, "until": until, "order": order}
        return _get("/v1/analytics/tags", **asked, **options)

    @operation
    def quality(
        self, *, kind: Kind | None = None, scheme: str | None = None, limit: int | None = None, lang: str | None = None
    ) -> Call[QualityReport]:
        """How good each tag is on the stored items, the worst first."""
        return _get("/v1/analytics/quality", kind=kind, scheme=scheme, limit=limit, lang=lang)

    @operation
    def coverage(self, by: Literal["day", "week", "month", "quarter", "year"] | None = None) -> Call[CoverageReport]:
        """The share of the mentions in stored items that have a concept."""
        return _get("/v1/analytics/coverage", by=by)

    @operation
    def list_segments(self, *, lang: str | None = None) -> Call[Segments]:
        """All saved segments."""
        return _get("/v1/segments", lang=lang)

    @operation
    def one_segment(self, name: str, *, lang: str | None = None) -> Call[SegmentCount]:
        """A segment, with how many stored items match."""
        return _get(_segment(name), lang=lang)

    @operation
    def put_segment(self, name: str, query: str) -> Call[SegmentCount]:
        """Save a boolean query over tags under a name."""
        return Call("PUT", _segment(name), json={"query": query}, repeatable=True)

    @operation
    def count_query(self, query: str) -> Call[QueryCount]:
        """How many stored items match a query that is not saved."""
        return Call("POST", "/v1/segments/count", json={"query": query}, repeatable=True)

    @operation
    def segment_items(self, name: str, *, cursor: str | None = None, limit: int | None = None) -> Call[SegmentItems]:
        """A page of ids of the items that match a segment."""
        return _get(_segment(name) + "/items", cursor=cursor, limit=limit)

    @operation
    def remove_segment(self, name: str) -> Call[None]:
        """Delete a segment."""
        return Call("DELETE", _segment(name), read=lambda _: None)

    @operation
    def turtle(self, id: str) -> Call[str]:
        """A concept as SKOS in Turtle."""
        return Call("GET", _concept(id, "turtle"), read=bytes.decode)

    @operation
    def items_of(self, id: str, *, cursor: str | None = None, limit: int | None = None) -> Call[ItemPage]:
        """A page of ids of the items that have a concept as a tag."""
        return _get(_concept(id, "items"), cursor=cursor, limit=limit)

    @operation
    def give_feedback(self, feedback: Mapping[str, Any]) -> Call[GivenFeedback]:
        """Say that a tag is right, wrong or missing: `item` or `product`, `concept`, `verdict`; see `FeedbackBody`."""
        return Call("POST", "/v1/feedback", json=dict(feedback))

    @operation
    def take_back(self, id: str) -> Call[None]:
        """Take a verdict back."""
        return Call("DELETE", f"/v1/feedback/{quote(id, safe='')}", read=lambda _: None)

    @operation
    def feedback(
        self, *, concept: str | None = None, cursor: str | None = None, limit: int | None = None
    ) -> Call[FeedbackPage]:
        """A page of feedback, oldest first."""
        return _get("/v1/feedback", concept=concept, cursor=cursor, limit=limit)

    @operation
    def challenger(self, *, alpha: float | None = None) -> Call[ChallengerAnswer]:
        """Which of champion and challenger is better, and whether that is certain."""
        return _get("/v1/challenger", alpha=alpha)

    @operation
    def add_webhook(self, webhook: Mapping[str, Any]) -> Call[Webhooks]:
        """Send the feed of changes to an address: `url`, and `types` or `since` if wanted; with the secret."""
        return Call("POST", "/v1/webhooks", json=dict(webhook))

    @operation
    def list_webhooks(self) -> Call[Webhooks]:
        """All webhooks, and how far each is."""
        return _get("/v1/webhooks")

    @operation
    def remove_webhook(self, id: str) -> Call[None]:
        """End a webhook."""
        return Call("DELETE", f"/v1/webhooks/{quote(id, safe='')}", read=lambda _: None)

    @operation
    def add_events(self, id: str, events: Iterable[Mapping[str, Any]]) -> Call[StoredEvents]:
        """Store what the visitor of a profile did: `item` or `concept`, with a `weight` and a time `at`."""
        return Call("POST", _profile(id) + "/events", json={"events": list(map(dict, events))})

    @operation
    def profile(self, id: str, *, lang: str | None = None) -> Call[ProfileRow]:
        """All that is kept of a visitor, and the tags that it comes to."""
        return _get(_profile(id), lang=lang)

    @operation
    def delete_profile(self, id: str) -> Call[None]:
        """Erase all that is kept of a visitor."""
        return Call("DELETE", _profile(id), read=lambda _: None)

    @operation
    def recommend_items(
        self,
        concepts: Iterable[str] = (),
        *,
        items: Iterable[str] = (),
        text: str | None = None,
        profile: str | None = None,
        limit: int | None = None,
        lang: str | None = None,
    ) -> Call[RecommendedItems]:
        """Items like the given ones, the latest last, that have the given concepts."""
        given = {"concept": list(concepts), "item": list(items), "text": text, "profile": profile}
        return _get("/v1/recommend/items", **given, limit=limit, lang=lang)

    @operation
    def suggest(
        self, q: str, *, limit: int | None = None, lang: str | None = None, kind: Kind | None = None
    ) -> Call[Suggestions]:
        """Completions of a half-typed label."""
        return _get("/v1/search/suggest", q=q, limit=limit, lang=lang, kind=kind)

    @operation
    def query(self, q: str, *, lang: str | None = None) -> Call[QueryAnswer]:
        """A search query parsed: concepts, bounds, exclusions, expansions, facets, a body for Elasticsearch."""
        return _get("/v1/search/query", q=q, lang=lang)

    @operation
    def ask(self, question: str, *, lang: Literal["en", "zh"] | None = None) -> Call[AskAnswer]:
        """A question about stored items or concepts, answered with citations; `known` is false where no tag says."""
        return Call("POST", "/v1/ask", json={"question": question, "lang": lang}, repeatable=True)

    @operation
    def audit(
        self, checks: Sequence[str] | None = None, *, severity: str | None = None, limit: int | None = None
    ) -> Call[AuditReport]:
        """Findings of the audit, the gravest first."""
        return _get("/v1/audit", check=checks, severity=severity, limit=limit)

    @operation
    def fixes(self, checks: Sequence[str] | None = None) -> Call[AuditFixes]:
        """The repairs of findings that need no decision, as `propose` takes them; nothing is written."""
        return _get("/v1/audit/fixes", check=checks)

    @operation
    def taxonomy(self) -> Call[TaxonomySize]:
        """The size of the taxonomy."""
        return _get("/v1/taxonomy")

    @operation
    def versions(
        self, *, cursor: int | None = None, limit: int | None = None, concept: str | None = None
    ) -> Call[VersionPage]:
        """A page of versions, newest first; with `concept`, those that touched it or more than 100 concepts."""
        return _get("/v1/taxonomy/versions", cursor=cursor, limit=limit, concept=concept)

    @operation
    def version(self, version: int) -> Call[VersionDetail]:
        """A version, each of its changes before and after."""
        return _get(f"/v1/taxonomy/versions/{version}")

    @operation
    def impact(self, version: int, *, limit: int | None = None, lang: str | None = None) -> Call[VersionImpact]:
        """What a version touched, as it is now: concepts, and the items that have any of them."""
        return _get(f"/v1/taxonomy/versions/{version}/impact", limit=limit, lang=lang)

    @operation
    def undo(self, version: int, *, reason: str = "") -> Call[UndoneVersion]:
        """Undo a version by a new version; 409 when later versions changed the same."""
        return Call("POST", f"/v1/taxonomy/versions/{version}/undo", json={"reason": reason})

    @operation
    def tree(
        self,
        parent: str | None = None,
        *,
        kind: Kind | None = None,
        scheme: str | None = None,
        cursor: int | None = None,
        limit: int | None = None,
        lang: str | None = None,
    ) -> Call[TreeLevel]:
        """A level of the hierarchy, by label: the top, or the children of a concept."""
        return _get("/v1/taxonomy/tree", parent=parent, kind=kind, scheme=scheme, cursor=cursor, limit=limit, lang=lang)

    @operation
    def path(
        self,
        source: str,
        target: str,
        *,
        relations: Sequence[RelationType] | None = None,
        limit: int | None = None,
        lang: str | None = None,
    ) -> Call[PathAnswer]:
        """Paths between two concepts along asserted relations, shortest first."""
        given = {"from": source, "to": target, "relation": relations}
        return _get("/v1/taxonomy/path", **given, limit=limit, lang=lang)

    @operation
    def releases(self) -> Call[Releases]:
        """Versions with names, oldest first."""
        return _get("/v1/taxonomy/releases")

    @operation
    def create(self, concept: Mapping[str, Any]) -> Call[ConceptDetail]:
        """Create a concept: `kind`, `pref_label`, and other fields as the description of `NewConcept` has them."""
        return Call("POST", "/v1/concepts", json=dict(concept))

    @operation
    def patch(self, id: str, changes: Mapping[str, Any], *, if_match: str) -> Call[ConceptDetail]:
        """Replace fields and relations of a concept; `if_match` is the ETag that was read."""
        return Call("PATCH", _concept(id), json=dict(changes), if_match=if_match)

    @operation
    def merge(self, id: str, into: str, **edit: Unpack[Edit]) -> Call[ConceptDetail]:
        """Merge a concept into another one, which is returned."""
        return _edit(id, "merge", {"into": into}, **edit)

    @operation
    def move(
        self, id: str, broader: Sequence[str], *, primary: str | None = None, **edit: Unpack[Edit]
    ) -> Call[ConceptDetail]:
        """Give a concept other broader concepts; paths follow the `primary` one."""
        return _edit(id, "move", {"broader": list(broader), "primary": primary}, **edit)

    @operation
    def split(self, id: str, parts: Sequence[Mapping[str, Any]], **edit: Unpack[Edit]) -> Call[SplitResult]:
        """Replace a concept by several; each part is as the description of `PartBody` has it."""
        return _edit(id, "split", {"parts": list(map(dict, parts))}, **edit)

    @operation
    def deprecate(self, id: str, replaced_by: str | None = None, **edit: Unpack[Edit]) -> Call[ConceptDetail]:
        """Take a concept out of use, with or without a successor."""
        return _edit(id, "deprecate", {"replaced_by": replaced_by}, **edit)

    @operation
    def proposals(
        self,
        *,
        status: ProposalStatus | None = None,
        concept: str | None = None,
        cursor: int | None = None,
        limit: int | None = None,
    ) -> Call[ProposalPage]:
        """A page of proposals, newest first."""
        return _get("/v1/proposals", status=status, concept=concept, cursor=cursor, limit=limit)

    @operation
    def proposal(self, id: int) -> Call[ProposalDetail]:
        """A proposal with its changes and comments."""
        return _get(f"/v1/proposals/{id}")

    @operation
    def propose(self, edit: Mapping[str, Any]) -> Call[ProposalDetail]:
        """Propose an edit: `operation` with its fields, or `changes`; see the description of `NewProposal`."""
        return Call("POST", "/v1/proposals", json=dict(edit))

    @operation
    def comment(self, id: int, text: str, *, if_match: str | None = None) -> Call[ProposalDetail]:
        """Comment on a proposal."""
        return Call("POST", f"/v1/proposals/{id}/comments", json={"text": text}, if_match=if_match)

    @operation
    def accept(self, id: int, *, if_match: str, comment: str = "") -> Call[ProposalDetail]:
        """Write the changes of a proposal; `if_match` is the ETag that was read."""
        return _decide(id, "accept", comment, False, if_match)

    @operation
    def reject(self, id: int, *, if_match: str | None = None, comment: str = "") -> Call[ProposalDetail]:
        """Turn a proposal down."""
        return _decide(id, "reject", comment, False, if_match)

    @operation
    def withdraw(
        self, id: int, *, if_match: str | None = None, comment: str = "", force: bool = False
    ) -> Call[ProposalDetail]:
        """Take a proposal back."""
        return _decide(id, "withdraw", comment, force, if_match)

    @operation
    def rebase(
        self, id: int, *, if_match: str | None = None, comment: str = "", force: bool = False
    ) -> Call[ProposalDetail]:
        """Plan the operation of a proposal again on the taxonomy as it is now."""
        return _decide(id, "rebase", comment, force, if_match)

    @operation
    def create_job(
        self,
        /,
        kind: JobKind,
        files: Mapping[str, str | Path | Sequence[str | Path]] | None = None,
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Call[JobRow]:
        """Start an import, tag, train or audit job.

        Args:
            kind: "import", "tag", "train" or "audit".
            files: Paths by field: {"file": "shop.csv"}, {"data": ["a.jsonl", "b.jsonl"], "dev": "dev.jsonl"}.
            idempotency_key: A second call with it returns the job of the first.
            fields: Those of the kind: `format="csv"`, `products=[{"title": …}]`, `model="extractor"`.
        """
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        if not files:
            body = {"kind": kind, **fields}
            return Call("POST", "/v1/jobs", json=body, headers=headers, repeatable=idempotency_key is not None)
        paths = [
            (role, Path(one))
            for role, given in files.items()
            for one in ([given] if isinstance(given, str | Path) else given)
        ]
        read = [(role, (path.name, path.read_bytes())) for role, path in paths]
        repeatable = idempotency_key is not None
        form = {"kind": kind, **fields}
        return Call("POST", "/v1/jobs", form=form, files=read, headers=headers, repeatable=repeatable)

    @operation
    def jobs(
        self,
        *,
        kind: JobKind | None = None,
        state: JobState | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Call[JobPage]:
        """A page of jobs, newest first."""
        return _get("/v1/jobs", kind=kind, state=state, cursor=cursor, limit=limit)

    @operation
    def job(self, id: str) -> Call[JobRow]:
        """A job: its state, how far it is, the end of its log."""
        return _get(_job(id))

    @operation
    def job_result(self, id: str) -> Call[bytes]:
        """What a job made: tags as NDJSON, the report of an audit or an import as JSON, a model as a tar file."""
        return Call("GET", f"{_job(id)}/result", repeatable=True, read=bytes)

    @operation
    def resume_job(self, id: str) -> Call[JobRow]:
        """Queue a failed or cancelled job again."""
        return Call("POST", f"{_job(id)}/resume")

    @operation
    def delete_job(self, id: str) -> Call[JobRow | None]:
        """Cancel a job; one that has ended is removed, and None returned."""
        return Call("DELETE", _job(id), read=lambda content: orjson.loads(content) if content else None)

    @operation
    def health(self) -> Call[Health]:
        """Whether the process answers."""
        return _get("/healthz")

    @operation
    def ready(self) -> Call[Readiness]:
        """The snapshot that is served. Raises ApiError 503 as long as there is none."""
        return Call("GET", "/readyz")

    @operation
    def own_key(self) -> Call[KeyRow]:
        """What this key may."""
        return _get("/v1/key")

    @operation
    def metrics(self) -> Call[str]:
        """Metrics as Prometheus reads them."""
        return Call("GET", "/metrics", repeatable=True, read=bytes.decode)


def _get(path: str, **params: Any) -> Call[Any]:
    return Call("GET", path, params, repeatable=True)


def _concept(id: str, *more: str) -> str:
    return "/".join(("/v1/concepts", quote(id, safe=""), *more))


def _segment(name: str) -> str:
    return f"/v1/segments/{quote(name, safe='')}"


def _profile(id: str) -> str:
    return f"/v1/profiles/{quote(id, safe='')}"


def _item(id: str) -> str:
    return f"/v1/items/{quote(id, safe='')}"


def _job(id: str) -> str:
    return f"/v1/jobs/{quote(id, safe='')}"


def job_stream(id: str) -> Events:
    """The events of a job."""
    return Events(f"{_job(id)}/events", ends=lambda row: row["state"] in ("done", "failed", "cancelled"))


def change_stream(since: str | None, type: Iterable[str], follow: bool) -> Events:
    """The feed of changes."""
    given = [("since", since)] if since is not None else []
    query = urlencode([*given, *(("type", one) for one in type), ("follow", str(follow).lower())])
    return Events(f"/v1/changes?{query}", with_stream=not follow)


def _edit(
    id: str,
    action: str,
    body: dict[str, Any],
    *,
    reason: str = "",
    if_match: str | None = None,
    expected_revision: str | None = None,
) -> Call[Any]:
    body |= {"reason": reason, "expected_revision": expected_revision}
    return Call("POST", _concept(id, action), json=body, if_match=if_match)


def _decide(id: int, action: str, comment: str, force: bool, if_match: str | None) -> Call[Any]:
    body = {"comment": comment, "force": force}
    return Call("POST", f"/v1/proposals/{id}/{action}", json=body, if_match=if_match)
