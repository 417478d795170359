"""A linker learns from synonyms: what it hides while it asks itself, and what it knows afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from graph.errors import InputError
from graph.taxonomy import Taxonomy
from kgtag.link import TaxonomyLinker
from kgtag.link.candidates.label_table import Usage
from kgtag.link.candidates.retrieve import Without
from kgtag.link.candidates.vectors import apply_linear_map
from kgtag.link.features.candidate_set import RICH_FEATURES
from kgtag.link.features.concept_features import CONCEPT_FEATURES
from kgtag.link.linker import CandidateFinder
from kgtag.link.models import LinkerState, RankModel
from kgtag.train.linker.dataset import RankData
from kgtag.train.linker.run import fit_networks, read_mentions, read_usage
from kgtag.train.linker.synonyms import learn_linear_map
from kgtag.types import Query


def test_a_hidden_label_leaves_no_trace(shop: Taxonomy) -> None:
    """Else a linker learns to tell the gold concept by what was hidden from it."""
    mention = ("gloomy", "color.black")
    knows = CandidateFinder(shop, state=LinkerState((mention,)))
    hidden = Without(shop.index("color.black"), knows.table.exact["gloomy"])
    query = Query("gloomy", "color")
    asked = knows.find([query], [hidden])
    plain = CandidateFinder(shop, state=LinkerState()).find([query])
    black = shop.index("color.black")
    at = [RICH_FEATURES.index(name) for name in CONCEPT_FEATURES if name in ("labels", "cosine_mean", "hits", "usage")]
    rows = [candidates.features[candidates.concept == black][:, at] for candidates in (asked, plain)]
    assert len(rows[0]) == len(rows[1])
    np.testing.assert_allclose(rows[0], rows[1])


def test_a_mention_that_was_learnt_is_found(shop: Taxonomy) -> None:
    finder = CandidateFinder(shop, state=LinkerState((("gloomy", "color.black"),)))
    candidates = finder.find([Query("gloomy", "color")])
    assert shop.index("color.black") in candidates.concept


def test_usage_is_ranked_and_unknown_concepts_are_passed_over(shop: Taxonomy) -> None:
    usage = Usage.of({"color.black": 9, "color.navy": 1, "gone": 5}, shop)
    black, navy = usage.rank[shop.index("color.black")], usage.rank[shop.index("color.navy")]
    assert 1 > black > navy > usage.rank[shop.index("color.pink")] == 0
    assert usage.count[shop.index("color.black")] == pytest.approx(np.log(10))


def test_a_turn_brings_synonyms_nearer() -> None:
    draw = np.random.default_rng(0)
    labels = _unit(draw.normal(size=(300, 64)))
    noise = draw.normal(size=(300, 64))
    noise[:, 16:] = 0  # only the first dimensions mislead
    asked = _unit(labels + 0.6 * noise)
    right = np.arange(300, dtype=np.int32)
    linear_map = learn_linear_map(
        np.tile(asked[:200], (10, 1)), labels, right=np.tile(right[:200], 10), owner=right, seed=0
    )
    before, after = asked @ labels.T, apply_linear_map(asked, linear_map) @ apply_linear_map(labels, linear_map).T
    held = slice(200, None)
    good, better = ((scores.argmax(axis=1) == right)[held].mean() for scores in (before, after))
    assert better > good + 0.1
    alone = apply_linear_map(asked[3:4], linear_map)
    assert np.array_equal(alone[0], apply_linear_map(asked, linear_map)[3])


def test_networks_learn_to_rank_and_to_say_nothing() -> None:
    data = _ranking(400, seed=1)
    model = fit_networks(data, seed=0)
    held = _ranking(200, seed=2)
    odds = model.log_odds(held.features, held.lookup)
    best = odds.reshape(200, 5).argmax(axis=1)
    gold = held.right.reshape(200, 5).argmax(axis=1)
    linked = odds.reshape(200, 5).max(axis=1) > 0
    assert (best == gold)[~held.nil].mean() > 0.9
    assert (linked == ~held.nil).mean() > 0.8
    again = RankModel.of_json(model.as_json())
    assert np.array_equal(again.log_odds(held.features, held.lookup), odds)
    assert np.array_equal(again.log_odds(held.features[10:15], held.lookup[10:15]), odds[10:15])


def test_weights_for_other_features_are_refused() -> None:
    raw = fit_networks(_ranking(50, seed=1), seed=0).as_json()
    with pytest.raises(InputError, match="other features"):
        RankModel.of_json({**raw, "features": ["exact"]})
    with pytest.raises(InputError, match="train the linker again"):
        RankModel.of_json({**raw, "slope": -1})


def test_a_directory_of_the_old_format_is_refused(shop: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"encoder.onnx": "0", "tokenizer.json": "0", "weights.json": "0"}')
    with pytest.raises(InputError, match=r"lacks learnt\.json; train it again"):
        TaxonomyLinker(shop, model_dir=tmp_path)


def test_tables_name_the_line_that_is_wrong(shop: Taxonomy, tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("gloomy\tcolor.black\n\nkids tops\tT-shirts\n")
    assert read_mentions(file, shop) == [("gloomy", "color.black"), ("kids tops", "t-shirts")]
    file.write_text("gloomy\tcolor.black\nfoo\tmauve\n")
    with pytest.raises(InputError, match=r"line 2.*mauve"):
        read_mentions(file, shop)
    file.write_text("foo\tOrange\n")
    with pytest.raises(InputError, match=r"line 1.*give the id"):
        read_mentions(file, shop)
    file.write_text("color.black\t12\nBlack\t3\n")
    assert read_usage(file, shop) == {"color.black": 15}
    file.write_text("color.black\tmany\n")
    with pytest.raises(InputError, match=r"line 1.*many"):
        read_usage(file, shop)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _ranking(queries: int, *, seed: int) -> RankData:
    """Five candidates each; the one of the largest sum of the first two features is gold, when that is above 1."""
    draw = np.random.default_rng(seed)
    features = np.zeros((queries * 5, len(RICH_FEATURES)), dtype=np.float32)
    features[:, :4] = draw.normal(size=(queries * 5, 4))
    sums = (features[:, 0] + features[:, 1]).reshape(queries, 5)
    nil = sums.max(axis=1) < 1
    right = (sums == sums.max(axis=1, keepdims=True)) & ~nil[:, None]
    lookup = np.repeat(np.arange(queries, dtype=np.int32), 5)
    counts = np.ones(queries * 5, dtype=np.bool_)
    return RankData(features, lookup, right.ravel(), counts, nil, np.ones(queries, dtype=np.float32))
