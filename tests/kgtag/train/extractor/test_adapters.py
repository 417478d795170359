"""Adapters, frozen layers and precision, on an encoder small enough to learn in a second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from graph.errors import InputError
from kgtag.train.checkpoints import RunPlace, keeping
from kgtag.train.device import find_device
from kgtag.train.extractor.config import TrainOptions
from kgtag.train.extractor.loop import Best, Learner
from kgtag.train.extractor.network import DeltaEmbedding
from kgtag.train.extractor.optimizer import find_precision, freeze
from kgtag.train.extractor.prepare import Prepared, Training, prepare
from kgtag.train.extractor.records import Tick
from kgtag.train.extractor.save import export_onnx
from tests.kgtag.extract.tiny import held_out, save_tiny_encoder

OPTIONS = TrainOptions(
    epochs=2, batch_size=16, learning_rate=1e-3, head_learning_rate=3e-3, device="cpu", max_tokens=48, lora_rank=2
)
TRAIN, DEV = held_out()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_encoder(tmp_path_factory.mktemp("encoder")))


def prepared(encoder: str, options: TrainOptions) -> Prepared:
    return prepare(Training(TRAIN, DEV, encoder, 0, options, {}))


def weights(ready: Prepared) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in ready.network.state_dict().items()}


def test_lora_is_merged_into_a_plain_encoder_and_onnx_computes_the_same(encoder: str, tmp_path: Path) -> None:
    import onnxruntime

    ready = prepared(encoder, OPTIONS)
    before = weights(ready)
    best = Learner(ready.network, ready.batcher, options=OPTIONS, seed=0).run(ready.train, ready.dev, lambda _: None)
    assert best.state.keys() == before.keys()
    changed = {name for name, value in before.items() if not torch.equal(value, best.state[name])}
    assert any("query.weight" in name for name in changed)
    assert not any("LayerNorm" in name or "position" in name for name in changed if name.startswith("encoder."))

    embedding = ready.network.encoder.get_input_embeddings()
    assert isinstance(embedding, DeltaEmbedding) and len(embedding.delta.weight) - 1 == ready.added > 0
    ready.network.encoder.set_input_embeddings(embedding.folded())
    export_onnx(ready.network, tmp_path)
    batch = ready.batcher.batch(ready.dev[:5])
    session = onnxruntime.InferenceSession(str(tmp_path / "encoder.onnx"), providers=["CPUExecutionProvider"])
    inputs = {name: getattr(batch, name).numpy() for name in ("ids", "shapes", "mask")}
    with torch.no_grad():
        states, _ = ready.network.encode(batch.ids, batch.shapes, batch.mask)
    found = session.run(None, inputs)[0]
    assert np.abs(found - states.numpy())[inputs["mask"] == 1].max() < 1e-4


class Stopped(Exception):
    pass


def learned(ready: Prepared, options: TrainOptions, place: RunPlace, *, stop: int | None = None) -> Best:
    def watch(tick: Tick) -> None:
        if tick.step == stop:
            raise Stopped

    with keeping(place, {}) as keeper:
        learner = Learner(ready.network, ready.batcher, options=options, seed=0)
        return learner.run(ready.train, ready.dev, lambda _: None, keeper=keeper, watch=watch)


def test_lora_resumes_to_the_same_weights(encoder: str, tmp_path: Path) -> None:
    whole = learned(prepared(encoder, OPTIONS), OPTIONS, RunPlace(tmp_path / "whole"))
    place = RunPlace(tmp_path / "run", minutes=0)
    for stop in (3, 6):
        with pytest.raises(Stopped):
            learned(prepared(encoder, OPTIONS), OPTIONS, place, stop=stop)
    kept = torch.load(place.directory / "checkpoint.pt", weights_only=True)
    assert any("lora_A" in name for name in kept["network"])
    resumed = learned(prepared(encoder, OPTIONS), OPTIONS, place)
    assert resumed.history == whole.history
    assert all(torch.equal(resumed.state[name], value) for name, value in whole.state.items())
    assert not any("lora" in name for name in whole.state)


def test_frozen_layers_stay_but_for_new_tokens(encoder: str) -> None:
    options = replace(OPTIONS, lora_rank=0, frozen_layers=1, epochs=1)
    ready = prepared(encoder, options)
    before = weights(ready)
    best = Learner(ready.network, ready.batcher, options=options, seed=0).run(ready.train, ready.dev, lambda _: None)
    changed = {name for name, value in before.items() if not torch.equal(value, best.state[name])}
    assert not any("layer.0." in name or ("LayerNorm" in name and "embeddings" in name) for name in changed)
    assert any("layer.1." in name for name in changed) and any(".delta." in name for name in changed)
    with pytest.raises(InputError, match="option frozen_layers is 9, but the encoder has 2 layers"):
        freeze(ready.network, 9)


def test_patience_ends_a_training_that_gets_no_better(encoder: str) -> None:
    options = replace(
        OPTIONS, lora_rank=0, epochs=9, early_stopping_patience=2, learning_rate=0.0, head_learning_rate=0.0
    )
    said: list[str] = []
    ready = prepared(encoder, options)
    best = Learner(ready.network, ready.batcher, options=options, seed=0).run(ready.train[:8], ready.dev, said.append)
    assert [row["epoch"] for row in best.history] == [3, 4, 5]
    assert said[-1] == "stopped after epoch 5: 2 epochs without a better dev F1"


def test_half_precision_learns_and_what_a_machine_lacks_is_said(encoder: str) -> None:
    options = replace(OPTIONS, lora_rank=0, precision="bf16", epochs=1)
    ready = prepared(encoder, options)
    best = Learner(ready.network, ready.batcher, options=options, seed=0).run(ready.train, ready.dev, lambda _: None)
    assert np.isfinite(best.history[0]["loss"])
    assert {value.dtype for value in best.state.values() if value.is_floating_point()} == {torch.float32}
    assert find_precision("auto", torch.device("cpu")) == torch.float32
    with pytest.raises(InputError, match="'fp16', which needs a GPU"):
        find_precision("fp16", torch.device("cpu"))
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="torch sees no GPU"):
            find_device("cuda")


def test_a_loss_that_is_no_number_ends_the_training_with_advice(encoder: str) -> None:
    options = replace(OPTIONS, lora_rank=0, learning_rate=1.0, head_learning_rate=1.0, epochs=4, warmup_ratio=0.0)
    ready = prepared(encoder, options)
    ready.network.emit.weight.data.fill_(float("inf"))
    with pytest.raises(InputError, match=r"the loss is (nan|inf) in epoch 1, step 0; lower learning_rate"):
        Learner(ready.network, ready.batcher, options=options, seed=0).run(ready.train, ready.dev, lambda _: None)
