"""Tokenizers, extended by the characters of the training texts, so that no title becomes '[UNK]'."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from graph.errors import InputError


def load_tokenizer(path: Path) -> Tokenizer:
    """Load an encoder's tokenizer without truncation and padding; text that spells a special token stays text."""
    try:
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    except Exception as error:  # the library raises plain Exception
        raise InputError(f"{str(path / 'tokenizer.json')!r} does not read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def special_ids(tokenizer: Tokenizer) -> tuple[int, int, int]:
    """Return the ids of the tokens that begin, separate and pad, by BERT's or RoBERTa's names."""
    found = []
    for names in (("[CLS]", "<s>"), ("[SEP]", "</s>"), ("[PAD]", "<pad>")):
        ids = [number for name in names if (number := tokenizer.token_to_id(name)) is not None]
        if not ids:
            raise InputError(f"the encoder's tokenizer has none of {', '.join(names)}; use a BERT or RoBERTa encoder")
        found.append(ids[0])
    return found[0], found[1], found[2]


def extend(tokenizer: Tokenizer, texts: Iterable[str]) -> tuple[Tokenizer, int]:
    """Add a token for every unknown character; return the tokenizer and the number of new tokens.

    Only WordPiece vocabularies need this; others are returned as they are.
    """
    state = json.loads(tokenizer.to_str())
    if state["model"]["type"] != "WordPiece":
        return tokenizer, 0
    vocabulary = state["model"]["vocab"]
    unknown = state["model"]["unk_token"]
    missing: set[str] = set()
    for text in texts:
        normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        words = tokenizer.pre_tokenizer.pre_tokenize_str(normal) if tokenizer.pre_tokenizer else [(normal, (0, 0))]
        for word, _ in words:
            if unknown in tokenizer.encode(word, add_special_tokens=False).tokens:
                pieces = [word[:1], *(f"##{character}" for character in word[1:])]
                missing.update(piece for piece in pieces if piece not in vocabulary)
    for number, piece in enumerate(sorted(missing), start=tokenizer.get_vocab_size()):
        vocabulary[piece] = number
    extended = Tokenizer.from_str(json.dumps(state, ensure_ascii=False))
    extended.encode_special_tokens = True
    return extended, len(missing)


def renumbering(wanted: Tokenizer, other: Tokenizer) -> list[int]:
    """Return `other`'s id for each id of `wanted`; 0 for a special token that it lacks.

    Raises:
        InputError: the two cut some text into different tokens.
    """
    one, two = (json.loads(tokenizer.to_str()) for tokenizer in (wanted, other))
    apart = [name for name in ("normalizer", "pre_tokenizer") if one[name] != two[name]]
    apart += ["model"] * ({**one["model"], "vocab": 0} != {**two["model"], "vocab": 0})
    ours, theirs = wanted.get_vocab(), other.get_vocab()
    unlike = sorted((ours.keys() ^ theirs.keys()) - _special(one) - _special(two))
    if apart or unlike:
        what = f"the tokenizers' {apart[0]} differ" if apart else f"only one has the token {unlike[0]!r}"
        raise InputError(f"the models cut texts into different tokens: {what}")
    found = [0] * (max(ours.values()) + 1)
    for token, id in ours.items():
        found[id] = theirs.get(token, 0)
    for id, same in zip(special_ids(wanted), special_ids(other), strict=True):
        found[id] = same
    return found


def _special(tokenizer: Any) -> set[str]:
    """Return the special tokens of a tokenizer's description."""
    return {token["content"] for token in tokenizer["added_tokens"] if token["special"]}


def extended_rows(weight: Tensor, added: int, *, seed: int) -> Tensor:
    """Append rows to (V, d) embeddings: their mean with noise of half their standard deviation."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(added, weight.shape[1], generator=generator)
    weight = weight.detach().float()
    return torch.cat([weight, weight.mean(0) + 0.5 * weight.std(0) * noise])
