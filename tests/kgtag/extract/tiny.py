"""A small bilingual shop, and an encoder small enough to train in seconds."""

from __future__ import annotations

from pathlib import Path

from kgtag.types import AnnotatedProduct, Product, Span

_BRANDS = ("Acme", "Norda", "Velox", "Tiko")
_COLORS = ("red", "dark blue", "green", "black")
_ZH_COLORS = ("红色", "深蓝色", "绿色", "黑色")
_MATERIALS = ("leather", "cotton")
_ZH_MATERIALS = ("真皮", "棉质")


def product(number: int, parts: list[tuple[str, str | None]], category: str, lang: str, glue: str) -> AnnotatedProduct:
    """`parts`: (text, attribute or None) in title order."""
    title, spans = "", []
    for text, attribute in parts:
        title += glue if title else ""
        if attribute is not None:
            spans.append((attribute, Span(len(title), len(title) + len(text))))
        title += text
    values: dict[str, tuple[str, ...]] = dict.fromkeys(("Brand", "Color", "Material"), ())
    values |= {name: (title[span.start : span.end],) for name, span in spans}
    if category == "Cup":
        del values["Material"]
    return AnnotatedProduct(Product(str(number), title, category=category, lang=lang), values, tuple(spans))


def shop() -> list[AnnotatedProduct]:
    """64 products: shoes in English and Chinese, cups in English."""
    made: list[AnnotatedProduct] = []
    for brand_number, brand in enumerate(_BRANDS):
        for color_number, color in enumerate(_COLORS):
            material = (brand_number + color_number) % 2
            shoe: list[tuple[str, str | None]] = [
                (brand, "Brand"),
                (color, "Color"),
                (_MATERIALS[material], "Material"),
            ]
            made.append(product(len(made), [*shoe, ("running shoes", None)], "Shoe", "en", " "))
            made.append(product(len(made), [("shoes by", None), *shoe[:2]], "Shoe", "en", " "))
            zh: list[tuple[str, str | None]] = [
                (_ZH_COLORS[color_number], "Color"),
                (_ZH_MATERIALS[material], "Material"),
            ]
            made.append(product(len(made), [*zh, ("跑步鞋", None)], "Shoe", "zh", ""))
            made.append(product(len(made), [(brand, "Brand"), ("mug", None), (color, "Color")], "Cup", "en", " "))
    return made


def held_out() -> tuple[list[AnnotatedProduct], list[AnnotatedProduct]]:
    """(train, test) of the shop; the test titles don't occur in train."""
    data = shop()
    return [one for n, one in enumerate(data) if n % 5], [one for n, one in enumerate(data) if n % 5 == 0]


def save_tiny_encoder(directory: Path) -> Path:
    """A randomly initialised 2-layer BERT with a WordPiece vocabulary of letters and no Chinese."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "shoes",
        "running",
        "mug",
        "by",
        *letters,
        *(f"##{c}" for c in letters),
    ]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    config = BertConfig(
        vocab_size=len(words), hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=96,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    return directory
