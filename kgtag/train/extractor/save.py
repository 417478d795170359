"""Writes a network into a model directory."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from kgtag.artifacts import new_directory, write_json
from kgtag.extract.files import LexiconRow, ModelConfig, write_config
from kgtag.train.extractor.export import export_onnx
from kgtag.train.extractor.load import write_architecture
from kgtag.train.extractor.network import Ensemble, NameEmbedding, SeenEmbedding, TagNetwork, networks

_OF_THE_NETWORK = (
    "manifest.json",
    "config.json",
    "metrics.json",
    "encoder.json",
    "encoder.onnx",
    "encoder.int8.onnx",
    "heads.onnx",
    "model.safetensors",
)


def write_network(network: TagNetwork | Ensemble, directory: Path) -> None:
    """Write weights for torch and for serving, and the encoder's configuration; trained embeddings are folded in."""
    for member in networks(network):
        embedding = member.encoder.get_input_embeddings()
        if isinstance(embedding, SeenEmbedding):
            member.encoder.set_input_embeddings(embedding.folded())
        if isinstance(member.attribute, NameEmbedding):
            member.attribute = member.attribute.folded()
    export_onnx(network, directory)
    write_architecture(network, directory)
    save_file(
        {name: value.contiguous() for name, value in network.state_dict().items()}, directory / "model.safetensors"
    )


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
