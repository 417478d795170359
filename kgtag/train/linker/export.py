"""A sentence encoder as ONNX: pooling and scaling to length 1 inside, as sentence-transformers computes them."""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import AutoModel

from graph.errors import InputError
from kgtag.link.models import ENCODER, TOKENIZER
from kgtag.train.encoder.pretrained import resolve

Pooling = Literal["mean", "cls"]


@dataclass(frozen=True, slots=True)
class LoadedEncoder:
    """`network` gives states (texts, tokens, dim) as `last_hidden_state`; `tokenizer` is the file it was made with."""

    network: nn.Module
    pooling: Pooling
    tokenizer: Path

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """(texts, dim), not scaled; `mask` (texts, tokens) is 0 for padding."""
        if self.pooling == "cls":
            return states[:, 0]
        there = mask.unsqueeze(-1).to(states.dtype)
        return (states * there).sum(dim=1) / there.sum(dim=1)


class _Sentence(nn.Module):
    """ids (texts, tokens) int64 without padding → (texts, dim) float32."""

    def __init__(self, encoder: nn.Module, pooling: Pooling) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling

    def forward(self, ids: Tensor) -> Tensor:
        states = self.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        pooled = states[:, 0] if self.pooling == "cls" else states.mean(dim=1)
        return nn.functional.normalize(pooled, dim=-1)


def load_encoder(name_or_path: str) -> LoadedEncoder:
    """Raises InputError when there is none, or it pools otherwise than by the mean or the first token."""
    source = resolve(name_or_path)
    pooling = _pooling(source)
    network = AutoModel.from_pretrained(source, attn_implementation="eager").eval()
    return LoadedEncoder(network, pooling, source / "tokenizer.json")


def export_encoder(encoder: LoadedEncoder, directory: Path) -> None:
    """Write encoder.onnx and tokenizer.json."""
    model = _Sentence(encoder.network, encoder.pooling).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecation: the newer exporter writes the same in forty times the time
        torch.onnx.export(
            model,
            (torch.ones((2, 5), dtype=torch.long),),
            str(directory / ENCODER),
            input_names=["ids"],
            output_names=["vector"],
            dynamic_axes={"ids": {0: "texts", 1: "tokens"}, "vector": {0: "texts"}},
            opset_version=18,
            dynamo=False,
        )
    shutil.copyfile(encoder.tokenizer, directory / TOKENIZER)


def _pooling(source: Path) -> Pooling:
    """As the encoder's `1_Pooling/config.json` says; the mean without one."""
    path = source / "1_Pooling" / "config.json"
    if not path.is_file():
        return "mean"
    config = json.loads(path.read_text(encoding="utf-8"))
    named = [name for name, on in config.items() if name.startswith("pooling_mode_") and on is True]
    if named == ["pooling_mode_cls_token"]:
        return "cls"
    if named not in ([], ["pooling_mode_mean_tokens"]):
        raise InputError(f"encoder {str(source)!r} pools by {', '.join(named)}; the linker needs mean or first token")
    return "mean"
