"""kgtag for language models: a server of the Model Context Protocol over a live snapshot."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from graph.errors import InputError, KgtagError
from graph.model import Kind
from graph.proposals.workflow import Draft, Person
from graph.proposals.workflow import propose as make_proposal
from graph.rows import ConceptDetail, ConceptRow, ProposalDetail, concept_detail, concept_row, proposal_detail
from kgtag.rows.concepts import NeighbourRow
from kgtag.rows.search import QueryAnswer
from kgtag.rows.tagging import TaggingRow
from kgtag.serve.live import LiveTaxonomy, Served
from kgtag.types import Product

_INSTRUCTIONS = """A product taxonomy and its tagger. Concepts are categories, attributes and values, each with an id;
labels are not unique, so find the id with `search` before you use one. `tag` reads a product's title. Nothing here
changes the taxonomy: `propose` leaves a change for people to decide on."""
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
_Id = Annotated[str, Field(description="The id of a concept, as `search` and `tag` give it.")]
_Lang = Annotated[str | None, Field(description="Language of the labels shown, such as en or zh.")]
_Many = Annotated[int, Field(ge=1, le=100)]


P = ParamSpec("P")
R = TypeVar("R")


def _with_messages(tool: Callable[P, R]) -> Callable[P, R]:
    """The tool, whose errors say what is wrong and the way out: the SDK hides those that it does not know."""

    @wraps(tool)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return tool(*args, **kwargs)
        except KgtagError as error:
            raise ToolError(str(error)) from error

    return call


def build(live: LiveTaxonomy, *, author: str) -> MCPServer:
    """The server. Its tools answer from the current snapshot; proposals are in the name of `author`."""
    server = MCPServer("kgtag", title="Product taxonomy and tagger", instructions=_INSTRUCTIONS)

    def served() -> Served:
        return live.current

    @server.tool(title="Tag a product", annotations=_READS)
    @_with_messages
    def tag(
        title: Annotated[str, Field(description="The product's title, as it stands in the catalogue.")],
        text: Annotated[str | None, Field(description="Its description.")] = None,
        category: Annotated[str | None, Field(description="Its category, if known: a concept's id or label.")] = None,
        lang: Annotated[str | None, Field(description="Language of the title; else it is found out.")] = None,
    ) -> TaggingRow:
        """Tags of a product: concepts of the taxonomy that its title states or implies, consistent with each other.

        `tags` say where each comes from (span, probability); `dropped` are those that a rule left out; `nil` are words
        that name something the taxonomy lacks.
        """
        tagger = served().tagger
        if tagger is None:
            raise InputError("no model fits the taxonomy any more; start again with another --model")
        return tagger.tag([Product("1", title, text=text, category=category, lang=lang)])[0].to_dict()

    @server.tool(title="Find concepts", annotations=_READS)
    @_with_messages
    def search(
        query: Annotated[str, Field(description="Words of a label, in any language, or an id.")],
        kind: Annotated[Kind | None, Field(description="category, attribute or value.")] = None,
        limit: _Many = 10,
        lang: _Lang = None,
    ) -> list[ConceptRow]:
        """Concepts with such a label, best first. Empty when there is none: `propose` can create it."""
        now = served()
        found = (now.taxonomy.concepts[at] for at in now.suggester.concepts.find(query).tolist())
        return [concept_row(one, lang) for one in found if kind is None or one.kind == kind][:limit]

    @server.tool(title="Read a search query", annotations=_READS)
    @_with_messages
    def read_query(
        query: Annotated[str, Field(description="A shopper's search query, such as: red shoes under 50")],
        lang: _Lang = None,
    ) -> QueryAnswer:
        """A shopper's query taken apart: concepts by span, bounds, exclusions, expansions, facets."""
        now = served()
        return {**now.parser.parse(query, lang=lang).to_dict(), "revision": now.taxonomy.revision}

    @server.tool(title="Neighbours of a concept", annotations=_READS)
    @_with_messages
    def neighbours(concept: _Id, limit: _Many = 10, lang: _Lang = None) -> list[NeighbourRow]:
        """What goes with a concept, best first, each with its evidence: asserted in the taxonomy, inferred from it, on
        the same items, alike by embedding."""
        return [one.to_dict() for one in served().recommender.neighbours(concept, limit=limit, lang=lang)]

    @server.tool(title="Read a concept", annotations=_READS)
    @_with_messages
    def concept(concept: _Id, lang: _Lang = None) -> ConceptDetail:
        """A concept: labels, definition, path from the top, relations."""
        return concept_detail(served().taxonomy, concept, lang)

    @server.tool(
        title="Propose a change",
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False),
    )
    @_with_messages
    def propose(
        operation: Annotated[
            dict[str, Any],
            Field(
                description="An edit request, such as"
                ' {"operation": "create", "concept": "suede", "kind": "value", "pref_label": {"en": "Suede"},'
                ' "value_of": ["material"]} or {"operation": "merge", "concept": "kicks", "into": "sneakers"};'
                " operations: create, set, rename, move, merge, split, deprecate, relate, unrelate."
            ),
        ],
        reason: Annotated[str, Field(min_length=1, description="Why, for the people who decide.")],
    ) -> ProposalDetail:
        """Put a change of the taxonomy up for people to decide on. It is checked, and changes nothing by itself."""
        return proposal_detail(make_proposal(live.store, Draft(operation, reason=reason), Person(author)))

    return server
