from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from kgtag.extract.decode import Chain, forward_backward
from kgtag.train.extractor.batches import Batch, SoftTags
from kgtag.train.extractor.config import TrainOptions
from kgtag.train.extractor.optimizer import batch_loss, cross_attribute_loss, divergence, log_marginals
from kgtag.train.extractor.prepare import Prepared, Training, prepare
from tests.kgtag.extract.tiny import held_out, save_tiny_encoder

OPTIONS = TrainOptions(batch_size=8, device="cpu", max_tokens=48)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    encoder = save_tiny_encoder(tmp_path_factory.mktemp("encoder"))
    train, dev = held_out()
    made = prepare(Training(train, dev, str(encoder), 0, OPTIONS, {}))
    made.network.eval()
    with torch.no_grad():
        made.network.crf.transitions.normal_(generator=torch.Generator().manual_seed(3))
    return made


@pytest.fixture
def batch(ready: Prepared) -> Batch:
    return ready.batcher.batch(ready.train[:6])


def loss(ready: Prepared, batch: Batch, q: float = 0.0, **changes: float) -> float:
    with torch.no_grad():
        return float(batch_loss(ready.network, batch, replace(OPTIONS, **changes), q=q))  # type: ignore[arg-type]


def test_marginals_are_those_of_serving(ready: Prepared) -> None:
    rng = np.random.default_rng(0)
    emissions, lengths = rng.normal(size=(4, 7, 5)), np.array([7, 1, 4, 6])
    parts = [part.detach().double().numpy() for part in ready.network.crf.scores()]
    alpha, beta, partition = forward_backward(emissions, lengths, Chain(*parts))
    with torch.no_grad():
        found = log_marginals(ready.network.crf, torch.tensor(emissions, dtype=torch.float32), torch.tensor(lengths))
    for row, length in enumerate(lengths):
        wanted = np.exp(alpha + beta - partition[:, None, None])[row, :length]
        assert np.allclose(found[row, :length].exp().numpy(), wanted, atol=1e-4)


def test_no_divergence_from_oneself_and_some_from_others(ready: Prepared) -> None:
    emissions, lengths = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(1)), torch.tensor([6, 2, 5])
    with torch.no_grad():
        own = log_marginals(ready.network.crf, emissions, lengths).exp()
        assert divergence(ready.network.crf, emissions, own, lengths).abs().max() < 1e-4
        assert divergence(ready.network.crf, -emissions, own, lengths).min() > 0.1


def test_q_grows_from_plain_likelihood_and_bounds_the_loss_of_a_row(ready: Prepared, batch: Batch) -> None:
    plain = loss(ready, batch)
    assert loss(ready, batch, q=1e-4) == pytest.approx(plain, rel=1e-2)
    rows = float(batch.weights.sum()) / len(batch.ids)
    assert loss(ready, batch, q=1.0) <= rows < plain


def test_teachers_draw_the_loss_towards_them_where_the_example_is_theirs(ready: Prepared) -> None:
    example = next(e for e in ready.train if e.spans)
    attributes = example.applicable
    uniform = np.full((len(attributes), len(example.tokens), 5), 0.2, dtype=np.float32)
    taught = replace(ready.batcher, soft={example.number: SoftTags(example, attributes, uniform)}, category_dropout=0.0)
    batch = taught.batch([example], random.Random(0))
    assert batch.taught is not None and bool(batch.taught.all())
    bare = replace(batch, soft=None, taught=None)
    assert loss(ready, batch, distillation_weight=0.0) == pytest.approx(loss(ready, bare), rel=1e-5)
    assert loss(ready, batch, distillation_weight=1.0) != pytest.approx(loss(ready, bare), rel=1e-2)
    changed = taught.batch([replace(example)], random.Random(0))
    assert changed.taught is not None and not bool(changed.taught.any())


def _two_attributes(batch: Batch, tags: list[list[int]], weights: list[float]) -> Batch:
    """One title of two tokens and two attributes."""
    return replace(batch, tags=torch.tensor([tags]), weights=torch.tensor([weights]), lengths=torch.tensor([2]))


def test_each_token_belongs_to_one_of_all_attributes(batch: Batch) -> None:
    scores = torch.randn((1, 2, 2, 5), generator=torch.Generator().manual_seed(0))
    offers = (scores[..., 1:] - scores[..., :1])[0]  # attribute, token, tag
    mine = torch.cat([torch.zeros(2, 1), offers[0], offers[1]], dim=1).log_softmax(dim=1)
    # The first attribute begins at the first token and ends at the second; the other is absent.
    found = cross_attribute_loss(scores, _two_attributes(batch, [[1, 3], [0, 0]], [1.0, 1.0]))
    assert float(found) == pytest.approx(-float(mine[0, 1] + mine[1, 3]), abs=1e-5)
    # Both claim the second token, so it is left alone; what isn't known for sure stays out.
    found = cross_attribute_loss(scores, _two_attributes(batch, [[1, 3], [0, 4]], [1.0, 1.0]))
    assert float(found) == pytest.approx(-float(mine[0, 1]), abs=1e-5)
    alone = torch.cat([torch.zeros(2, 1), offers[0]], dim=1).log_softmax(dim=1)
    found = cross_attribute_loss(scores, _two_attributes(batch, [[1, 3], [0, 0]], [1.0, 0.2]))
    assert float(found) == pytest.approx(-float(alone[0, 1] + alone[1, 3]), abs=1e-5)


def test_the_cross_attribute_loss_is_added_by_weight(ready: Prepared, batch: Batch) -> None:
    plain, more = loss(ready, batch), loss(ready, batch, cross_attribute_loss_weight=0.5)
    assert more > plain
    assert loss(ready, batch, cross_attribute_loss_weight=1.0) - plain == pytest.approx(2 * (more - plain), rel=1e-4)
