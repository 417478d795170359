"""Answers about the values of items, their differences, what goes with them, and about concepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from graph.labels import normalise
from graph.taxonomy import Taxonomy
from kgtag.ask.names import Selection
from kgtag.ask.shelf import Fact, Facts, Shelf
from kgtag.ask.wording import listed, sentence, titled
from kgtag.rows.ask import AskAnswerRow, AskedDifferenceRow, AskedValueRow, CitationRow
from kgtag.serve.live import Served

CITED = 20
_WHOLE = 30
"""Items whose tags are read one by one; more are counted."""


@dataclass(slots=True)
class Answer:
    """An answer while it is made."""

    intent: str
    known: bool
    text: str = ""
    reason: str | None = None
    holds: bool | None = None
    count: int | None = None
    items: list[tuple[str, str]] = field(default_factory=list)
    values: list[AskedValueRow] = field(default_factory=list)
    differences: list[AskedDifferenceRow] | None = None
    citations: list[CitationRow] = field(default_factory=list)

    def row(self, question: str, lang: str) -> AskAnswerRow:
        """The answer, ready for JSON."""
        row: AskAnswerRow = {
            "question": question, "intent": self.intent, "lang": lang, "known": self.known, "answer": self.text,
            "items": [{"item": id, "title": title} for id, title in self.items],
            "values": self.values, "citations": self.citations,
        }  # fmt: skip
        if self.reason is not None:
            row["reason"] = self.reason
        if self.holds is not None:
            row["holds"] = self.holds
        if self.count is not None:
            row["count"] = self.count
        if self.differences is not None:
            row["differences"] = self.differences
        return row


def cite(taxonomy: Taxonomy, fact: Fact, lang: str) -> CitationRow:
    """The fact as a citation."""
    row: CitationRow = {"item": fact.item, "title": fact.title}
    if fact.concept is not None:
        row["concept"], row["label"] = fact.concept, taxonomy[fact.concept].label(lang)
    if fact.attribute is not None:
        row["attribute"] = fact.attribute
    if fact.span is not None:
        row["span"] = list(fact.span)
    if fact.surface is not None:
        row["surface"] = fact.surface
    return row


def unknown(intent: str, key: str, lang: str, /, **parts: object) -> Answer:
    """A refusal with its reason."""
    reason = sentence(key, lang, **parts)
    return Answer(intent, False, text=sentence("unknown", lang, reason=reason), reason=reason)


def values_of(
    served: Served, shelf: Shelf, selection: Selection, attributes: Sequence[str] | None, *, lang: str, name: str
) -> Answer:
    """The values that the items have of the first of the attributes that any has one of; of all attributes for None."""
    taxonomy = served.taxonomy
    if attributes is not None and len(selection.items) > _WHOLE:
        return _counted(served, selection, attributes, lang=lang, name=name)
    facts = shelf.facts(selection.items)
    applies = _applying(taxonomy, facts)
    for attribute in attributes if attributes is not None else (None,):
        found = [fact for one in facts for fact in (one.of(attribute) if attribute is not None else one.accepted)]
        if found:
            answer = Answer("value", True, citations=[cite(taxonomy, one, lang) for one in found[:CITED]])
            answer.items = [(one.item, one.title) for one in facts[:CITED]]
            answer.values = _value_rows(taxonomy, found, lang)
            texts = [one["text"] for one in answer.values]
            key = "category" if attribute in (None, "category") else "value"
            label = taxonomy[attribute].label(lang) if attribute in taxonomy and attribute is not None else ""
            answer.text = sentence(key, lang, name=name, values=listed(texts, lang, most=12), attribute=label)
            return answer
        if attribute in applies:  # what another attribute of a like name says is not asked for
            break
    return _silent(taxonomy, facts, list(attributes or ()), lang=lang, name=name)


def _applying(taxonomy: Taxonomy, facts: Sequence[Facts]) -> set[str]:
    categories = {str(fact.concept) for one in facts for fact in one.of("category") if fact.concept is not None}
    return {attribute for one in categories for attribute in taxonomy.attributes_for(one)}


def _silent(taxonomy: Taxonomy, facts: Sequence[Facts], attributes: Sequence[str], *, lang: str, name: str) -> Answer:
    asked = next((one for one in attributes if one in taxonomy), None)
    label = taxonomy[asked].label(lang) if asked is not None else ("类目" if lang == "zh" else "category")
    categories = [str(fact.concept) for one in facts for fact in one.of("category")]
    somewhere = asked is not None and bool(taxonomy.out(asked, "applies_to"))  # else it may apply anywhere
    if asked is not None and somewhere and categories and asked not in _applying(taxonomy, facts):
        labels = listed([taxonomy[one].label(lang) for one in categories], lang)
        return unknown("value", "not_applicable", lang, attribute=label, name=name, category=labels)
    return unknown("value", "no_value", lang, attribute=label, name=name)


def _value_rows(taxonomy: Taxonomy, facts: Sequence[Fact], lang: str) -> list[AskedValueRow]:
    rows: dict[str, AskedValueRow] = {}
    having: dict[str, set[str]] = {}
    for fact in facts:
        key = fact.concept or normalise(fact.text)
        row: AskedValueRow = {"text": taxonomy[fact.concept].label(lang) if fact.concept is not None else fact.text}
        if fact.concept is not None:
            row["concept"], row["kind"] = fact.concept, taxonomy[fact.concept].kind
        if fact.attribute is not None:
            row["attribute"] = fact.attribute
        rows.setdefault(key, row)
        having.setdefault(key, set()).add(fact.item)
    for key, row in rows.items():
        row["items"] = len(having[key])
    return sorted(rows.values(), key=lambda row: -row.get("items", 0))


def _counted(served: Served, selection: Selection, attributes: Sequence[str], *, lang: str, name: str) -> Answer:
    """The same over many items, by their counts; without mentions that have no concept."""
    taxonomy, items = served.taxonomy, served.items
    assert items is not None
    counts = items.counts(selection.items)
    for attribute in attributes:
        ids = (
            taxonomy.values_of(attribute)
            if attribute != "category"
            else [one.id for one in taxonomy if one.kind == "category"]
        )
        ids = [
            id
            for id in ids
            if counts[taxonomy.index(id)] and not any(counts[taxonomy.index(b)] for b in taxonomy.descendants(id))
        ]
        ids.sort(key=lambda id: (-counts[taxonomy.index(id)], id))
        if ids:
            answer = Answer("value", True, count=len(ids))
            for id in ids:
                concept = taxonomy[id]
                row: AskedValueRow = {"text": concept.label(lang), "concept": id, "kind": concept.kind}
                answer.values.append({**row, "attribute": attribute, "items": int(counts[taxonomy.index(id)])})
            wanted = set(selection.items)
            for id in ids[:CITED]:
                first = next(n for n in items.having(id) if items.ids[n] in wanted)
                answer.citations.append(
                    {
                        "item": items.ids[first],
                        "title": items.titles[first],
                        "concept": id,
                        "label": taxonomy[id].label(lang),
                        "attribute": attribute,
                    }
                )
            texts = [f"{row['text']} ({row.get('items', 0)})" for row in answer.values]
            label = taxonomy[attribute].label(lang) if attribute in taxonomy else ""
            key = "value" if attribute != "category" else "category"
            answer.text = sentence(key, lang, name=name, attribute=label, values=listed(texts, lang, most=12))
            return answer
    return _silent(taxonomy, (), attributes, lang=lang, name=name)


def difference(taxonomy: Taxonomy, first: Facts, second: Facts, *, lang: str) -> Answer:
    """Attribute by attribute: what differs, and what only one of them is tagged with."""
    attributes = list(dict.fromkeys(fact.attribute for fact in (*first.accepted, *second.accepted) if fact.attribute))
    rows: list[AskedDifferenceRow] = []
    cited: list[Fact] = []
    same: list[str] = []
    nothing = sentence("nothing", lang)
    for attribute in attributes:
        label = taxonomy[attribute].label(lang) if attribute in taxonomy else ("类目" if lang == "zh" else "Category")
        mine, theirs = first.of(attribute), second.of(attribute)
        sides = [[_text(taxonomy, fact, lang) for fact in side] for side in (mine, theirs)]
        if set(map(normalise, sides[0])) == set(map(normalise, sides[1])):
            same.append(f"{label} {listed(sides[0], lang)}")
            continue
        rows.append({"attribute": attribute, "label": label, "first": sides[0], "second": sides[1]})
        cited += [*mine, *theirs]
    if not rows and not same:
        return unknown("difference", "no_value", lang, attribute="", name=titled(first.title))
    answer = Answer("difference", True, differences=rows, citations=[cite(taxonomy, one, lang) for one in cited])
    answer.items = [(first.item, first.title), (second.item, second.title)]
    if not rows:
        answer.text = sentence("same", lang, values=listed(same, lang))
        return answer
    colon, against = ("：", "，对") if lang == "zh" else (": ", " against ")
    texts = [
        f"{row['label']}{colon}{listed(row['first'], lang) or nothing}{against}{listed(row['second'], lang) or nothing}"
        for row in rows
    ]
    answer.text = sentence("difference", lang, values="；".join(texts) if lang == "zh" else "; ".join(texts))
    return answer


def _text(taxonomy: Taxonomy, fact: Fact, lang: str) -> str:
    return taxonomy[fact.concept].label(lang) if fact.concept is not None else fact.text


def goes_with(served: Served, selection: Selection, concept: str | None, *, lang: str, name: str) -> Answer:
    """What others chose with it, where a recommender was trained on behaviour; else the concepts that the graph calls
    related, or that stand on the same items."""
    taxonomy, items = served.taxonomy, served.items
    assert items is not None
    answer = Answer("goes_with", True)
    if served.behaviour is not None and len(selection.items) == 1:
        found = [
            one for one in items.recommend(items=selection.items, model=served.behaviour, limit=5) if one.behaviour
        ]
        answer.items = [(one.item, one.title) for one in found]
        answer.citations = [
            {"item": one.item, "title": one.title, "relation": "chosen_with", "target": selection.items[0]}
            for one in found
        ]
        if found:
            answer.text = sentence(
                "goes_with", lang, name=name, values=listed([titled(one.title) for one in found], lang)
            )
            return answer
    tags = items.tags_of(selection.items[0]) if concept is None or len(selection.items) == 1 else [concept]
    own = [id for id in tags if taxonomy[id].kind == "category"]
    for id in sorted(own, key=taxonomy.depth, reverse=True):
        for other in taxonomy.out(id, "related") + taxonomy.into(id, "related"):
            if any(row.get("concept") == other for row in answer.values) or other in own:
                continue
            label = taxonomy[other].label(lang)
            answer.values.append(
                {"text": label, "concept": other, "kind": taxonomy[other].kind, "items": len(items.having(other))}
            )
            answer.citations.append(
                {
                    "concept": id,
                    "label": taxonomy[id].label(lang),
                    "relation": "related",
                    "target": other,
                    "target_label": label,
                }
            )
        if answer.values:
            break
    if not answer.values:
        return unknown("goes_with", "no_partner", lang, name=name)
    answer.text = sentence("goes_with", lang, name=name, values=listed([one["text"] for one in answer.values], lang))
    return answer


def about_concept(served: Served, id: str, *, lang: str) -> Answer:
    """Its definition and what is broader."""
    taxonomy, items = served.taxonomy, served.items
    concept = taxonomy[id]
    label = concept.label(lang)
    answer = Answer("concept", True, count=len(items.having(id)) if items is not None else None)
    answer.values = [{"text": label, "concept": id, "kind": concept.kind}]
    definition = concept.definition.get(lang) or next((text for _, text in sorted(concept.definition.items())), None)
    attribute = taxonomy.attribute_of(id)
    above = [*taxonomy.out(id, "broader"), *([attribute] if attribute is not None else [])]
    for one in above:
        relation = "broader" if one != attribute else "value_of"
        answer.citations.append(
            {
                "concept": id,
                "label": label,
                "relation": relation,
                "target": one,
                "target_label": taxonomy[one].label(lang),
            }
        )
    if definition is not None:
        answer.citations.insert(0, {"concept": id, "label": label, "definition": definition})
        answer.text = sentence("concept", lang, name=label, definition=definition)
        return answer
    if not above:
        return unknown("concept", "no_definition", lang, name=label)
    shown = listed([taxonomy[one].label(lang) for one in above], lang)
    answer.text = sentence(
        "broader", lang, name=label, above=f"a kind of {shown}" if lang != "zh" and attribute is None else shown
    )
    if attribute is not None and lang != "zh":
        answer.text = sentence("broader", lang, name=label, above=f"a value of {taxonomy[attribute].label(lang)}")
    return answer


def about_kinds(served: Served, id: str, *, lang: str) -> Answer:
    """The concepts just below it, or the values of an attribute, most used first."""
    taxonomy, items = served.taxonomy, served.items
    attribute = taxonomy[id].kind == "attribute"
    below = taxonomy.values_of(id) if attribute else taxonomy.into(id, "broader")
    if not below:
        return unknown("kinds", "no_kinds", lang, name=f"“{taxonomy[id].label(lang)}”")
    counts = {one: len(items.having(one)) if items is not None else 0 for one in below}
    below.sort(key=lambda one: (-counts[one], one))
    answer = Answer("kinds", True, count=len(below))
    label = taxonomy[id].label(lang)
    for one in below:
        text = taxonomy[one].label(lang)
        answer.values.append({"text": text, "concept": one, "kind": taxonomy[one].kind, "items": counts[one]})
        relation = "value_of" if attribute else "broader"
        answer.citations.append(
            {"concept": one, "label": text, "relation": relation, "target": id, "target_label": label}
        )
    answer.citations = answer.citations[:CITED]
    answer.text = sentence(
        "kinds", lang, name=label, values=listed([one["text"] for one in answer.values], lang, most=12)
    )
    return answer
