"""Answers to questions about stored items and concepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from graph.errors import InputError
from graph.store import TaxonomyStore
from kgtag.ask.answers import CITED, Answer, about_concept, about_kinds, cite, difference, goes_with, unknown, values_of
from kgtag.ask.conditions import Condition, ConditionReader, Verdict, asks_of_all, overlooks_denial
from kgtag.ask.grammar import Reading, language_of, plain, readings
from kgtag.ask.names import Names, Selection, value_text
from kgtag.ask.shelf import MARKS, Fact, Facts, Shelf
from kgtag.ask.slots import compares, slot_readings
from kgtag.ask.wording import listed, sentence, titled
from kgtag.rows.ask import AskAnswerRow, CitationRow
from kgtag.serve.live import Served
from kgtag.text import clean

MAX_QUESTION = 600
_NAME = 5
"""Words of an attribute's name at most."""
_SPLITS = 24
"""Places that an item may end at."""
_NAMED = 5
"""Items that a yes or no names, of several."""


class Asker:
    """Answers questions from one snapshot's tags and graph. Safe to share between threads.

    Args:
        served: The parts of the snapshot; with items.
        store: Where the items are.

    Example:
        >>> Asker(served, store).ask("Is the dome tent waterproof?")["answer"]
        'Yes: “Dome tent, green” has Feature Waterproof.'
    """

    def __init__(self, served: Served, store: TaxonomyStore) -> None:
        assert served.items is not None
        self._served, self._taxonomy = served, served.taxonomy
        self._shelf = Shelf(served.taxonomy, served.items, store)
        self._reader = ConditionReader(served.taxonomy, served.parser, served.items.cooccurrence)
        self._names = Names(served.taxonomy, self._shelf, self._reader)

    def ask(self, question: str, *, lang: str | None = None) -> AskAnswerRow:
        """The answer, or `known: false` with the reason.

        Args:
            question: English or Chinese, at most MAX_QUESTION characters.
            lang: Language of the answer, "en" or "zh"; that of the question by default.

        Raises:
            TextError: An empty or too long question.
            InputError: Another language.
        """
        if lang not in (None, "en", "zh"):
            raise InputError(f"unsupported language {lang!r}; en or zh is expected")
        text, marks = self._shelf.mark(clean(question, limit=MAX_QUESTION, what="question"))
        while len(marks) < 1 + compares(text) and (found := self._shelf.mark_phrase(text, marks, self._describes)):
            text, marks = found
        return _Asked(self._served, self._shelf, self._reader, self._names, marks, lang or language_of(text)).row(
            question, text
        )

    def _describes(self, text: str) -> bool:
        """Whether a text is a description by tags, and so no title."""
        conditions, unknown = self._reader.read(text)
        return bool(conditions) and not unknown


class _Asked:
    """One question: handlers return None where a slot names nothing known, after noting why."""

    def __init__(
        self, served: Served, shelf: Shelf, reader: ConditionReader, names: Names, marks: list[list[str]], lang: str
    ) -> None:
        self._served, self._taxonomy = served, served.taxonomy
        self._shelf, self._reader, self._names = shelf, reader, names
        self._marks, self._lang, self._text = marks, lang, ""
        self._refusal: Answer | None = None

    def row(self, question: str, text: str) -> AskAnswerRow:
        self._text = plain(text)
        for reading in chain(readings(text), slot_readings(plain(text), self._names, self._reader)):
            found = self._answer(reading)
            if found is not None:
                return found.row(question, self._lang)
        refusal = self._refusal or self._unknown("unknown", "no_question")
        return refusal.row(question, self._lang)

    def _answer(self, reading: Reading) -> Answer | None:
        slots = reading.slots
        match reading.intent:
            case "value":
                return self._value(slots["a"], slots["p"])
            case "has":
                return self._has(slots)
            case "items" | "count":
                return self._items(slots["s"], reading.intent)
            case "difference":
                return self._difference(slots["p"], slots["q"])
            case "goes_with":
                return self._goes_with(slots["p"])
            case "kinds":
                return self._kinds(slots["c"])
            case "concept":
                return self._concept(slots["c"])

    # Each intent

    def _value(self, attribute: str, item: str) -> Answer | None:
        ids = self._names.attributes(attribute)
        selection = self._selected(item, "value" if ids else None)
        if selection is None:
            return None
        if not ids:
            if not selection.described:
                self._note("value", "no_attribute", text=attribute)
            return None
        return values_of(self._served, self._shelf, selection, ids, lang=self._lang, name=self._name(selection))

    def _has(self, slots: dict[str, str]) -> Answer | None:
        attributes = self._names.attributes(slots["a"]) if "a" in slots else None
        if attributes == []:
            return None
        pairs = self._splits(slots["pv"], attributes) if "pv" in slots else [(slots["p"], slots["v"])]
        for item, value in pairs:
            if (found := self._has_value(item, value, attributes)) is not None:
                return found
        return None

    def _splits(self, text: str, attributes: Sequence[str] | None) -> Iterator[tuple[str, str]]:
        """Where an item may end and a value begin: after the mark of an item, else between words."""
        at = next((i for i, one in enumerate(text) if self._shelf.named(one, self._marks) is not None), None)
        if at is not None:
            if at == 0:
                yield text[0], text[1:].strip(" ,，的")
            return
        spaces = [i for i, one in enumerate(text) if one == " "][:_SPLITS]
        found = [
            (len(named.items), self._reader.exact(value_text(text[i:])) is None, i)
            for i in spaces
            if self._conditions(text[i:].strip(), attributes) and (named := self._names.items(text[:i], self._marks))
        ]
        yield from ((text[:i], text[i:].strip()) for *_, i in sorted(found))

    def _has_value(self, item: str, value: str, attributes: Sequence[str] | None) -> Answer | None:
        conditions = self._conditions(value, attributes)
        selection = self._selected(item, "has" if conditions else None)
        if not value or selection is None:
            return None
        facts = self._shelf.facts(selection.items)
        if not conditions:
            return self._mentioned(selection, facts, value)
        text = listed([one.text for one in conditions], self._lang)
        if overlooks_denial(self._text, conditions):
            return self._unknown("has", "denial", text=text)
        verdicts = [(one, [self._reader.check(one, each) for each in conditions]) for one in facts]
        good = [(one, found) for one, found in verdicts if all(each.holds for each in found)]
        if good and len(good) < len(facts) and asks_of_all(self._text):
            return self._of_some(good, verdicts)
        if good:
            return self._yes(selection, good)
        bad = [each for _, found in verdicts for each in found if each.holds is False]
        if (
            len(bad) >= len(facts)
            and facts
            and all(any(each.holds is False for each in found) for _, found in verdicts)
        ):
            return self._no(selection, bad, facts)
        answer = self._unknown("has", "no_word", name=self._name(selection), text=text)
        others = [fact for each in conditions for id in each.concepts for fact in self._others(facts, id)]
        if len(facts) == 1 and others:
            answer.citations = [cite(self._taxonomy, one, self._lang) for one in others]
            answer.text += " " * (self._lang != "zh") + self._facts_text("value", selection, others)
        return answer

    def _of_some(
        self, good: Sequence[tuple[Facts, list[Verdict]]], verdicts: Sequence[tuple[Facts, list[Verdict]]]
    ) -> Answer:
        """Asked of all items, and some have it: a no where another one has something else."""
        names = listed([titled(one.title) for one, _ in good], self._lang, most=_NAMED)
        parts = {"count": len(good), "of": len(verdicts), "name": names}
        against = [fact for _, found in verdicts for each in found if each.holds is False for fact in each.facts]
        if not against:
            return self._unknown("has", "only_some", **parts)
        answer = Answer("has", True, holds=False, text=sentence("not_all", self._lang, **parts), count=len(good))
        answer.citations = [cite(self._taxonomy, one, self._lang) for one in against[:CITED]]
        answer.items = [(one.item, one.title) for one, _ in good[:CITED]]
        return answer

    def _others(self, facts: Sequence[Facts], id: str) -> Sequence[Fact]:
        """What the item has of the attribute of a value."""
        home = self._taxonomy.attribute_of(id)
        return facts[0].of(home) if home is not None and facts else ()

    def _mentioned(self, selection: Selection, facts: Sequence[Facts], value: str) -> Answer | None:
        for one in facts:
            if (found := self._reader.mention(one, value_text(value))).holds:
                return self._yes(selection, [(one, [found])])
        if not any(self._names.attributes(word) for word in (value_text(value),)) and len(facts) == 1:
            self._note("has", "no_word", name=self._name(selection), text=value_text(value))
        else:
            self._note("has", "no_tag", text=value_text(value))
        return None

    def _conditions(self, text: str, attributes: Sequence[str] | None) -> Sequence[Condition]:
        """Conditions of a value's text, of one of the attributes where they are given; none where a part of it names
        nothing."""
        for spelling in dict.fromkeys((text, value_text(text))):
            each = [self._reader.exact(spelling, one) for one in (attributes if attributes is not None else (None,))]
            if ids := [id for one in each if one is not None for id in one.concepts]:
                return [Condition(spelling, tuple(ids))]
        words = value_text(text)
        spaces = [i for i, one in enumerate(words) if one == " "]
        for i in dict.fromkeys((*spaces[:_NAME], *spaces[-_NAME:])):  # "a black color", "color black"
            for name, value in ((words[i:], words[:i]), (words[:i], words[i:])):
                homes = [one for one in self._names.attributes(value_text(name.strip())) if one != "category"]
                exact = [self._reader.exact(value_text(value.strip(" :")), one) for one in homes]
                if ids := [id for one in exact if one is not None for id in one.concepts]:
                    return [Condition(value.strip(), tuple(ids))]
        if attributes is not None:
            return []
        named = [id for id in self._names.attributes(words) if id != "category"]
        if named:
            return [Condition(words, tuple(named))]
        conditions, unknown = self._reader.read(text)
        return [] if unknown else conditions

    def _yes(self, selection: Selection, good: Sequence[tuple[Facts, list[Verdict]]]) -> Answer:
        facts = [fact for _, found in good for each in found for fact in each.facts]
        answer = Answer(
            "has", True, holds=True, citations=[cite(self._taxonomy, one, self._lang) for one in facts[:CITED]]
        )
        answer.items = [(one.item, one.title) for one, _ in good[:CITED]]
        if len(selection.items) > 1:
            names = listed([titled(one.title) for one, _ in good], self._lang, most=_NAMED)
            answer.count = len(good)
            answer.text = sentence("yes_several", self._lang, count=len(good), of=len(selection.items), name=names)
            return answer
        answer.text = self._facts_text("yes", selection, facts)
        return answer

    def _no(self, selection: Selection, bad: Sequence[Verdict], facts: Sequence[Facts]) -> Answer:
        shown = [fact for each in bad for fact in each.facts]
        answer = Answer(
            "has", True, holds=False, citations=[cite(self._taxonomy, one, self._lang) for one in shown[:CITED]]
        )
        answer.items = [(one.item, one.title) for one in facts[:CITED]]
        taken = [each.rejected for each in bad if each.rejected is not None]
        if taken:
            labels = listed([self._taxonomy[id].label(self._lang) for id in taken], self._lang)
            answer.text = sentence("no_rejected", self._lang, name=self._name(selection), values=labels)
            for one, id in ((one, id) for one in facts for id in taken if id in one.rejected):
                label = self._taxonomy[id].label(self._lang)
                row: CitationRow = {"item": one.item, "title": one.title, "concept": id, "label": label}
                answer.citations.append({**row, "status": "rejected"})
        else:
            answer.text = self._facts_text("no", selection, shown)
        return answer

    def _facts_text(self, name: str, selection: Selection, facts: Sequence[Fact]) -> str:
        cited = [cite(self._taxonomy, one, self._lang) for one in facts]
        values = listed([one.get("label") or one.get("surface", "") for one in cited], self._lang)
        attribute = next((one["attribute"] for one in cited if "attribute" in one), None)
        if attribute is None or attribute == "category":
            kind = "yes_category" if name == "yes" else name
            label = "类目" if self._lang == "zh" else "category"
            return sentence(kind, self._lang, name=self._name(selection), values=values, attribute=label)
        label = self._taxonomy[attribute].label(self._lang)
        return sentence(name, self._lang, name=self._name(selection), values=values, attribute=label)

    def _items(self, query: str, intent: str) -> Answer | None:
        if MARKS.search(query):
            return None
        conditions, unknown = self._reader.read(query)
        if unknown or not conditions:
            if unknown:
                self._note(intent, "no_tag", text=" ".join(unknown))
            return None
        if overlooks_denial(self._text, conditions):
            return self._unknown(intent, "denial", text=listed([one.text for one in conditions], self._lang))
        concepts = [one.concepts for one in conditions if one.concepts and not one.denied]
        ids = self._shelf.with_all(concepts) if concepts else list(self._shelf.items.ids)
        unsure: dict[str, int] = {}
        others = [one for one in conditions if one.denied or one.amount is not None]
        facts = {one.item: one for one in self._shelf.facts(ids if others else ids[:CITED])}
        for condition in others:
            verdicts = {id: self._reader.check(one, condition) for id, one in facts.items()}
            if verdicts and condition.amount is not None and all(one.holds is None for one in verdicts.values()):
                return self._unknown(intent, "no_price", text=condition.text)
            kept = [id for id, one in verdicts.items() if one.holds or (condition.denied and one.holds is None)]
            silent = sum(verdicts[id].holds is None for id in kept)
            unsure.update({condition.text: silent} if silent else {})
            facts = {id: facts[id] for id in kept}
        ids = list(facts) if others else ids
        if not ids:
            denied = "不含" if self._lang == "zh" else "not "
            parts = [denied * one.denied + one.text for one in conditions]
            return self._unknown(intent, "no_match", text=listed(parts, self._lang))
        return self._found(intent, ids, facts, conditions, unsure)

    def _found(
        self,
        intent: str,
        ids: Sequence[str],
        facts: dict[str, Facts],
        conditions: Sequence[Condition],
        unsure: dict[str, int],
    ) -> Answer:
        answer = Answer(intent, True, count=len(ids))
        shown = [facts[id] for id in ids[:CITED] if id in facts]
        answer.items = [(one.item, one.title) for one in shown]
        verdicts = [self._reader.check(one, each) for one in shown for each in conditions if not each.denied]
        answer.citations = [cite(self._taxonomy, fact, self._lang) for each in verdicts for fact in each.facts][
            : 3 * CITED
        ]
        values = listed([titled(one.title) for one in shown], self._lang, most=_NAMED)
        if intent == "count":
            answer.text = sentence("count", self._lang, count=len(ids), of=len(self._shelf.items))
        else:
            name = "item" if len(ids) == 1 else "items"
            answer.text = sentence(name, self._lang, count=len(ids), values=values)
        for text, count in unsure.items():
            answer.text += sentence("unsure", self._lang, count=count, text=text)
        return answer

    def _difference(self, first: str, second: str) -> Answer | None:
        pair = []
        for text in (first, second):
            selection = self._selected(text, "difference")
            if selection is None:
                return None
            if len(selection.items) != 1:
                names = listed(list(selection.items), self._lang)
                key = "several" if selection.items else "no_item"
                self._note("difference", key, text=text, count=len(selection.items), values=names)
                return None
            pair += self._shelf.facts(selection.items)
        return difference(self._taxonomy, pair[0], pair[1], lang=self._lang)

    def _goes_with(self, item: str) -> Answer | None:
        selection = self._selected(item, "goes_with")
        if selection is None:
            return None
        return goes_with(
            self._served, selection, self._names.concept(item), lang=self._lang, name=self._name(selection)
        )

    def _kinds(self, text: str) -> Answer | None:
        if (id := self._names.concept(text)) is None:
            self._note("kinds", "no_concept", text=text)
            return None
        return about_kinds(self._served, id, lang=self._lang)

    def _concept(self, text: str) -> Answer | None:
        if (id := self._names.concept(text)) is not None:
            return about_concept(self._served, id, lang=self._lang)
        if len(text) == 1 and self._shelf.named(text, self._marks) is not None:
            selection = self._selected(text, "concept")
            assert selection is not None
            return values_of(self._served, self._shelf, selection, None, lang=self._lang, name=self._name(selection))
        conditions, unknown = self._reader.read(text)
        if not unknown and [len(one.concepts) for one in conditions] == [1] and not conditions[0].denied:
            return about_concept(self._served, conditions[0].concepts[0], lang=self._lang)
        self._note("concept", "no_concept", text=text)
        return None

    # What they share

    def _selected(self, text: str, intent: str | None) -> Selection | None:
        """The items; None, with the reason for the intent, where there are none."""
        found = self._names.items(text, self._marks)
        if found is None or not found.items:
            if intent is not None:
                self._note(intent, "no_item", text=text)
            return None
        return found

    def _name(self, selection: Selection) -> str:
        if len(selection.items) == 1:
            titles = [one.title for one in self._shelf.facts(selection.items)]
            return titled(titles[0]) if titles else selection.name
        if self._shelf.named(selection.name, self._marks) is not None:
            return self._title_of(selection)
        several = sentence("of_items", self._lang, count=len(selection.items)) if not selection.described else ""
        return f"“{selection.name}”{several}"

    def _title_of(self, selection: Selection) -> str:
        return titled(self._shelf.facts(selection.items[:1])[0].title)

    def _unknown(self, intent: str, key: str, /, **parts: object) -> Answer:
        return unknown(intent, key, self._lang, **{name: self._spelled(part) for name, part in parts.items()})

    def _note(self, intent: str, key: str, /, **parts: object) -> None:
        """Keep the first reason why a reading did not lead to an answer."""
        self._refusal = self._refusal or self._unknown(intent, key, **parts)

    def _spelled(self, part: object) -> object:
        """A text with the titles that its marks stand for."""
        if not isinstance(part, str):
            return part
        for one in part:
            if (ids := self._shelf.named(one, self._marks)) is not None:
                part = part.replace(one, self._shelf.facts(ids[:1])[0].title)
        return part
