"""Loads a model directory's network into torch, for further training, ensembles and new attributes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from graph.errors import InputError
from kgtag.artifacts import ModelDirectory, write_json
from kgtag.extract.files import EXTRACTOR, ModelConfig, config_of, read_lexicon
from kgtag.extract.lexicon import Lexicon
from kgtag.train.extractor.dataset import LabelMap
from kgtag.train.extractor.network import Ensemble, TagNetwork, networks

ENCODER = "encoder.json"
"""The encoder's architecture, as transformers writes it, of each network in the model."""


def write_architecture(network: TagNetwork | Ensemble, directory: Path) -> None:
    """Write the configuration of every encoder in the network."""
    found = {"members": [member.encoder.config.to_dict() for member in networks(network)]}
    write_json(directory / ENCODER, json.loads(json.dumps(found, default=str)))


def load_network(directory: Path) -> tuple[TagNetwork | Ensemble, ModelConfig]:
    """Load the network, in eval mode on the CPU, and its configuration.

    Raises:
        InputError: the directory is damaged, or of an earlier format.
    """
    from transformers import AutoConfig, AutoModel

    model = ModelDirectory.open(directory, EXTRACTOR)
    model.check(ENCODER, "model.safetensors")
    config, read = config_of(model), model.read_json(ENCODER)
    if not isinstance(read.get("members"), list):
        raise InputError(f"model {str(directory)!r} was written by an earlier kgtag; train it again")

    def network(architecture: dict[str, Any]) -> TagNetwork:
        body = AutoConfig.for_model(architecture.pop("model_type"), **architecture)
        try:
            encoder = AutoModel.from_config(body, add_pooling_layer=False)  # type: ignore[no-untyped-call]
        except TypeError:  # encoders without that argument
            encoder = AutoModel.from_config(body)  # type: ignore[no-untyped-call]
        return TagNetwork(encoder, attributes=len(config.attributes), categories=len(config.categories))

    members = [network(dict(architecture)) for architecture in read["members"]]
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
