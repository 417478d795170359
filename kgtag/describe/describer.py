"""Descriptions of products from their tags, by Jinja templates of the category."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from graph.errors import InputError
from graph.labels import normal_form, normalise, singular
from graph.model import TaggedItem
from graph.taxonomy import Taxonomy
from kgtag.describe.words import capital, is_adjective, is_gerund, is_people, listed, lowered, noun_of
from kgtag.rows.tagging import DescriptionRow
from kgtag.tag.stored import narrowest

LANGUAGES = ("en", "zh")
_ROLES: Mapping[str, Sequence[str]] = {
    "color": ("color", "colour", "颜色"),
    "material": ("material", "fabric", "材质", "面料"),
    "brand": ("brand", "manufacturer", "品牌"),
    "audience": ("audience", "gender", "target gender", "适用人群", "性别"),
    "size": ("size", "尺码", "尺寸"),
    "pattern": ("pattern", "图案"),
    "style": ("style", "风格"),
    "fit": ("fit", "版型"),
    "occasion": ("occasion", "activity", "场合"),
    "feature": ("feature", "features", "功能"),
    "persons": ("persons", "适用人数"),
    "amount": (
        "capacity",
        "volume",
        "weight",
        "net weight",
        "pack size",
        "pack quantity",
        "power",
        "容量",
        "重量",
        "规格",
    ),
}
"""Labels or ids of the attributes that a default template knows; all others are listed with their names."""
_KINDS: Mapping[str, Callable[[str], bool]] = {"adjective": is_adjective, "people": is_people, "gerund": is_gerund}


@dataclass(slots=True)
class _Values:
    """The values of one product that no sentence has used yet, by attribute, in the order of the tags."""

    taxonomy: Taxonomy
    lang: str
    roles: Mapping[str, str]
    names: Mapping[str, frozenset[str]]
    left: dict[str, list[str]]
    used: list[str] = field(default_factory=list)

    def take(
        self, role: str, *, only: str | None = None, most: int = 99, lower: bool = True, not_in: str = ""
    ) -> list[str]:
        """The texts of an attribute's values, which are used up; none, and they stay, where there are more than `most`,
        one is not of the kind `only`, or a word of one stands in the text `not_in` already.

        Args:
            role: "color" and the like, or the id or a label of an attribute.
            only: "adjective", "people" or "gerund".
        """
        attributes = [id for id in self.left if role in (id, self.roles.get(id)) or role in self.names[id]]
        ids = [value for id in attributes for value in self.left[id]]
        labels = [self.taxonomy[id].label(self.lang) for id in ids]
        fits = only is None or all(map(_KINDS[only], labels))
        there = set(singular(normalise(not_in)).split()) if not_in.isascii() else set()
        twice = any(there & set(singular(normalise(one)).split()) or (one in not_in) for one in labels)
        if not fits or len(ids) > most or (not_in and twice):
            return []
        for id in attributes:
            self.used += self.left.pop(id)
        return [lowered(one) if lower and self.lang == "en" else one for one in labels]

    def take_amounts(self) -> list[str]:
        """Amounts such as "40 L" or "3 pairs"."""
        found = []
        for id in [id for id in self.left if self.roles.get(id) == "amount"]:
            labels = [self.taxonomy[value].label(self.lang) for value in self.left[id]]
            if all(re.match(r"\d", one) for one in labels):
                self.used += self.left.pop(id)
                found += labels
        return found

    def rest(self) -> list[tuple[str, list[str]]]:
        """(attribute, values) of all that is left, as the taxonomy writes it."""
        found = [
            (self.taxonomy[id].label(self.lang), [self.taxonomy[value].label(self.lang) for value in values])
            for id, values in self.left.items()
        ]
        self.used += [value for values in self.left.values() for value in values]
        self.left.clear()
        return found


class Describer:
    """Writes descriptions for one snapshot.

    Args:
        taxonomy: The snapshot.
        templates: A folder of templates CATEGORY.LANG.jinja and default.LANG.jinja, by a category's id; that of the
            nearest broader category counts, then the built-in one.

    Raises:
        InputError: The folder is missing, or a template does not parse.

    Example:
        >>> Describer(taxonomy).describe(item, lang="en")["description"]
        'Red leather running shoes for women, size 38.'
    """

    def __init__(self, taxonomy: Taxonomy, templates: Path | None = None) -> None:
        if templates is not None and not templates.is_dir():
            raise InputError(f"no folder {str(templates)!r}; --templates is a folder of CATEGORY.LANG.jinja files")
        self._taxonomy = taxonomy
        self._templates = {
            lang: {"default": _parsed(f"default.{lang}.jinja", _built_in(lang), lang)} for lang in LANGUAGES
        }
        for path in sorted(templates.glob("*.jinja")) if templates is not None else ():
            name, _, lang = path.name.removesuffix(".jinja").rpartition(".")
            if lang not in LANGUAGES:
                raise InputError(
                    f"{path.name}: a template is called CATEGORY.LANG.jinja, with {' or '.join(LANGUAGES)}"
                )
            self._templates[lang][name] = _parsed(path.name, path.read_text(encoding="utf-8"), lang)
        attributes = [concept for concept in taxonomy if concept.kind == "attribute"]
        self._names = {
            one.id: frozenset((one.id, *(normal_form(text) for text, _, kind in one.labels() if kind == "pref")))
            for one in attributes
        }
        self._roles = {
            id: role for id, names in self._names.items() for role, labels in _ROLES.items() if names & set(labels)
        }

    def describe(self, item: TaggedItem, *, lang: str = "en") -> DescriptionRow:
        """The description of an item from its accepted tags.

        Args:
            item: The item.
            lang: "en" or "zh".

        Raises:
            InputError: Another language, or a template that fails on this item.
        """
        if lang not in LANGUAGES:
            raise InputError(f"unsupported language {lang!r}; {' or '.join(LANGUAGES)} is expected")
        taxonomy = self._taxonomy
        found = narrowest(taxonomy, [tag.concept for tag in item.tags if tag.status == "accepted"])
        categories = [id for id in found if taxonomy[id].kind == "category"]
        category = max(categories, key=lambda id: (taxonomy.depth(id), id), default=None)
        left: dict[str, list[str]] = {}
        for id in found:
            if (home := taxonomy.attribute_of(id)) is not None:
                left.setdefault(home, []).append(id)
        values = _Values(taxonomy, lang, self._roles, self._names, left)
        context: dict[str, Any] = {
            "noun": noun_of(taxonomy[category], lang) if category is not None else "",
            "title": item.title, "take": values.take, "take_amounts": values.take_amounts, "rest": values.rest,
            **{kind: kind for kind in _KINDS},
        }  # fmt: skip
        template = self._template(category, lang)
        try:
            text = " ".join(template.render(context).split()).lstrip(". 。")
        except TemplateError as error:
            raise InputError(f"{template.name}: {error} (item {item.id!r})") from error
        used = [*([category] if category is not None else []), *values.used]
        row: DescriptionRow = {"id": item.id, "lang": lang, "description": text, "concepts": used}
        if unused := [id for id in found if id not in used]:
            row["unused"] = unused
        return row

    def _template(self, category: str | None, lang: str) -> Template:
        """That of the category or the nearest one above it."""
        line = self._taxonomy.path(category)[::-1] if category is not None else []
        own = self._templates[lang]
        return next((own[id] for id in line if id in own), own["default"])


def _built_in(lang: str) -> str:
    return resources.files("kgtag.describe").joinpath(f"default.{lang}.jinja").read_text("utf-8")


def _parsed(name: str, text: str, lang: str) -> Template:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"capital": capital, "listed": partial(listed, lang=lang)}
    try:
        template = environment.from_string(text)
    except TemplateError as error:
        raise InputError(f"{name}: line {getattr(error, 'lineno', '?')}: {error}") from error
    template.name = name
    return template
