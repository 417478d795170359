"""A sentence encoder as ONNX: mean pooling and scaling to length 1 inside, as sentence-transformers computes them."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModel

from graph.errors import InputError
from kgtag.encoders import resolve
from kgtag.link.encoder import MAX_TOKENS
from kgtag.link.files import ENCODER, TOKENIZER


class _Sentence(nn.Module):
    """ids (texts, tokens) int64 without padding → (texts, dim) float32."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor) -> Tensor:
        states = self.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return nn.functional.normalize(states.mean(dim=1), dim=-1)


def export_encoder(name_or_path: str, directory: Path) -> None:
    """Write encoder.onnx and tokenizer.json. Raises InputError when the encoder pools otherwise than by the mean."""
    source = resolve(name_or_path)
    _check_pooling(source)
    encoder = AutoModel.from_pretrained(source, attn_implementation="eager").eval()
    model = _Sentence(encoder).eval()
    sizes = {0: torch.export.Dim("texts", min=1), 1: torch.export.Dim("tokens", min=2, max=MAX_TOKENS)}
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter warns of its own and its libraries' deprecations; what it writes is tested against torch.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.ones((2, 5), dtype=torch.long),),
            str(directory / ENCODER),
            input_names=["ids"],
            output_names=["vector"],
            dynamic_shapes={"ids": sizes},
            dynamo=True,
            external_data=False,
            opset_version=18,
            verbose=False,
        )
    shutil.copyfile(source / "tokenizer.json", directory / TOKENIZER)


def _check_pooling(source: Path) -> None:
    path = source / "1_Pooling" / "config.json"
    if not path.is_file():
        return
    config = json.loads(path.read_text(encoding="utf-8"))
    others = [name for name, on in config.items() if name.startswith("pooling_mode_") and on is True]
    if others not in ([], ["pooling_mode_mean_tokens"]):
        raise InputError(
            f"encoder {str(source)!r} pools by {', '.join(others)}; the linker needs one that pools by mean"
        )
