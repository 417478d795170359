"""A tokenizer of single characters, made from the texts at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def character_tokenizer(texts: Iterable[str], *, least: int = 2) -> Tokenizer:
    """WordPiece over characters: every character of the texts that occurs `least` times, lower-cased.

    Chinese characters, digits beside them and punctuation stand alone; Latin words are spelled out in pieces
    ("nike" = n ##i ##k ##e), so that a word's borders stay known and every span of characters can be located exactly.
    Characters rarer than that read as [UNK] until a training adds them. Tokens are ordered by how often they occur.
    """
    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    seen: Counter[str] = Counter()
    for text in texts:
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)):
            seen.update((word[0], *(f"##{character}" for character in word[1:])))
    kept = sorted((piece for piece, count in seen.items() if count >= least), key=lambda piece: (-seen[piece], piece))
    vocabulary = {piece: number for number, piece in enumerate((*SPECIAL, *kept))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=10_000))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer
