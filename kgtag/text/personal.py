"""Personal data in product texts: mails, phone numbers, WeChat and QQ ids, Chinese id cards, bank cards.

Found in English and Chinese by their form, their check digits and the words before them. Codes of products (GTINs,
model numbers, sizes, prices) are left alone: a bare number counts only where its form tells that it is none of those.
Names and addresses are not found.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any, Literal

from kgtag.types import Product, Span

PersonalKind = Literal["mail", "phone", "messenger", "id_card", "bank_card"]

_WIDE = {**{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}, 0x3000: 0x20, 0xA0: 0x20}
_MASK_BEHIND = re.compile(r"(?:[\s.:：]|id|号){0,4}[+(]{0,2}\*\*")
_HINT = re.compile(r"@|\d[\d\s().-]{4,}\d|微信|weixin|wechat|[微薇威]信|\b[vw]x\b|加[v微薇]|qq|扣扣", re.IGNORECASE)
_MAIL = re.compile(
    r"(?<![\w/.+-])[A-Za-z0-9][\w.%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}(?![\w@])", re.ASCII
)
_NUMBER = r"(?<![\dA-Za-z#_$€£¥.,/-])(?:{})(?![\dA-Za-z_]|[.,/-]\d)"
_ID_CARD = re.compile(_NUMBER.format(r"[1-8]\d{5}[ ]?(?:19|20)\d{6}[ ]?\d{3}[\dXx]"))
_CARD = re.compile(
    _NUMBER.format(r"[2-6]\d{3}([ -]?)\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|3[47]\d{2}([ -]?)\d{6}\2\d{5}")
)
_ISSUER = re.compile(r"4|5[1-5]|2[2-7]|3[47]|6[0-25]|9558")
_PLUS = re.compile(r"(?<![\dA-Za-z])(?:\+|00(?=[1-9]))[\d\s().-]{8,22}\d(?![\dA-Za-z])")
_CN_MOBILE = re.compile(_NUMBER.format(r"(?:86[ -])?1[3-9]\d([ .-]?)\d{4}\1\d{4}"))
_CN_LANDLINE = re.compile(_NUMBER.format(r"(?:\(0\d{2,3}\)[ ]?|0\d{2,3}-)[2-8]\d{2,3}[ -]?\d{4}"))
_US = re.compile(_NUMBER.format(r"(?:1[ -.])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}([-.]))[2-9]\d{2}[-.]\d{4}"))
_CUED = re.compile(
    r"(?:\b(?:tel(?:ephone)?|phone|call(?: me| us)?|cell|mobile|whats ?app|viber|contact(?: me| us)?|sms|text me|fax)"
    r"(?:(?: (?:number|no\.?|us|me|at|on|is))*)|电话|手机号?码?|联系(?:方式|我)?|热线|致电|拨打|传真|微信同号)"
    r"[\s.:：=#,，-]{0,4}(?:是|号码?)?[\s:：]{0,2}(?P<id>\(?\+?\d[\d\s().-]{5,20}\d)(?![\dA-Za-z])",
    re.IGNORECASE,
)
_REGIONS = ("CN", "US", "GB", "DE", "FR", "AU", "IN", "HK")
_CODE = re.compile(
    r"(?:\b(?:sku|gtin|ean|upc|isbn|asin|mpn|oem|model|part|item|art(?:icle)?|ref|style|serial|s/n|p/n|code|lot|batch|version)"
    r"|型号|货号|款号|编号|条码|条形码|产品码|订单号?|批号|书号)(?:\s?(?:numbers?|nr|no|code|id|#|号))?[\s.:：=#-]{0,3}$",
    re.IGNORECASE,
)
_ID = r"(?P<id>[A-Za-z][A-Za-z0-9_-]{5,19}|\d{5,12})(?![A-Za-z0-9_]|-\d)"
_MESSENGER = re.compile(
    r"(?:(?:微信|[薇威]信|wechat|weixin|加[v微薇](?:信|我)?)(?:号码?|[ ]?id)?|(?<![A-Za-z0-9])[vw]x号?(?=[ ]?[:：]))"
    rf"(?P<sign>[\s.:：=]{{0,3}}){_ID}",
    re.IGNORECASE,
)
_QQ = re.compile(
    r"(?:(?<![A-Za-z0-9])q\s?q|扣扣)(?:号码?|群)?[\s.:：=]{0,3}(?P<id>[1-9]\d{5,10})(?![\dA-Za-z_]|[.-]\d)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, order=True)
class Personal:
    """Personal data at the half-open characters `start` to `end` of a text."""

    start: int
    end: int
    kind: PersonalKind


def find_personal(text: str) -> list[Personal]:
    """What is personal in a text, by place; none overlaps another.

    Example:
        >>> [(one.kind, one.start) for one in find_personal("Red shoes 微信 anna_88 电话13812345678 EAN 4006381333931")]
        [('messenger', 13), ('phone', 23)]
    """
    if not _HINT.search(text):
        return []
    plain = text.translate(_WIDE)
    found: list[Personal] = []
    for one in _candidates(plain):
        if all(one.end <= other.start or other.end <= one.start for other in found):
            found.append(one)
    return sorted(found)


def mask(text: str) -> str:
    """The text with an asterisk for every letter and digit of what is personal: as long as before.

    Example:
        >>> mask("call 415-555-2671 for socks")
        'call ***-***-**** for socks'
    """
    found = find_personal(text)
    if not found:
        return text
    characters = list(text)
    for one in found:
        for at in range(one.start, one.end):
            if characters[at].isalnum() or characters[at] in "@_":
                characters[at] = "*"
    return "".join(characters)


def is_masked(text: str, span: Span) -> bool:
    """Whether a span of a masked text has a mask in it or right behind it, as the word before a number does.

    Example:
        >>> is_masked("socks WhatsApp +** ***", Span(6, 14))
        True
    """
    return "**" in text[span.start : span.end] or _MASK_BEHIND.match(text, span.end) is not None


def mask_product(product: Product) -> Product:
    """The product with its texts masked; itself when there is nothing personal."""
    title, text = product.title, product.text
    masked = mask(title) if isinstance(title, str) else title, mask(text) if text else text
    return product if masked == (title, text) else replace(product, title=masked[0], text=masked[1])


def mask_logs() -> None:
    """Mask what this process logs from now on, tracebacks included, whoever logs it."""
    make = logging.getLogRecordFactory()
    if getattr(make, "masks", False):
        return
    tracebacks = logging.Formatter()

    def masked(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        try:
            record.msg, record.args = mask(record.getMessage()), None
        except (TypeError, ValueError):  # a wrong format string: logging itself reports it
            return record
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = mask(tracebacks.formatException(record.exc_info))
        return record

    masked.masks = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(masked)


def _candidates(text: str) -> Iterator[Personal]:
    """From the surest to the least sure."""
    for match in _MAIL.finditer(text):
        yield Personal(*match.span(), "mail")
    for match in _ID_CARD.finditer(text):
        if _is_id_card(match.group()):
            yield Personal(*match.span(), "id_card")
    for match in _MESSENGER.finditer(text):
        given = match["id"]
        if any(c.isdigit() or c in "_-" for c in given) or re.search("[:：=]", match["sign"]):
            yield Personal(*match.span("id"), "messenger")
    for match in _QQ.finditer(text):
        yield Personal(*match.span("id"), "messenger")
    for match in _CUED.finditer(text):
        tried = ((given, region) for region in _REGIONS for given in _shorter(match["id"]))
        given = next((given for given, region in tried if not _listed(given) and _is_phone(given, region)), None)
        if given is not None:
            yield Personal(match.start("id"), match.start("id") + len(given), "phone")
    for match in _CARD.finditer(text):
        for given in _shorter(match.group()):
            if _is_card(given) and not _is_code(text, match.start()):
                yield Personal(match.start(), match.start() + len(given), "bank_card")
                break
    for pattern, region in ((_PLUS, None), (_CN_MOBILE, "CN"), (_CN_LANDLINE, "CN"), (_US, "US")):
        for match in pattern.finditer(text):
            for given in _shorter(match.group()):
                if _is_phone(given, region) and not _is_code(text, match.start()):
                    yield Personal(match.start(), match.start() + len(given), "phone")
                    break


def _shorter(text: str) -> Iterator[str]:
    """The text, then without its last groups of digits: what follows a number may be another one."""
    yield text
    while cut := re.search(r"[\s().-]+\d+$", text):
        text = text[: cut.start()]
        yield text


def _is_code(text: str, start: int) -> bool:
    """Whether the words before say that a number is a product's."""
    return _CODE.search(text[max(0, start - 40) : start]) is not None


def _listed(text: str) -> bool:
    """Whether it is a row of small numbers, as of models: "11 12 13 14"."""
    parts = re.split(r"[\s-]+", text)
    return len(parts) > 3 and all(len(part) < 3 for part in parts) and any(len(part) > 1 for part in parts)


def _is_phone(text: str, region: str | None) -> bool:
    from phonenumbers import NumberParseException, is_valid_number, parse  # 60 ms, and only for what looks like one

    if text.startswith("00"):
        text, region = f"+{text[2:]}", None
    try:
        return bool(is_valid_number(parse(text, region)))
    except NumberParseException:
        return False


@cache
def _weights() -> tuple[int, ...]:
    return tuple(pow(2, 17 - at, 11) for at in range(17))


def _is_id_card(text: str) -> bool:
    """By the date of birth in it and its check digit (GB 11643-1999, ISO 7064 MOD 11-2)."""
    number = text.replace(" ", "").upper()
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _weights(), strict=True))
    return born <= date.today() and "10X98765432"[total % 11] == number[17]


def _is_card(text: str) -> bool:
    """By length (13 and 14 digits are GTINs), issuer and check digit (Luhn)."""
    number = re.sub(r"\D", "", text)
    if not 15 <= len(number) <= 19 or not _ISSUER.match(number) or len(set(number)) < 2:
        return False
    if len(number) == 15 and number[0] != "3":
        return False
    doubled = (int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(number)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
