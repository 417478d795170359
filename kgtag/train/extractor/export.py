"""A trained network as ONNX: `encoder.onnx`, `heads.onnx`, float32, every axis but the widths dynamic; and the encoder
once more in eight bits."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from kgtag.extract.files import INT8
from kgtag.train.extractor.network import EncoderPart, Ensemble, HeadsPart, TagNetwork, networks

OPSET = 20


def export_onnx(network: TagNetwork | Ensemble, directory: Path) -> None:
    """Writes the three files. The network must be on the CPU and have plain embeddings; it is put into eval mode."""
    network.eval()
    for member in networks(network):
        member.encoder.set_attn_implementation("eager")
    hidden = sum(int(member.encoder.config.hidden_size) for member in networks(network))
    ids = torch.ones(3, 11, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    batch, length = Dim("batch", min=1, max=4096), Dim("length", min=2, max=512)
    axes: dict[int, Any] = {0: batch, 1: length}
    _export(
        EncoderPart(network),
        (ids, torch.ones_like(ids), mask),
        directory / "encoder.onnx",
        names=(["ids", "shapes", "mask"], ["states", "logits"]),
        axes={"ids": axes, "shapes": axes, "mask": axes},
    )
    tokens, attributes = Dim("tokens", min=1, max=512), Dim("attributes", min=1, max=100_000)
    _export(
        HeadsPart(network),
        (torch.zeros(3, 7, hidden), torch.ones(3, 5, dtype=torch.int64), torch.zeros(3, 5, 7, dtype=torch.int64)),
        directory / "heads.onnx",
        names=(["states", "attributes", "lexicon"], ["emissions"]),
        axes={
            "states": {0: batch, 1: tokens},
            "attributes": {0: batch, 1: attributes},
            "lexicon": {0: batch, 1: attributes, 2: tokens},
        },
    )
    quantize(directory / "encoder.onnx", directory / INT8)


def quantize(encoder: Path, out: Path) -> None:
    """Writes the encoder with its matrices in eight bits, a scale for each column; activations are scaled as it runs.

    Weights keep to seven of the bits: processors without VNNI add pairs of products in sixteen, which eight would
    overflow, and the same model would answer differently there.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().addFilter(_quiet)
    try:
        quantize_dynamic(
            str(encoder),
            str(out),
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.getLogger().removeFilter(_quiet)


def _quiet(record: logging.LogRecord) -> bool:
    """Not its advice to prepare the model, which quantising weights alone doesn't need."""
    return "pre-process" not in record.getMessage()


def _export(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    *,
    names: tuple[list[str], list[str]],
    axes: dict[str, dict[int, Any]],
) -> None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports every library it does without
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
        torch.onnx.export(
            module.eval(),
            inputs,
            str(path),
            input_names=names[0],
            output_names=names[1],
            dynamic_shapes=axes,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
