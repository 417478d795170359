"""Export of a trained network to ONNX: encoder and heads in float32, and the encoder in eight bits."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from kgtag.extract.files import INT8
from kgtag.train.extractor.network import EncoderPart, Ensemble, HeadsPart, TagNetwork, networks

OPSET = 20


def export_onnx(network: TagNetwork | Ensemble, directory: Path) -> None:
    """Write `encoder.onnx`, `heads.onnx` and the quantised encoder; every axis but the widths is dynamic.

    The network must be on the CPU and have plain embeddings; it is put into eval mode.
    """
    network.eval()
    for member in networks(network):
        member.encoder.set_attn_implementation("eager")
    hidden = sum(int(member.encoder.config.hidden_size) for member in networks(network))
    ids = torch.ones(3, 11, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    axes = {0: "batch", 1: "length"}
    _export(
        EncoderPart(network),
        (ids, torch.ones_like(ids), mask),
        directory / "encoder.onnx",
        names=(["ids", "shapes", "mask"], ["states", "logits"]),
        axes=dict.fromkeys(("ids", "shapes", "mask", "states", "logits"), axes),
    )
    _export(
        HeadsPart(network),
        (torch.zeros(3, 7, hidden), torch.ones(3, 5, dtype=torch.int64), torch.zeros(3, 5, 7, dtype=torch.int64)),
        directory / "heads.onnx",
        names=(["states", "attributes", "lexicon"], ["emissions"]),
        axes={
            "states": {0: "batch", 1: "tokens"},
            "attributes": {0: "batch", 1: "attributes"},
            "lexicon": {0: "batch", 1: "attributes", 2: "tokens"},
            "emissions": {0: "batch", 1: "attributes", 2: "tokens"},
        },
    )
    quantize(directory / "encoder.onnx", directory / INT8)


def quantize(encoder: Path, out: Path) -> None:
    """Write the encoder with its matrices in eight bits, a scale for each column, and dynamic activations.

    Weights use seven of the bits: processors without VNNI add pairs of products in sixteen bits, which eight-bit
    weights would overflow, so that the same model would answer differently there.
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
    """Drop the advice to pre-process the model, which quantising weights alone doesn't need."""
    return "pre-process" not in record.getMessage()


def _export(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    *,
    names: tuple[list[str], list[str]],
    axes: dict[str, dict[int, str]],
) -> None:
    """Trace the module; PyTorch's newer exporter writes the same graph in forty times the time."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of deprecation, and of branches on shapes that no axis takes
        torch.onnx.export(
            module.eval(),
            inputs,
            str(path),
            input_names=names[0],
            output_names=names[1],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
