"""Export of a trained network to ONNX: encoder and heads in float32, and the encoder in eight bits."""

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
    """Write the encoder with its matrices in eight bits, a scale for each column, and dynamic activations.

    Weights use seven of the bits: processors without VNNI add pairs of products in sixteen bits, which weights of eight
    would overflow, so that the same model would answer differently there.
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
    axes: dict[str, dict[int, Any]],
) -> None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports every library it does without
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
        program = torch.onnx.export(
            module.eval(),
            inputs,
            input_names=names[0],
            output_names=names[1],
            dynamic_shapes=axes,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        for node in program.model.graph.all_nodes():
            node.metadata_props.clear()  # stack traces, with paths of this machine: they would change the version
        program.save(str(path), external_data=False)
