"""What is read for pretraining, a tokenizer of single characters, and which tokens of a text are hidden.

Whole words are, and runs of characters where a script has no words.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from graph.errors import InputError, TextError
from graph.formats import reading
from kgtag.data import read_annotated, read_products
from kgtag.extract.inputs import Tokens
from kgtag.text import clean
from kgtag.train.encoder.pretrained import special_ids
from kgtag.train.extractor.dataset import bucket
from kgtag.types import Product

SHARE = 0.15
_LONGEST_RUN = 4
_GO_ON = 0.5
"""Chance that a hidden run of characters takes in the next one, too."""
IGNORED = -100
Ints = NDArray[np.int64]
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FORMATS = ("products", "lines", "bieos", "bio", "extractgpt")
_HELD_OUT = 3
"""Per cent of the texts, by hash, on which the loss is watched."""
_SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What masking must know of it: ids of the special tokens, and how many tokens there are."""

    cls: int
    sep: int
    pad: int
    mask: int
    size: int

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Vocabulary:
        masks = [id for name in ("[MASK]", "<mask>") if (id := tokenizer.token_to_id(name)) is not None]
        return cls(*special_ids(tokenizer), masks[0], tokenizer.get_vocab_size())


@dataclass(frozen=True, slots=True)
class Text:
    """ids: (T,) int64 without special tokens; words: (first, last) tokens of each word, last exclusive;
    scriptless: for each word whether it is a character of a script without words."""

    ids: Ints
    words: tuple[tuple[int, int], ...]
    scriptless: tuple[bool, ...]


def as_text(title: str, tokens: Tokens, *, longest: int) -> Text:
    """The first `longest` tokens."""
    count = min(len(tokens), longest)
    firsts = [n for n in range(count) if n == 0 or not tokens.continues[n]]
    words = tuple(zip(firsts, [*firsts[1:], count], strict=True))
    surfaces = [title[int(tokens.starts[first]) : int(tokens.ends[last - 1])] for first, last in words]
    scriptless = tuple(len(one) == 1 and one.isalpha() and one.lower() == one.upper() for one in surfaces)
    return Text(tokens.ids[:count], words, scriptless)


def hide(text: Text, vocabulary: Vocabulary, rng: random.Random) -> tuple[list[int], list[int]]:
    """(input ids, labels) with [CLS] and [SEP]; labels are IGNORED but where something is hidden. About SHARE of the
    tokens, at least one word. A hidden word is [MASK] 8 times of 10, random tokens once, itself once. Runs of
    characters of a script without words are hidden together."""
    ids, labels = text.ids.tolist(), [IGNORED] * len(text.ids)
    wanted = max(1.0, SHARE * len(ids))
    order = list(range(len(text.words)))
    rng.shuffle(order)
    hidden = 0
    for start in order:
        if hidden >= wanted:
            break
        for number in _run(text, start, rng):
            first, last = text.words[number]
            if labels[first] != IGNORED or (hidden and hidden + last - first > wanted + 1):
                break
            labels[first:last] = ids[first:last]
            ids[first:last] = _replaced(ids[first:last], vocabulary, rng)
            hidden += last - first
    return [vocabulary.cls, *ids, vocabulary.sep], [IGNORED, *labels, IGNORED]


def padded(rows: Sequence[tuple[list[int], list[int]]], vocabulary: Vocabulary) -> tuple[Ints, Ints, Ints]:
    """ids, mask and labels, all (B, L) int64."""
    longest = max(len(ids) for ids, _ in rows)
    ids = np.full((len(rows), longest), vocabulary.pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    labels = np.full_like(ids, IGNORED)
    for number, (row, wanted) in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
        labels[number, : len(row)] = wanted
    return ids, mask, labels


def _run(text: Text, start: int, rng: random.Random) -> list[int]:
    """The word, or the run of characters that begins there."""
    run = [start]
    while (
        text.scriptless[start]
        and len(run) < _LONGEST_RUN
        and run[-1] + 1 < len(text.words)
        and text.scriptless[run[-1] + 1]
        and rng.random() < _GO_ON
    ):
        run.append(run[-1] + 1)
    return run


def _replaced(ids: list[int], vocabulary: Vocabulary, rng: random.Random) -> list[int]:
    chance = rng.random()
    if chance < 0.8:
        return [vocabulary.mask] * len(ids)
    return [rng.randrange(vocabulary.size) for _ in ids] if chance < 0.9 else ids


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


def read_texts(files: Sequence[Path], *, format: str = "products") -> list[str]:
    """The texts of files, each once, in the order they come; `format` is one of FORMATS. Of products both title and
    text count; a `.txt` file (also .gz) is read a text a line whatever the format. Texts that can't be read and texts
    of one character are left out. Raises InputError when nothing is left."""
    if format not in FORMATS:
        raise InputError(f"no format {format!r} of texts; there is {', '.join(FORMATS)}")
    found: dict[str, None] = {}
    for file in files:
        plain = format == "lines" or reading.suffixes(file)[0] == ".txt"
        for text in (line for _, line in reading.lines(file)) if plain else _products(file, format):
            with suppress(TextError):
                if len(cleaned := clean(text).strip()) >= _SHORTEST:
                    found[cleaned] = None
    if not found:
        raise InputError(f"no text in {', '.join(map(str, files)) or 'no files'}; nothing can be learned")
    return list(found)


def split_held_out(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """(train, held out), by the text's hash; at least one is held out, and one is left."""
    if len(texts) < 2:
        raise InputError("one text is too few to pretrain on; give more files")
    held = [text for text in texts if bucket(text) < _HELD_OUT] or [min(texts, key=lambda t: (bucket(t), t))]
    apart = set(held)
    return [text for text in texts if text not in apart], held


def _products(file: Path, format: str) -> Iterator[str]:
    products: Iterable[Product]
    if format == "products":
        products = (product for _, product in read_products(file))
    else:
        products = (one.product for one in read_annotated(file, format=format))
    for product in products:
        yield from filter(None, (product.title, product.text))
