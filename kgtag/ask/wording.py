"""The sentences of answers, English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 6

_SENTENCES = {
    "value": ("{attribute} of {name}: {values}.", "{name}的{attribute}：{values}。"),
    "category": ("{name}: {values}.", "{name}：{values}。"),
    "yes": ("Yes: the {attribute} of {name} is {values}.", "是：{name}的{attribute}是{values}。"),
    "yes_category": ("Yes: {name} is tagged {values}.", "是：{name}的类目是{values}。"),
    "yes_several": ("Yes: {count} of {of} items ({name}).", "有：{of}件商品中有{count}件（{name}）。"),
    "not_all": ("No, not all: {count} of {of} items ({name}).", "不是都有：{of}件商品中有{count}件（{name}）。"),
    "only_some": ("tags tell it of {count} of {of} items only ({name})", "{of}件商品中只有{count}件有标签（{name}）"),
    "denial": (
        "what this question denies is not understood; say “without …” or “not …” right before it ({text} was read)",
        "不理解这个问题否定什么；请把“不是”或“不含”放在所否定的词前面（读到的是{text}）",
    ),
    "no": ("No: the {attribute} of {name} is {values}.", "不是：{name}的{attribute}是{values}。"),
    "no_rejected": ("No: a reviewer took {values} off {name}.", "不是：审核人员去掉了{name}的标签“{values}”。"),
    "items": ("{count} items: {values}.", "{count}件商品：{values}。"),
    "item": ("1 item: {values}.", "1件商品：{values}。"),
    "unsure": (" Of these, {count} have no tag on “{text}” either way.", "其中{count}件没有说明“{text}”。"),
    "count": ("{count} of {of} stored items.", "{of}件商品中有{count}件。"),
    "difference": ("{values}.", "{values}。"),
    "same": ("No difference in their tags: {values}.", "标签没有区别：{values}。"),
    "goes_with": ("With {name}: {values}.", "与{name}搭配：{values}。"),
    "kinds": ("Kinds of {name}: {values}.", "{name}的种类：{values}。"),
    "concept": ("{name}: {definition}", "{name}：{definition}"),
    "broader": ("{name}: {above}.", "{name}：属于{above}。"),
    "unknown": ("Not known: {reason}.", "不知道：{reason}。"),
    "no_value": ("no tag says the {attribute} of {name}", "没有标签说明{name}的{attribute}"),
    "no_word": ("no tag says whether {name} has “{text}”", "没有标签说明{name}是否有“{text}”"),
    "not_applicable": (
        "no tag says the {attribute} of {name}, and {attribute} does not apply to {category}",
        "没有标签说明{name}的{attribute}，{attribute}也不适用于{category}",
    ),
    "no_attribute": ("no attribute is called “{text}”", "没有叫“{text}”的属性"),
    "no_item": ("no stored item is called “{text}”", "没有叫“{text}”的商品"),
    "no_concept": ("no concept is called “{text}”", "没有叫“{text}”的概念"),
    "no_tag": ("nothing in the taxonomy is called “{text}”", "分类体系里没有“{text}”"),
    "no_match": ("no stored item has all of: {text}", "没有商品同时有：{text}"),
    "no_price": ("no item among these has an amount to compare with “{text}”", "这些商品没有可与“{text}”比较的数值"),
    "several": ("“{text}” names {count} items; ask by id: {values}", "“{text}”指{count}件商品，请用编号提问：{values}"),
    "no_partner": ("nothing says what goes with {name}", "没有信息说明什么与{name}搭配"),
    "no_kinds": ("no concept is narrower than {name}", "{name}没有下位概念"),
    "no_question": ("this question has a form that is not understood", "不理解这个问法"),
    "no_definition": ("“{name}” has neither a definition nor a broader concept", "“{name}”没有定义，也没有上位概念"),
    "of_items": (" ({count} items)", "（{count}件商品）"),
    "nothing": ("not said", "未说明"),
}  # fmt: skip


def sentence(name: str, lang: str, /, **parts: object) -> str:
    """The sentence, with its parts put in."""
    attribute = parts.get("attribute")
    if isinstance(attribute, str) and not _SENTENCES[name][0].startswith("{attribute}"):
        parts["attribute"] = attribute.lower() if attribute[1:].islower() else attribute
    return _SENTENCES[name][lang == "zh"].format(**parts)


def listed(texts: Sequence[str], lang: str, *, most: int = _SHOWN) -> str:
    """ "a, b and c"; of more than `most`, the first and how many more."""
    texts = list(dict.fromkeys(texts))
    if len(texts) > most:
        more = len(texts) - most
        texts = [*texts[:most], f"另外{more}个" if lang == "zh" else f"{more} more"]
    if lang == "zh":
        return "、".join(texts)
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else ""


def titled(title: str, *, most: int = 90) -> str:
    """A title in a sentence: in quotation marks, cut where it is long."""
    shown = title if len(title) <= most else title[: most - 1].rstrip() + "…"
    return f"“{shown.rstrip('.。')}”"
