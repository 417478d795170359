"""Networks in model directories: loaded into torch, written, and exported to ONNX, also in eight bits."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from graph.errors import InputError
from kgtag.artifacts import ModelDirectory, new_directory, write_json
from kgtag.extract.files import EXTRACTOR, INT8, LexiconRow, ModelConfig, config_of, read_lexicon, write_config
from kgtag.extract.lexicon import Lexicon
from kgtag.train.encoder.pretrained import write_onnx
from kgtag.train.extractor.dataset import LabelMap
from kgtag.train.extractor.network import DeltaEmbedding, Ensemble, TagNetwork, networks, without_pooler

ENCODER = "encoder.json"
"""The encoder's architecture, as transformers writes it, of each network in the model."""
_OF_THE_NETWORK = (
    "manifest.json", "config.json", "metrics.json", ENCODER, "encoder.onnx", INT8, "heads.onnx", "model.safetensors",
)  # fmt: skip


class _Part(nn.Module):
    """What one ONNX file computes: a method of the network."""

    def __init__(self, network: TagNetwork | Ensemble, method: str) -> None:
        super().__init__()
        self.network = network
        self._method = method

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        computed: Tensor | tuple[Tensor, ...] = getattr(self.network, self._method)(*inputs)
        return computed


def export_onnx(network: TagNetwork | Ensemble, directory: Path) -> None:
    """Write `encoder.onnx`, `heads.onnx` and the quantised encoder; every axis but the widths is dynamic. The network
    must be on the CPU and have plain embeddings; it is put into eval mode."""
    network.eval()
    for member in networks(network):
        member.encoder.set_attn_implementation("eager")
    hidden = sum(int(member.encoder.config.hidden_size) for member in networks(network))
    ids = torch.ones(3, 11, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    each = {0: "batch", 1: "length"}
    write_onnx(
        _Part(network, "encode"),
        directory / "encoder.onnx",
        inputs={"ids": (ids, each), "shapes": (torch.ones_like(ids), each), "mask": (mask, each)},
        outputs={"states": each, "logits": each},
    )
    cells = {0: "batch", 1: "attributes", 2: "tokens"}
    write_onnx(
        _Part(network, "emissions"),
        directory / "heads.onnx",
        inputs={
            "states": (torch.zeros(3, 7, hidden), {0: "batch", 1: "tokens"}),
            "attributes": (torch.ones(3, 5, dtype=torch.int64), {0: "batch", 1: "attributes"}),
            "lexicon": (torch.zeros(3, 5, 7, dtype=torch.int64), cells),
        },
        outputs={"emissions": cells},
    )
    quantize(directory / "encoder.onnx", directory / INT8)


def quantize(encoder: Path, out: Path) -> None:
    """Write the encoder with its matrices in eight bits, a scale for each column, and dynamic activations. Weights use
    seven of the bits: processors without VNNI add pairs of products in sixteen bits, which eight-bit weights would
    overflow, so that the same model would answer differently there."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    how = {"op_types_to_quantize": ["MatMul"], "per_channel": True, "reduce_range": True}
    logging.getLogger().addFilter(_quiet)
    try:
        quantize_dynamic(str(encoder), str(out), weight_type=QuantType.QInt8, **how)
    finally:
        logging.getLogger().removeFilter(_quiet)


def _quiet(record: logging.LogRecord) -> bool:
    """Drop the advice to pre-process the model, which quantising weights alone doesn't need."""
    return "pre-process" not in record.getMessage()


def load_network(directory: Path) -> tuple[TagNetwork | Ensemble, ModelConfig]:
    """Load the network, in eval mode on the CPU, and its configuration. Raises InputError: the directory is damaged, or
    of an earlier format."""
    from transformers import AutoConfig, AutoModel

    model = ModelDirectory.open(directory, EXTRACTOR)
    model.check(ENCODER, "model.safetensors")
    config, read = config_of(model), model.read_json(ENCODER)
    if not isinstance(read.get("members"), list):
        raise InputError(f"model {str(directory)!r} was written by an earlier kgtag; train it again")
    members = []
    for architecture in read["members"]:
        body = AutoConfig.for_model(architecture.pop("model_type"), **architecture)
        encoder = without_pooler(AutoModel.from_config, body)
        members.append(TagNetwork(encoder, attributes=len(config.attributes), categories=len(config.categories)))
    found = Ensemble(members) if len(members) > 1 else members[0]
    found.load_state_dict(load_file(directory / "model.safetensors"))
    return found.eval(), config


def read_metrics(directory: Path) -> dict[str, Any]:
    """Return the training's metrics; empty where there are none."""
    path = directory / "metrics.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def load_lexicon(directory: Path, config: ModelConfig) -> Lexicon:
    """Load the known values of a model."""
    return Lexicon.of(read_lexicon(directory), config.attributes)


def labels_of(config: ModelConfig) -> LabelMap:
    """Return the label map of a model."""
    index = {name: number for number, name in enumerate(config.attributes)}
    return LabelMap(config.attributes, config.categories, config.applicable, index)


def write_network(network: TagNetwork | Ensemble, directory: Path) -> None:
    """Write weights for torch and for serving, and the encoder's configuration; trained embeddings are folded in."""
    for member in networks(network):
        embedding = member.encoder.get_input_embeddings()
        if isinstance(embedding, DeltaEmbedding):
            member.encoder.set_input_embeddings(embedding.folded())
        if isinstance(member.attribute, DeltaEmbedding):
            member.attribute = member.attribute.folded()
    export_onnx(network, directory)
    encoders = {"members": [member.encoder.config.to_dict() for member in networks(network)]}
    write_json(directory / ENCODER, json.loads(json.dumps(encoders, default=str)))
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, directory / "model.safetensors")


def copy_beside(source: Path, work: Path) -> None:
    """Copy the parts beside the extractor, linker and implicit values, each with a manifest of its own."""
    for path in sorted(source.iterdir()):
        if path.is_dir():
            shutil.copytree(path, work / path.name)


def copy_model(
    source: Path,
    out: Path,
    *,
    network: TagNetwork | Ensemble,
    config: ModelConfig,
    metrics: Mapping[str, Any],
    lexicon: Sequence[LexiconRow] | None = None,
) -> None:
    """Write a copy of a model directory with another network, configuration and metrics, and perhaps known values."""
    with new_directory(out) as work:
        for path in sorted(source.iterdir()):
            if path.is_file() and path.name not in _OF_THE_NETWORK:
                shutil.copyfile(path, work / path.name)
        copy_beside(source, work)
        write_config(work, config)
        write_json(work / "metrics.json", dict(metrics))
        if lexicon is not None:
            write_json(work / "lexicon.json", lexicon)
        write_network(network, work)
