"""What the columns of a table hold, by their headers: kgtag's own names, and those of common exports.

Headers are compared without regard to case, spaces, underscores and hyphens. Those of texts may end in a language:
`pref_label@en`, `label-en_US`, `name (de)`.
"""

import difflib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graph.errors import FileFormatError, InputError
from graph.formats.table import Table
from graph.labels import CJK, language_tag
from graph.model import RELATION_TYPES

TEXTS: Mapping[str, str] = {
    "pref_label": "pref_label label name preferred_label category_name category_title term_name node_name term title "
    "名称 分类名称 类目名称 类别名称 品类名称 标签 名字 bezeichnung",
    "alt_label": "alt_label synonyms synonym alternative_label alternative_labels alt_labels aliases alias 同义词 别名",
    "hidden_label": "hidden_label hidden_labels",
    "definition": "definition description comment scope_note category_description 定义 描述 说明 beschreibung",
}
"""Headers of texts in a language, best first."""
ROLES: Mapping[str, str] = {
    "id": "id unique_id category_id category_code term_id entity_id concept_id node_id code category_key key uri "
    "iri url handle category_handle slug category_slug url_key 编号 编码 代码 分类编码 类目编码 类目id 分类id nr. nr",
    "scheme": "scheme",
    "kind": "kind",
    "notation": "notation",
    "status": "status",
    "choice": "choice",
    "parent": "parent parents parent_id parent_unique_id parent_category_id parent_code parent_category_code "
    "parent_term_id parent_node_id parent_key parent_uri parent_handle parent_category_handle parent_slug "
    "父级 上级 父类 父类目 父分类 上级类目 上级分类 父级编号 父级编码 上级编号 上级编码 父id 父级id "
    "obergruppe oberkategorie "
    "parent_category parent_name parent_term sub_type_of sub_class_of sub_property_of broader_term broader_concept",
    "path": "path full_path category_path full_name breadcrumb breadcrumbs taxonomy_path tree_path hierarchy "
    "category_hierarchy path_names 路径 类目路径 分类路径",
    "category": "category product_category google_product_category main_category",
    "categories": "categories product_categories kategorien catégories categorías categorie 分类",
    **{type: type for type in RELATION_TYPES},
    "replaced_by": "replaced_by superseded_by successor",
    "value_of": "value_of attribute attribute_code",
}
"""Headers of everything else, best first."""
_LEVEL = re.compile(r"(?:tier|level|lvl|l|categorylevel|category|cat|ebene)(\d{1,2})(?:name)?")
_CJK_LEVEL = re.compile(r"([一二三四五六])级(?:分类|类目|品类|类别)?")
_HIERARCHICAL = frozenset({"parent", "path", "category", "categories", "broader", "value_of"})
_CODES = frozenset({"code", "categorycode"})
"""Keys that are notations too, where another column is the id."""
_SHORTEST = 5
"""Letters of a header that another may be a misspelling of."""
_NUMBERED = re.compile(r"productcategory\d{1,2}(?:name)?")
"""One of the categories of a product, as Medusa has them."""
_NESTED = ("mastercategory", "maincategory", "category", "subcategory", "subsubcategory")
_PRODUCT = frozenset(
    {"sku", "gtin", "ean", "mpn", "price", "regularprice", "variantsku", "productid", "productname", "producttitle"}
)
"""Headers that only tables of products have."""
_RELATION_LIKE = re.compile(
    r"parent|broader|narrower|super|sub(type|class|prop)|domain|child|path|categor|tier|level\d|hierarch|ancestor|related"
    r"|eltern|^ober|^über|父|上级"
)
_LANGUAGE = re.compile(r"(.+?)[-_.:@\s(\[]+([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*|und|zxx)[)\]]?")


def key(header: str) -> str:
    """The header in the form in which headers are compared."""
    return re.sub(r"[\s_\-]+", "", header).casefold()


_KEYS: Mapping[str, tuple[str, int]] = {
    key(one): (role, rank) for role, every in {**TEXTS, **ROLES}.items() for rank, one in enumerate(every.split())
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a table has what; columns are numbered from 0.

    Args:
        at: The column of each role that has one.
        texts: Field, language and rank of the columns of labels and definitions; rank 0 is kgtag's own name.
        levels: Columns with one level of a path each, from the top down.
        numbered: Columns with one category of a product each.
        keys: Further columns by which a parent may be named.
        products: Whether the rows are products, of which only the categories count.
        plain: Whether a column of labels names no language.
        unused: Headers that nothing was made of.
    """

    at: Mapping[str, int]
    texts: Mapping[int, tuple[str, str, int]]
    levels: tuple[int, ...]
    numbered: tuple[int, ...]
    keys: tuple[int, ...]
    products: bool
    plain: bool
    unused: tuple[str, ...]

    @property
    def named(self) -> bool:
        """Whether anything gives the concepts names."""
        if any(field == "pref_label" for field, _, _ in self.texts.values()) and not self.products:
            return True
        return bool(self.levels or self.numbered) or not self.at.keys().isdisjoint({"path", "category", "categories"})

    def relation_like(self) -> list[str]:
        """The unused headers that may name other concepts."""
        return [one for one in self.unused if _RELATION_LIKE.search(key(one))]


def recognised(header: Sequence[str], given: Mapping[str, str]) -> int:
    """How many headers of a row are known or `given`; 0 for a row that can't be the header of a taxonomy."""
    if given:
        keys = set(map(key, header))
        if not all(key(one) in keys for one in given.values()):
            return 0
    found = [_role(one)[0] for one in header]
    naming = {"pref_label", "path", "category", "categories", "level", "numbered"}
    return len(given) + sum(map(bool, found)) if given or not naming.isdisjoint(found) else 0


def columns(table: Table, given: Mapping[str, str], *, lang: str) -> Columns:
    """The columns of a table. `given` are headers by role (`label`, `label@de`, `parent`); `lang` is for labels that
    name no language.

    Raises FileFormatError for a given header that isn't there, a repeated column, and a header that is misspelt.
    """
    ranked: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    tiers: list[tuple[int, int]] = []
    numbered: list[int] = []
    nested: dict[str, int] = {}
    chosen = {_position(table, header): role for role, header in given.items()}
    plain = False
    for position, written in enumerate(table.header):
        role, language, rank = _asked(chosen[position]) if position in chosen else _role(written)
        if language is not None and language_tag(language) is None:
            raise table.error(position, f"{language!r} is not a language tag (like en or zh-CN)", line=table.line)
        if position not in chosen and key(written) in _NESTED:
            nested[key(written)] = position
        if role == "level":
            tiers.append((rank, position))
        elif role == "numbered":
            numbered.append(position)
        elif role:
            tag = (language and language_tag(language)) or lang
            plain |= role in TEXTS and language is None
            ranked[role, tag if role in TEXTS else ""].append((rank, position))
    levels = tuple(position for _, position in sorted(tiers))
    if not levels and len(nested) > 1:
        levels = tuple(nested[name] for name in _NESTED if name in nested)
        ranked["category", ""] = [one for one in ranked["category", ""] if one[1] not in levels]
    at, texts = _best(table, ranked)
    keys = tuple(position for _, position in sorted(ranked["id", ""])[1:])
    if "id" not in at and "notation" in at:  # which a parent may be named by
        keys = (at["notation"],)
    codes = [position for position in keys if key(table.header[position]) in _CODES]
    if codes:
        at.setdefault("notation", codes[0])
    used = {*at.values(), *texts, *levels, *numbered, *keys}
    unused = tuple(one for position, one in enumerate(table.header) if one and position not in used)
    if not levels and not numbered and at.keys().isdisjoint(_HIERARCHICAL):
        _refuse_misspelt(table, unused)
    products = bool(numbered) or ("parent" not in at and _of_products(table.header, at))
    plain |= bool(levels or products or "path" in at)
    return Columns(at, texts, levels, tuple(numbered), keys, products, plain, unused)


def _best(
    table: Table, ranked: Mapping[tuple[str, str], Sequence[tuple[int, int]]]
) -> tuple[dict[str, int], dict[int, tuple[str, str, int]]]:
    """The best column of each role, and of each field of texts in each language. Raises FileFormatError for two."""
    at: dict[str, int] = {}
    texts: dict[int, tuple[str, str, int]] = {}
    for (role, language), unordered in ranked.items():
        found = sorted(unordered)
        if len(found) > 1 and found[0][0] == found[1][0]:
            what = f"{role}@{language}" if role in TEXTS else role
            raise table.error(found[1][1], f"a second column of {what}", line=table.line)
        for rank, position in found[:1]:
            if role in TEXTS:
                texts[position] = (role, language, abs(rank))
            else:
                at[role] = position
    return at, texts


def _of_products(header: Sequence[str], at: Mapping[str, int]) -> bool:
    known = set(map(key, header))
    if "categories" in at or ("category" in at and "title" in known and known.isdisjoint({"label", "name"})):
        return True
    return "category" in at and not known.isdisjoint(_PRODUCT)


def _role(header: str) -> tuple[str, str | None, int]:
    """Role, language if one is named, and rank of a header; role "" without a meaning."""
    plain = key(header)
    if plain in _KEYS:
        role, rank = _KEYS[plain]
        return role, "zh" if role in TEXTS and CJK.match(plain) else None, rank
    if level := _CJK_LEVEL.fullmatch(plain):
        return "level", None, "一二三四五六".index(level[1])
    if level := _LEVEL.fullmatch(plain):
        return "level", None, int(level[1])
    if _NUMBERED.fullmatch(plain):
        return "numbered", None, 0
    base, at, language = header.partition("@")
    if at and _KEYS.get(key(base), ("",))[0] in TEXTS:
        return _KEYS[key(base)][0], language, _KEYS[key(base)][1]
    found = _LANGUAGE.fullmatch(header) if len(header) < 200 else None
    if found and _KEYS.get(key(found[1]), ("",))[0] in TEXTS:
        return _KEYS[key(found[1])][0], found[2], _KEYS[key(found[1])][1]
    return "", None, 0


def _asked(role: str) -> tuple[str, str | None, int]:
    """The same for a role of `--column ROLE=HEADER`, which comes before every other. Raises InputError."""
    name, at, language = role.partition("@")
    known, _, _ = _role(name)
    if not known or (at and known not in TEXTS):
        raise InputError(f"--column {role}=…: there is no {role!r}; there is {', '.join([*TEXTS, *ROLES])}")
    return known, language if at else None, -1


def _position(table: Table, header: str) -> int:
    for position, written in enumerate(table.header):
        if key(written) == key(header):
            return position
    near = difflib.get_close_matches(header, table.header, n=1)
    hint = f"did you mean {near[0]!r}? There is" if near else "there is"
    message = f"no column {header!r} for --column; {hint} {_shown(table.header)}"
    raise FileFormatError(str(table.file), message, line=table.line)


def nameless(table: Table) -> FileFormatError:
    """The error for a table without a column of names."""
    if table.file.suffix.lower() in (".yaml", ".yml"):
        return FileFormatError(str(table.file), "YAML is not read; save it as CSV or JSONL")
    first = next((one for one in table.header if one and not _role(one)[0]), "NAME")
    message = (
        f"no column of names was recognised among {_shown(table.header)}; say which it is: --column label={first!r}, "
        "and in the same way parent, path, id (docs/reference/formats.md has the headers that are known)"
    )
    return FileFormatError(str(table.file), message, line=table.line)


def _shown(header: Sequence[str]) -> str:
    names = [repr(one[:60]) for one in header if one]
    return ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def _refuse_misspelt(table: Table, unused: Sequence[str]) -> None:
    """A table without a hierarchy that has a column with nearly the name of one."""
    for one in unused:
        hierarchical = [name for name in _KEYS if _KEYS[name][0] in _HIERARCHICAL and len(name) >= _SHORTEST]
        near = difflib.get_close_matches(key(one)[:50], hierarchical, n=1, cutoff=0.8)
        if near and abs(len(key(one)) - len(near[0])) <= 1:
            role = _KEYS[near[0]][0]
            message = f"there is no such column; did you mean {role}? If so, --column {role}={one!r}"
            raise table.error(table.header.index(one), message, line=table.line)
