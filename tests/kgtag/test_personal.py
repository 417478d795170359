"""Personal data is found and masked, and codes of products are left alone."""

from __future__ import annotations

import logging

import pytest

from graph.model import Feedback
from kgtag.discover.feedback import masked_feedback
from kgtag.text.personal import find_personal, mask, mask_logs, mask_product
from kgtag.types import Product


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("联系微信 wx12345 电话13812345678 男鞋 28码", ["wx12345", "13812345678"]),
        ("Socks, mail anna.b+1@my-shop.co.uk now", ["anna.b+1@my-shop.co.uk"]),
        ("call (415) 555-2671 2 pairs", ["(415) 555-2671"]),
        ("WhatsApp +44 7911 123456 3.0M rod", ["+44 7911 123456"]),
        ("tel: 07911 123456", ["07911 123456"]),
        ("手机：138-1234-5678，红色", ["138-1234-5678"]),
        ("１３８１２３４５６７８ 包邮", ["１３８１２３４５６７８"]),
        ("电话1 3 8 1 2 3 4 5 6 7 8", ["1 3 8 1 2 3 4 5 6 7 8"]),
        ("加V：shop_2020 QQ群：123456789", ["shop_2020", "123456789"]),
        ("WeChat: annawang", ["annawang"]),
        ("身份证11010519491231002X", ["11010519491231002X"]),
        ("卡号 6222 0212 3456 7890 128 红", ["6222 0212 3456 7890 128"]),
        ("card 4111111111111111", ["4111111111111111"]),
    ],
)
def test_what_is_personal(text: str, personal: list[str]) -> None:
    assert [text[one.start : one.end] for one in find_personal(text)] == personal
    masked = mask(text)
    assert len(masked) == len(text) and mask(masked) == masked
    for value in personal:
        assert value not in masked


@pytest.mark.parametrize(
    "text",
    [
        "GTIN 06901234567892, EAN 4006381333931, UPC 036000291452, 6901234567892",
        "ISBN 978-3-16-148410-0 or ASIN B0725WFLMB",
        "Phone case for iPhone 6 7 8 11 12 13 14 15 Pro",
        "call of duty 2 3 4, phone holder 100 200 300 400 mm",
        "型号13812345678 货号 620212345",
        "SKU: 415-555-2671, Part No. 90915-10003, 1R-0750",
        "1920x1080 144Hz 100-240V 50/60Hz 10000mAh 2.4GHz",
        "$1,299.99 2023-11-11 EU 36 37 38 39 40 41 42",
        "WeChat Pay sticker, Chery QQ 472-1000010, Kawasaki VX 1300",
        "11010519491231002 6222021234567890129 4111111111111112",
        "size@large 3@5 @home",
        "微信红包 QQ糖 手机壳 电话线",
    ],
)
def test_codes_of_products_are_not(text: str) -> None:
    assert mask(text) == text and find_personal(text) == []


def test_products_and_feedback_keep_all_else() -> None:
    plain = Product("1", "Red socks", text="wool")
    assert mask_product(plain) is plain
    assert mask_product(Product("1", "Red socks", text="tel 415-555-2671")).text == "tel ***-***-****"
    given = Feedback(
        "f", "t", "ann", "red", "wrong", None, {"id": "415-555-2671", "title": "红 QQ12345678"}, None, "a@b.cn"
    )
    masked = masked_feedback(given)
    assert masked.product == {"id": "415-555-2671", "title": "红 QQ********"} and masked.reason == "***.**"


def test_logs_are_masked(caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogRecordFactory()
    try:
        mask_logs()
        mask_logs()
        log = logging.getLogger("kgtag.test")
        log.warning("could not tag %r at neo4j://shop@db.example.com:7687", "call 415-555-2671")
        try:
            raise ValueError("微信 anna_88")
        except ValueError:
            log.exception("failed")
    finally:
        logging.setLogRecordFactory(before)
    assert "call ***-***-****" in caplog.text and "微信 *******" in caplog.text and "anna" not in caplog.text
    assert "shop@db.example.com" in caplog.text
