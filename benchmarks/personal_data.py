"""Personal data put into public titles: how much of it is found, and how often are titles without any taken for it?

    python benchmarks/personal_data.py --data DIR [--split dev|test] [--show N] [--save NAME]

DIR holds `ae110k_sample/train.jsonl.gz` (AliExpress titles, ACL 2019), `amazon_titles_24k/products.tsv.gz`,
`taobao_ner/*.bieos.gz` (ACL 2019) and `openbg_align/item_fine_classify.jsonl.gz`. The personal data is made up here:
valid numbers of people who need not exist, in phrases of sellers. Titles are split by hash; the patterns were written
with "dev" in view. Found: the whole of it is masked. Codes: GTINs, ISBNs, model numbers, prices and the like, put into
titles in the same way, which are to stay. The rival is one plain expression for each kind.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from common import arguments, bucket, machine, report, table

from kgtag.text.personal import find_personal

PLAIN = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.]+|(?:微信|wechat|wx|vx|qq)\W*(?:id )?[\w-]{5,}|\d{17}[\dXx]|\d(?:[ -]?\d){14,18}|"
    r"\+?\(?\d[\d() -]{7,}\d",
    re.IGNORECASE,
)
Draw = random.Random


def titles(data: Path) -> Iterator[tuple[str, str]]:
    """(language, title)."""
    with gzip.open(data / "ae110k_sample/train.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from (("en", json.loads(line)["input"]) for line in file)
    with gzip.open(data / "amazon_titles_24k/products.tsv.gz", "rt", encoding="utf-8") as file:
        yield from (("en", line.rstrip("\n").split("\t")[-1]) for line in list(file)[1:8001])
    for part in ("train", "dev", "test"):
        with gzip.open(data / f"taobao_ner/{part}.txt.bieos.gz", "rt", encoding="utf-8") as file:
            for sentence in file.read().split("\n\n"):
                yield "zh", "".join(line.split("\t")[0] or " " for line in sentence.splitlines())
    with gzip.open(data / "openbg_align/item_fine_classify.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from (("zh", json.loads(line)["sentences"].replace("#", " ")) for line in file)


def digits(draw: Draw, count: int) -> str:
    return "".join(str(draw.randrange(10)) for _ in range(count))


def with_luhn(number: str) -> str:
    doubled = (int(d) * (2 - at % 2) for at, d in enumerate(reversed(number)))
    return number + str(-sum(v - 9 if v > 9 else v for v in doubled) % 10)


def with_gs1(number: str) -> str:
    return number + str(-sum(int(d) * (3 - 2 * (at % 2)) for at, d in enumerate(reversed(number))) % 10)


def id_card(draw: Draw) -> str:
    born = f"{draw.randint(1950, 2005)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"
    number = draw.choice(("110105", "310104", "440306", "510107", "330106")) + born + digits(draw, 3)
    return number + "10X98765432"[sum(int(d) * pow(2, 17 - at, 11) for at, d in enumerate(number)) % 11]


def mail(draw: Draw) -> str:
    name = draw.choice(("anna", "li.wei", "shop_2020", "jo-smith", "sales7", "zhang"))
    return f"{name}{draw.randrange(100)}@{draw.choice(('qq.com', '163.com', 'gmail.com', 'my-shop.co.uk', 'web.de'))}"


def cn_mobile(draw: Draw) -> str:
    head, rest = draw.choice(("138", "139", "150", "186", "177", "199")), digits(draw, 8)
    return draw.choice((head + rest, f"{head}-{rest[:4]}-{rest[4:]}", f"{head} {rest[:4]} {rest[4:]}"))


def us_phone(draw: Draw) -> str:
    area, rest = draw.choice(("415", "212", "646", "312")), f"{draw.randint(2, 9)}{digits(draw, 6)}"
    form = draw.choice(("({}) {}-{}", "{}-{}-{}", "+1 {} {} {}"))
    return form.format(area, rest[:3].replace("11", "24"), rest[3:])


def chat_id(draw: Draw) -> str:
    return draw.choice(("wx", "lily_", "shop-", "zhang", "amy2020")) + digits(draw, draw.randint(4, 6))


def bank_card(draw: Draw) -> str:
    issuer, length = draw.choice((("622202", 19), ("621700", 19), ("453978", 16), ("524213", 16)))
    number = with_luhn(issuer + digits(draw, length - len(issuer) - 1))
    return draw.choice((number, " ".join(number[at : at + 4] for at in range(0, length, 4))))


def disguised(draw: Draw) -> str:
    number = cn_mobile(draw).replace("-", "").replace(" ", "")
    return draw.choice(
        (
            " ".join(number),
            number.translate({48 + n: 0xFF10 + n for n in range(10)}),
            "".join("零一二三四五六七八九"[int(digit)] for digit in number),
            f"{number[:5]} {number[5:]}",
            f"{number[:3]}.{number[3:7]}.{number[7:]}",
        )
    )


Made = tuple[str, Callable[[Draw], str]]
PERSONAL: dict[str, dict[str, tuple[tuple[str, ...], Callable[[Draw], str]]]] = {
    "en": {
        "mail": (("contact {}", "{}", "e-mail: {}", "({})"), mail),
        "phone": (("call {}", "tel: {}", "WhatsApp {}", "{}"), us_phone),
        "messenger": (("WeChat: {}", "wechat id {}", "weixin {}"), chat_id),
        "bank card": (("card {}", "{}", "pay to {}"), bank_card),
    },
    "zh": {
        "mail": (("邮箱{}", "联系：{}", "{}"), mail),
        "phone": (("电话{}", "手机：{}", "联系方式 {}", "{}", "微信同号{}"), cn_mobile),
        "messenger": (("微信{}", "加微信：{}", "vx：{}", "薇信 {}"), chat_id),
        "QQ": (("QQ{}", "QQ：{}", "加qq {}", "QQ群{}"), lambda draw: str(draw.randint(10**7, 10**10 - 1))),
        "id card": (("身份证{}", "{}", "证件号：{}"), id_card),
        "bank card": (("卡号{}", "银行卡 {}", "{}"), bank_card),
        "disguised phone": (("电话{}", "v {}", "加我{}", "{}"), disguised),
    },
}
CODES: tuple[Made, ...] = (
    ("EAN {}", lambda draw: with_gs1(draw.choice(("690", "400", "501")) + digits(draw, 9))),
    ("GTIN {}", lambda draw: "0" + with_gs1("693" + digits(draw, 9))),
    ("UPC {}", lambda draw: with_gs1(digits(draw, 11))),
    ("{}", lambda draw: with_gs1("69" + digits(draw, 10))),
    ("ISBN {}", lambda draw: f"978-3-{digits(draw, 2)}-{digits(draw, 6)}-{digits(draw, 1)}"),
    ("型号{}", lambda draw: digits(draw, 11)),
    ("货号：{}", lambda draw: digits(draw, draw.choice((6, 8, 10)))),
    ("Part No. {}", lambda draw: f"{digits(draw, 5)}-{digits(draw, 5)}"),
    ("SKU {}", lambda draw: f"{digits(draw, 3)}-{digits(draw, 3)}-{digits(draw, 4)}"),
    ("{}", lambda draw: f"{draw.randint(60, 200)}x{draw.randint(60, 200)}x{draw.randint(10, 90)} cm"),
    ("{}", lambda draw: f"${draw.randint(100, 9999):,}.{digits(draw, 2)}"),
    ("iPhone {}", lambda draw: "6 7 8 11 12 13 14 15"),
    ("size {}", lambda draw: "35 36 37 38 39 40 41 42"),
    ("{}", lambda draw: f"{draw.randint(100, 240)}V-240V 50/60Hz {draw.randint(1000, 9000)}mAh"),
    ("{}", lambda draw: f"{draw.choice('ABKX')}{digits(draw, 8)}"),
    ("{}", lambda draw: f"20{draw.randint(10, 26)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"),
)


def put(draw: Draw, title: str, phrase: str, value: str) -> tuple[str, int, int]:
    """The title with a value in it, and where that is."""
    words = title.split(" ")
    at = draw.randint(0, len(words))
    before = " ".join([*words[:at], phrase.partition("{}")[0]])
    after = " ".join([phrase.partition("{}")[2], *words[at:]])
    return before + value + after, len(before), len(before) + len(value)


def plain(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in PLAIN.finditer(text)]


def ours(text: str) -> list[tuple[int, int]]:
    return [(one.start, one.end) for one in find_personal(text)]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--show", type=int, default=0, help="print so many of the mistakes")
    options = parser.parse_args()
    host, draw = machine(), random.Random(0)
    every = {(lang, title.strip()) for lang, title in titles(options.data) if title.strip()}
    chosen = sorted(one for one in every if (bucket(one[1]) < 50) == (options.split == "test"))
    finders = {"plain expressions": plain, "kgtag": ours}
    rows: list[list[object]] = []
    shown: list[str] = []
    for lang, kinds in PERSONAL.items():
        own = [title for language, title in chosen if language == lang]
        for kind, (phrases, make) in kinds.items():
            cases = [put(draw, draw.choice(own), draw.choice(phrases), make(draw)) for _ in range(2_000)]
            row: list[object] = [f"{kind}, {lang}", len(cases)]
            for who, find in finders.items():
                missed = [c for c in cases if not any(a <= c[1] and c[2] <= b for a, b in find(c[0]))]
                row.append(1 - len(missed) / len(cases))
                shown += [
                    f"missed {kind}: {text[start:end]!r} in {text!r}" for text, start, end in missed if who == "kgtag"
                ]
            rows.append(row)
    columns = ["", "cases", *finders]
    data = f"AE-110K, Amazon, Taobao and OpenBG titles, {options.split} half"
    table(f"{data}: share found whole", columns, rows, rivals=())
    rows = []
    for lang in PERSONAL:
        own = [title for language, title in chosen if language == lang]
        row = [f"titles as published, {lang}", len(own)]
        for who, find in finders.items():
            wrong = [title for title in own if find(title)]
            row.append(len(wrong) / len(own))
            shown += [f"taken for it: {[t[a:b] for a, b in find(t)]} in {t!r}" for t in wrong if who == "kgtag"]
        rows.append(row)
    for phrase, make in CODES:
        cases = [put(draw, draw.choice(chosen)[1], phrase, make(draw)) for _ in range(500)]
        row = [f"code: {phrase.format(cases[0][0][cases[0][1] : cases[0][2]])}", len(cases)]
        for who, find in finders.items():
            wrong_codes = [c for c in cases if any(a < c[2] and c[1] < b for a, b in find(c[0]))]
            row.append(len(wrong_codes) / len(cases))
            shown += [f"code taken for it: {t[a:b]!r}" for t, a, b in wrong_codes if who == "kgtag"]
        rows.append(row)
    table("share masked though there is nothing personal", columns, rows, rivals=())
    for line in random.Random(1).sample(shown, min(options.show, len(shown))):
        print(line)
    report("personal_data", data, host, save=options.save)


if __name__ == "__main__":
    main()
